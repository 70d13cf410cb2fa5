"""Enumerations and constants, value by value."""

from typing import Any

import pytest

from tests.versions.comparing import READ, SENT, drafts, said
from versions.diff.findings import Effect
from versions.diff.policy import DiffPolicy
from versions.diff.schema.facets.finite import compare_finite


def found(old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Key, old and new value of what is said."""
    return [(draft.key, draft.old, draft.new) for draft in drafts(compare_finite, old, new)]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}, []),
        ({"enum": [1]}, {"enum": [1.0]}, []),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, [("enum-value-added", None, "b")]),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, [("enum-value-removed", "b", None)]),
        (
            {"enum": ["a", "b"]},
            {"enum": ["a", "c"]},
            [("enum-value-removed", "b", None), ("enum-value-added", None, "c")],
        ),
        ({"const": "a"}, {"const": "b"}, [("const-changed", "a", "b")]),
        ({"const": "a"}, {"enum": ["b"]}, [("const-changed", "a", "b")]),
        ({"const": "a"}, {"enum": ["a", "b"]}, [("enum-value-added", None, "b")]),
        ({"const": 1}, {"const": True}, [("const-changed", 1, True)]),
        ({"enum": ["a"]}, {"enum": ["a", None]}, [("became-nullable", None, None)]),
        ({"enum": ["a", None]}, {"enum": ["a"]}, [("became-not-nullable", None, None)]),
        ({"enum": ["a", 1], "type": "string"}, {"enum": ["a"]}, []),
        ({"enum": ["a", "bbb"], "maxLength": 2}, {"enum": ["a"]}, []),
        ({"type": "boolean"}, {"enum": [True]}, [("enum-value-removed", False, None)]),
        ({"enum": [True]}, {"type": "boolean"}, [("enum-value-added", None, False)]),
        ({"type": "boolean"}, {"enum": [False, True]}, []),
        ({"type": "null"}, {"const": None}, []),
    ],
)
def test_what_is_said_of_two_finite_sets(old: Any, new: Any, told: list[tuple[str, Any, Any]]) -> None:
    assert found(old, new) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"enum": ["a", "b"]}, {"type": "string"}, [("enum-dropped", "wider")]),
        ({"type": "string"}, {"enum": ["a", "b"]}, [("enum-added", "narrower")]),
        ({"enum": ["a", 1]}, {"type": "string"}, [("enum-value-removed", "narrower"), ("enum-dropped", "wider")]),
        ({"type": "string"}, {"enum": ["a", 1]}, [("enum-value-added", "wider"), ("enum-added", "narrower")]),
        ({"enum": ["a"]}, {"type": "integer"}, [("type-swapped", "different")]),
        ({"type": "integer"}, {"enum": ["a"]}, [("type-swapped", "different")]),
        ({"enum": ["a", None]}, {"type": "string"}, [("became-not-nullable", "narrower"), ("enum-dropped", "wider")]),
        ({"enum": ["long"]}, {"maxLength": 2}, [("enum-value-removed", "narrower"), ("enum-dropped", "wider")]),
    ],
)
def test_what_is_said_of_an_enumeration_and_an_infinite_set(old: Any, new: Any, told: list[tuple[str, str]]) -> None:
    assert [(key, effect) for key, _name, effect in said(compare_finite, old, new)] == told


def test_two_infinite_sets_are_left_to_others() -> None:
    from_types = drafts(lambda *sides: compare_finite(*sides), {"type": "string"}, {"type": "integer"})
    assert from_types == []


@pytest.mark.parametrize("direction", [SENT, READ])
def test_a_constant_that_changed_is_shown_by_what_was_made(direction: Any) -> None:
    (draft,) = drafts(compare_finite, {"const": "a"}, {"const": "b"}, direction)
    assert draft.has_value
    assert draft.value == ("a" if direction is SENT else "b")


@pytest.mark.parametrize(
    "policy", [DiffPolicy(open_enums=("",)), DiffPolicy(open_enums=("color",)), DiffPolicy(open_enums=("x", "color"))]
)
def test_an_open_enumeration_accepts_what_it_does_not_list(policy: DiffPolicy) -> None:
    old, new = ({"enum": values, "format": "color"} for values in (["red"], ["red", "blue"]))
    (draft,) = drafts(compare_finite, old, new, READ, policy)
    assert (draft.key, draft.effect) == ("open-enum-value-added", Effect.FACT)


def test_an_enumeration_that_says_it_is_open() -> None:
    old, new = ({"enum": values, "x-extensible-enum": []} for values in (["red"], ["red", "blue"]))
    assert [draft.key for draft in drafts(compare_finite, old, new, READ)] == ["open-enum-value-added"]


def test_a_value_removed_from_an_open_enumeration_is_told_all_the_same() -> None:
    policy = DiffPolicy(open_enums=("",))
    found_keys = [draft.key for draft in drafts(compare_finite, {"enum": ["a", "b"]}, {"enum": ["a"]}, SENT, policy)]
    assert found_keys == ["enum-value-removed"]
