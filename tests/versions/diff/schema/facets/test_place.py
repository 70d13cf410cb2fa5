"""Places, the way to them, and which movements of a set can break somebody."""

from typing import Any

import pytest

from versions.diff.findings import Direction, Effect
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace, harmful, provable

ROOT = SchemaPlace({}, {}, "")


@pytest.mark.parametrize(
    ("kind", "key", "name"),
    [
        ("property", "a", "a"),
        ("prefix", 2, "[2]"),
        ("items", 0, "[*]"),
        ("names", None, "*"),
        ("member", None, ""),
    ],
)
def test_a_place_is_named_by_the_way_to_it(kind: str, key: Any, name: str) -> None:
    below = ROOT.down({}, {}, kind, key)
    assert below.name == name
    assert below.up is ROOT
    assert below.depth == 1


def test_a_long_way_is_named_step_by_step() -> None:
    place = SchemaPlace({}, {}, "body")
    place = place.down({}, {}, "property", "a").down({}, {}, "items", 0).down({}, {}, "member").down({}, {}, "names")
    assert place.name == "body.a[*].*"
    assert place.steps() == ("a", "*", "*")
    assert place.depth == 4


def test_a_root_has_no_steps() -> None:
    assert ROOT.steps() == ()
    assert ROOT.down({}, {}, "member").steps() == ()
    assert ROOT.down({}, {}, "prefix", 1).steps() == ("1",)


@pytest.mark.parametrize(
    ("effect", "request_breaks", "response_breaks"),
    [
        (Effect.NARROWER, True, False),
        (Effect.WIDER, False, True),
        (Effect.DIFFERENT, True, True),
        (Effect.UNKNOWN, True, True),
        (Effect.FACT, False, False),
    ],
)
def test_what_a_movement_breaks(effect: Effect, request_breaks: bool, response_breaks: bool) -> None:
    assert harmful(effect, Direction.REQUEST) is request_breaks
    assert harmful(effect, Direction.RESPONSE) is response_breaks


@pytest.mark.parametrize(
    ("keyword", "shown"),
    [("minimum", True), ("enum", True), ("", True), ("format", False), ("contentEncoding", False), ("xml", False)],
)
def test_inclusion_says_nothing_of_what_only_some_check(keyword: str, shown: bool) -> None:
    assert provable(DraftFinding("rewritten", Effect.FACT, ROOT, "", keyword=keyword)) is shown


def test_inclusion_says_nothing_of_what_is_left_to_a_person() -> None:
    draft = DraftFinding("rewritten", Effect.FACT, ROOT, "")
    draft.doubtful = True
    assert not provable(draft)
