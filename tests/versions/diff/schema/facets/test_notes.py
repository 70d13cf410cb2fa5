"""Keywords that restrict nothing and yet concern a caller."""

from typing import Any

import pytest

from tests.versions.comparing import READ, SENT, drafts, keys, said
from versions.diff.findings import Effect, Severity
from versions.diff.schema.facets.notes import annotations


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"default": 1}, {"default": 1.0}, []),
        ({"default": 1}, {"default": 2}, ["default-changed"]),
        ({"default": 1}, {"default": True}, ["default-changed"]),
        ({}, {"default": None}, []),
        ({}, {"default": "a"}, ["default-changed"]),
        ({"deprecated": True}, {}, ["reactivated"]),
        ({}, {"deprecated": True}, ["deprecated"]),
        ({"description": "a"}, {"description": "b"}, []),
        ({"description": "a"}, {"description": "This is deprecated."}, ["prose-notice"]),
        ({"description": "deprecated"}, {"description": "still Deprecated"}, []),
        ({"description": "字段"}, {"description": "该字段已弃用"}, ["prose-notice"]),
        ({"xml": {"name": "a"}}, {"xml": {"name": "b"}}, ["keyword-undecided"]),
        ({"xml": {"name": "a"}}, {"xml": {"name": "a"}}, []),
        ({"x-extensible-enum": ["a"]}, {"x-extensible-enum": ["a", "b"]}, ["open-enum-value-added"]),
        ({"x-extensible-enum": ["a", "b"]}, {"x-extensible-enum": ["b"]}, ["enum-value-removed"]),
        ({"x-extensible-enum": "a"}, {"x-extensible-enum": ["b"]}, []),
        ({"title": "a"}, {"title": "b"}, []),
    ],
)
def test_what_is_said_of_notes(old: Any, new: Any, found: list[str]) -> None:
    assert keys(annotations, old, new) == found


def discriminated(name: str = "kind", **mapping: str) -> dict[str, Any]:
    found: dict[str, Any] = {"propertyName": name}
    return {"discriminator": {**found, "mapping": mapping} if mapping else found}


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (discriminated(), discriminated(), []),
        ({}, discriminated(), ["discriminator-presence"]),
        (discriminated(), {}, ["discriminator-presence"]),
        (discriminated("kind"), discriminated("type"), ["discriminator-changed"]),
        (discriminated(a="#/x/A"), discriminated(a="#/y/A"), []),
        (discriminated(a="A"), discriminated(a="B"), ["discriminator-changed"]),
        (discriminated(a="A"), discriminated(a="A", b="B"), ["discriminator-value-added"]),
        (discriminated(a="A", b="B"), discriminated(a="A"), ["discriminator-changed"]),
        ({"discriminator": "kind"}, discriminated("kind"), []),
        ({"discriminator": 7}, {}, []),
    ],
)
def test_what_is_said_of_a_discriminator(old: Any, new: Any, found: list[str]) -> None:
    assert keys(annotations, old, new) == found


def test_a_value_that_a_reader_no_longer_meets_is_left_to_a_person() -> None:
    old, new = discriminated(a="A", b="B"), discriminated(a="A")
    (sent,) = drafts(annotations, old, new, SENT)
    (read_back,) = drafts(annotations, old, new, READ)
    assert not sent.doubtful
    assert (read_back.severity, read_back.doubtful) == (Severity.REVIEW, True)


@pytest.mark.parametrize(
    ("old", "new", "direction", "key", "severity"),
    [
        (False, True, READ, "became-nullable", Severity.REVIEW),
        (False, True, SENT, "became-nullable", None),
        (True, False, SENT, "became-not-nullable", Severity.REVIEW),
        (True, False, READ, "became-not-nullable", None),
    ],
)
def test_null_in_doubt_is_never_more_than_a_question(
    old: bool, new: bool, direction: Any, key: str, severity: Severity | None
) -> None:
    before, after = ({"enum": ["a"], **({"nullable": True} if side else {})} for side in (old, new))
    (draft,) = drafts(annotations, before, after, direction)
    assert (draft.key, draft.severity, draft.keyword) == (key, severity, "nullable")


def test_notes_are_facts_and_not_movements_of_a_set() -> None:
    old: dict[str, Any] = {"default": 1, "deprecated": True, **discriminated(a="A")}
    new = {"default": 2, "x-stability-level": "beta", **discriminated(a="A", b="B")}
    assert {effect for _key, _name, effect in said(annotations, old, new)} == {Effect.FACT.value}


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ({"x-stability-level": "stable"}, {"x-stability-level": "beta"}, "stability-lowered"),
        ({"x-stability-level": "alpha"}, {"x-stability-level": "beta"}, "stability-raised"),
        ({"x-stability-level": "alpha"}, {}, "stability-raised"),
        ({}, {"x-stability-level": "gold"}, "stability-unknown"),
    ],
)
def test_stability_of_a_field(old: Any, new: Any, key: str) -> None:
    assert keys(annotations, old, new) == [key]
