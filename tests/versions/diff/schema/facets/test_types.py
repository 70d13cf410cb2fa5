"""The keyword `type` on both sides."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.versions.comparing import drafts, said
from versions.diff.findings import Effect
from versions.diff.schema.facets.types import compare_types
from versions.diff.values import TYPES


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("string", "string", []),
        ("string", "integer", [("type-swapped", "different")]),
        ("integer", "number", [("integer-to-number", "wider")]),
        ("number", "integer", [("number-to-integer", "narrower")]),
        ("string", ["string", "null"], [("became-nullable", "wider")]),
        (["string", "null"], "string", [("became-not-nullable", "narrower")]),
        ("string", ["string", "array"], [("type-added", "wider")]),
        (["string", "array"], "array", [("type-removed", "narrower")]),
        (["string", "null"], ["integer", "null"], [("type-swapped", "different")]),
        (["string", "null"], "integer", [("became-not-nullable", "narrower"), ("type-swapped", "different")]),
        ("integer", ["number", "null"], [("integer-to-number", "wider"), ("became-nullable", "wider")]),
        (["number", "string"], ["integer", "string"], [("number-to-integer", "narrower")]),
        (["string", "array"], ["string", "object"], [("type-removed", "narrower"), ("type-added", "wider")]),
        ("null", "string", [("type-swapped", "different")]),
        ("string", "null", [("type-swapped", "different")]),
        (["integer", "number"], "number", []),
    ],
)
def test_what_is_said_of_types(old: Any, new: Any, found: list[tuple[str, str]]) -> None:
    said_of = said(compare_types, {"type": old}, {"type": new})
    assert [(key, effect) for key, _name, effect in said_of] == found


def test_types_that_came_and_went_are_listed_in_order() -> None:
    (draft,) = drafts(compare_types, {"type": ["string", "array", "object"]}, {"type": "object"})
    assert draft.old == "array or string"
    assert draft.keyword == "type"


def test_a_type_beside_none_is_narrower() -> None:
    found = drafts(compare_types, {}, {"type": ["string", "null"]})
    assert [(draft.key, draft.effect) for draft in found] == [("type-removed", Effect.NARROWER)]
    assert found[0].old == "array or boolean or number or object"


types = st.lists(st.sampled_from(TYPES), min_size=1, max_size=4, unique=True)


@given(types, types)
def test_every_lost_type_is_told_and_no_other(old: list[str], new: list[str]) -> None:
    effects = {draft.effect for draft in drafts(compare_types, {"type": old}, {"type": new})}

    def values(listed: list[str]) -> set[str]:
        whole = {"integer"} if {"integer", "number"} & set(listed) else set()
        return (set(listed) - {"integer"}) | whole

    lost, gained = values(old) - values(new), values(new) - values(old)
    assert bool(lost) is bool(effects & {Effect.NARROWER, Effect.DIFFERENT})
    assert bool(gained) is bool(effects & {Effect.WIDER, Effect.DIFFERENT})
