"""The few things about which teams differ."""

from dataclasses import fields
from datetime import date
from typing import Any

import pytest

from versions.diff.classify import classify
from versions.diff.findings import Severity
from versions.diff.policy import SENTENCES, DiffPolicy, from_mapping

TEXT = {"type": "string"}
OVERLAPPING = {"oneOf": [TEXT, {"type": "string", "maxLength": 3}]}
LONG = {"type": "string", "minLength": 4}


def verdict(old: Any, new: Any, direction: str = "request", **knobs: Any) -> Severity:
    return classify(old, new, "jsonschema", direction, from_mapping(knobs)).verdict


def test_every_knob_has_a_sentence_in_two_languages() -> None:
    assert set(SENTENCES) == {knob.name for knob in fields(DiffPolicy)}
    for english, chinese in SENTENCES.values():
        assert english.endswith(".")
        assert chinese.endswith("。")


@pytest.mark.parametrize(
    ("data", "policy"),
    [
        ({}, DiffPolicy()),
        ({"open_enums": ["a", "b"]}, DiffPolicy(open_enums=("a", "b"))),
        ({"today": "2026-06-01"}, DiffPolicy(today=date(2026, 6, 1))),
        ({"price_rise_percent": 5}, DiffPolicy(price_rise_percent=5)),
    ],
)
def test_a_policy_from_json(data: dict[str, Any], policy: DiffPolicy) -> None:
    assert from_mapping(data) == policy


@pytest.mark.parametrize("data", [{"strictness": 1}, {"today": "soon"}])
def test_a_policy_that_cannot_be_read(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"strictness|soon"):
        from_mapping(data)


@pytest.mark.parametrize(
    ("old", "new", "exact", "loose"),
    [
        (OVERLAPPING, LONG, Severity.COMPATIBLE, Severity.BREAKING),
        (TEXT, OVERLAPPING, Severity.BREAKING, Severity.COMPATIBLE),
        (
            {"type": "object", "properties": {"a": OVERLAPPING}},
            {"type": "object", "properties": {"a": LONG}},
            Severity.COMPATIBLE,
            Severity.BREAKING,
        ),
        (
            {**OVERLAPPING, "anyOf": [{"maxLength": 9}, {"minLength": 20}]},
            {**LONG, "anyOf": [{"maxLength": 9}, {"minLength": 20}]},
            Severity.COMPATIBLE,
            Severity.BREAKING,
        ),
    ],
)
def test_a_value_that_matches_two_members_is_refused_or_not(
    old: Any, new: Any, exact: Severity, loose: Severity
) -> None:
    assert verdict(old, new) is exact
    assert verdict(old, new, exact_one_of=True) is exact
    assert verdict(old, new, exact_one_of=False) is loose


def test_a_document_is_read_by_the_same_knob() -> None:
    def document(schema: Any) -> dict[str, Any]:
        body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
        return {"openapi": "3.1.0", "paths": {"/a": {"post": body}}}

    pair = document(OVERLAPPING), document(LONG)
    assert classify(*pair, "openapi", "both", DiffPolicy()).verdict is Severity.COMPATIBLE
    assert classify(*pair, "openapi", "both", DiffPolicy(exact_one_of=False)).verdict is Severity.BREAKING


@pytest.mark.parametrize(
    ("entries", "pointer", "node", "is_open"),
    [
        ((), "/a", {}, False),
        ((), "/a", {"x-extensible-enum": []}, True),
        (("color",), "/a", {"format": "color"}, True),
        (("/color",), "/components/schemas/color", {}, True),
        (("/color",), "/components/schemas/colors", {}, False),
    ],
)
def test_an_enumeration_is_open_by_place_or_format(
    entries: tuple[str, ...], pointer: str, node: dict[str, Any], is_open: bool
) -> None:
    assert DiffPolicy(open_enums=entries).is_open_enum(pointer, node) is is_open


def test_dates_are_judged_on_a_day() -> None:
    assert DiffPolicy(today=date(2026, 6, 1)).at() == date(2026, 6, 1)
    assert DiffPolicy().at() >= date(2026, 1, 1)
