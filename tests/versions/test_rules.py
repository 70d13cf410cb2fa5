"""Every rule of the table is seen, in both directions, with the verdict that the table gives it."""

from typing import Any

import pytest

from tests.versions.operation_cases import OPERATIONS
from tests.versions.other_cases import OTHERS
from tests.versions.schema_cases import SCHEMAS
from versions.diff.classify import classify
from versions.diff.findings import Direction, Effect, Report, Severity
from versions.diff.rules import table

DIRECTIONS = ("request", "response")


def found(report: Report, key: str) -> set[tuple[int, str]]:
    """The severities of a report's findings under one key, as text, with rule numbers."""
    return {(finding.rule, finding.severity.value) for finding in report.findings if finding.key == key}


@pytest.mark.parametrize("case", SCHEMAS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_schema_rule(case: tuple[Any, ...]) -> None:
    rule, key, old, new, *verdicts = case
    for direction, verdict in zip(DIRECTIONS, verdicts, strict=True):
        seen = found(classify(old, new, "jsonschema", direction), key)
        assert seen == ({(rule, verdict)} if verdict else set()), direction


@pytest.mark.parametrize("case", OPERATIONS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_operation_rule(case: tuple[Any, ...]) -> None:
    rule, key, old, new, verdict = case
    report = classify(old, new, "openapi")
    assert found(report, key) == {(rule, verdict)}
    assert classify(old, old, "openapi").findings == ()


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_rule_of_other_kinds(case: tuple[Any, ...]) -> None:
    kind, rule, key, old, new, verdict = case
    assert (rule, verdict) in found(classify(old, new, kind), key)
    assert classify(old, old, kind).verdict is Severity.COMPATIBLE


def test_every_row_of_the_table_has_a_case() -> None:
    shown = {case[1] for case in SCHEMAS} | {case[1] for case in OPERATIONS} | {case[2] for case in OTHERS}
    assert set(table()) - shown == {"too-much-work"}, "tests/versions/test_hostile.py has the cases of that one"
    assert {rule.number for rule in table().values()} == set(range(1, 74))


def test_verdicts_of_set_rules_follow_from_effect_and_direction() -> None:
    """A request may widen and a response may narrow; a row that departs from it says by which convention."""
    breaking = {
        Effect.NARROWER: {Direction.REQUEST}, Effect.WIDER: {Direction.RESPONSE},
        Effect.DIFFERENT: set(Direction), Effect.UNKNOWN: set(),
    }  # fmt: skip
    for rule in table().values():
        if rule.effect is Effect.FACT:
            continue
        for direction in Direction:
            expected = Severity.BREAKING if direction in breaking[rule.effect] else Severity.COMPATIBLE
            expected = Severity.REVIEW if rule.effect is Effect.UNKNOWN else expected
            assert rule.severity(direction) is expected or rule.convention, rule.key


def test_every_rule_speaks_both_languages() -> None:
    for rule in table().values():
        english, chinese = rule.words(name="NAME", old="OLD", new="NEW")
        assert english
        assert english != chinese
        assert any("一" <= char <= "鿿" for char in chinese), rule.key
