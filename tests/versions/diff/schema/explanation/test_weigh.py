"""From what was said to findings: severities, witnesses, words, and the last gate."""

from typing import Any

import pytest

from tests.versions.comparing import READ, SENT
from versions.diff.classify import classify
from versions.diff.findings import DiffFinding, Direction, Report, Severity
from versions.diff.policy import DiffPolicy
from versions.diff.rules import table
from versions.diff.schema.explanation import weigh

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def report(old: Any, new: Any, direction: Direction = SENT, **knobs: Any) -> Report:
    return classify(old, new, "jsonschema", direction.value, DiffPolicy(**knobs))


def only(old: Any, new: Any, direction: Direction = SENT, **knobs: Any) -> DiffFinding:
    (finding,) = report(old, new, direction, **knobs).findings
    return finding


def thing(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties}
    return {**found, "required": required} if required else found


@pytest.mark.parametrize(
    ("old", "new", "direction", "value"),
    [
        ({"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 4}, SENT, 5),
        ({"type": "integer", "maximum": 4}, {"type": "integer", "maximum": 5}, READ, 5),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, SENT, "b"),
        (thing(a={"type": "integer", "maximum": 5}), thing(a={"type": "integer", "maximum": 4}), SENT, {"a": 5}),
        (thing(["k"], k=TEXT, a=WHOLE), thing(["k", "a"], k=TEXT, a=WHOLE), SENT, {"k": ""}),
        (thing(a=TEXT), {**thing(), "additionalProperties": False}, SENT, {"a": ""}),
        (
            {"type": "array", "items": {"type": "integer", "maximum": 5}},
            {"type": "array", "items": {"type": "integer", "maximum": 4}},
            SENT,
            [5],
        ),
        (
            {"type": "array", "prefixItems": [TEXT, {"type": "integer", "maximum": 5}]},
            {"type": "array", "prefixItems": [TEXT, {"type": "integer", "maximum": 4}]},
            SENT,
            ["", 5],
        ),
    ],
)
def test_a_break_is_shown_by_a_whole_value(old: Any, new: Any, direction: Direction, value: Any) -> None:
    finding = next(one for one in report(old, new, direction).findings if one.witness)
    assert finding.severity is Severity.BREAKING
    assert finding.witness is not None
    assert finding.witness.whole
    assert finding.witness.value == value


@pytest.mark.parametrize(("direction", "sides"), [(SENT, ("old", "new")), (READ, ("new", "old"))])
def test_a_witness_says_who_accepts_and_who_refuses(direction: Direction, sides: tuple[str, str]) -> None:
    pair = ({"enum": ["a", "b"]}, {"enum": ["a"]})
    finding = only(*(pair if direction is SENT else pair[::-1]), direction)
    assert finding.witness is not None
    assert (finding.witness.accepted_by, finding.witness.refused_by) == sides


def test_a_format_is_shown_by_a_value_that_has_it() -> None:
    old, new = ({"type": "string", "format": name} for name in ("uuid", "ipv4"))
    finding = only(old, new)
    assert finding.key == "format-swapped"
    assert finding.witness is not None
    assert finding.witness.value == "123e4567-e89b-12d3-a456-426614174000"


def test_a_doubt_that_is_shown_is_a_break() -> None:
    old, new = {"not": {"type": "string"}}, {"not": {"type": "integer"}}
    finding = next(one for one in report(old, new).findings if one.key == "keyword-undecided")
    assert finding.severity is Severity.BREAKING
    assert finding.witness is not None


def test_a_doubt_that_is_not_shown_stays_a_doubt() -> None:
    old, new = {"type": "string", "pattern": "(?=a)"}, {"type": "string", "pattern": "(?=b)"}
    finding = only(old, new)
    assert (finding.key, finding.severity, finding.witness) == ("pattern-undecided", Severity.REVIEW, None)


def test_what_was_shown_enough_is_not_shown_again() -> None:
    old = {
        "type": "object",
        "properties": {f"p{n}": {"type": "integer", "maximum": n} for n in range(weigh.MAX_WITNESSES + 9)},
    }
    new = {
        "type": "object",
        "properties": {f"p{n}": {"type": "integer", "maximum": n - 1} for n in range(weigh.MAX_WITNESSES + 9)},
    }
    found = report(old, new).findings
    assert len(found) == weigh.MAX_WITNESSES + 9
    assert sum(finding.witness is not None for finding in found) == weigh.MAX_WITNESSES
    assert {finding.severity for finding in found} == {Severity.BREAKING}


@pytest.mark.parametrize("knob", [True, False])
def test_readers_may_live_with_wider_limits(knob: bool) -> None:
    finding = only(
        {"type": "integer", "maximum": 4}, {"type": "integer", "maximum": 5}, READ, readers_depend_on_bounds=knob
    )
    assert finding.severity is (Severity.BREAKING if knob else Severity.COMPATIBLE)


def test_senders_never_live_with_tighter_limits() -> None:
    old, new = {"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 4}
    assert only(old, new, SENT, readers_depend_on_bounds=False).severity is Severity.BREAKING


@pytest.mark.parametrize("knob", [True, False])
def test_a_declared_name_may_have_been_sent_before(knob: bool) -> None:
    found = report(thing(), thing(a=TEXT), SENT, unknown_fields_tolerated=knob)
    assert found.verdict is (Severity.COMPATIBLE if knob else Severity.REVIEW)


def test_what_is_not_proved_as_a_whole_waits_for_a_person() -> None:
    old = {"type": "string", "pattern": "^a", "check": 1}
    new = {"type": "string", "pattern": "^(a|b)", "check": 1, "maxLength": 10**6}
    found = report(old, new)
    assert found.verdict is not Severity.COMPATIBLE


def test_a_finding_carries_the_words_of_its_rule() -> None:
    finding = only({"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 4})
    rule = table()["bound-tightened"]
    assert finding.rule == rule.number
    assert finding.en == rule.words(name="the value", old="maximum 5", new="maximum 4")[0]
    assert "the value" not in finding.zh


def test_a_finding_names_both_places_in_their_documents() -> None:
    def document(limit: int, folder: str) -> dict[str, Any]:
        return {folder: {"t": {"type": "integer", "maximum": limit}}, **thing(a={"$ref": f"#/{folder}/t"})}

    finding = only(document(5, "definitions"), document(4, "$defs"))
    assert (finding.path, finding.old_pointer, finding.new_pointer) == ("a", "/definitions/t", "/$defs/t")


def test_the_worst_finding_comes_first() -> None:
    found = report(thing(a=TEXT, b=WHOLE), thing(a=WHOLE, b=WHOLE, c=TEXT)).findings
    assert [finding.severity for finding in found] == sorted(
        (finding.severity for finding in found), key=[*Severity].index
    )


def test_a_claim_inside_alternatives_without_a_witness_is_a_question() -> None:
    def document(name: str) -> dict[str, Any]:
        fields = {"k": {"const": 1}, "a": {**TEXT, "format": name}}
        return {"anyOf": [thing(["k"], **fields), thing(["k"], k={"const": 2})]}

    found = report(document("phone"), document("fax"))
    assert {(one.key, one.severity) for one in found.findings} == {("format-swapped", Severity.REVIEW)}
