"""Arrays: how many items, of what kind, and whether they may repeat."""

from typing import Any

import pytest

from tests.versions.comparing import READ, keys, said
from tests.versions.nodes import read
from versions.diff.schema.facets.arrays import array_facets, item_at, with_length

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


@pytest.mark.parametrize(
    ("old", "new", "key", "effect"),
    [
        ({}, {"minItems": 1}, "bound-added", "narrower"),
        ({"minItems": 1}, {}, "bound-removed", "wider"),
        ({"minItems": 1}, {"minItems": 2}, "items-tightened", "narrower"),
        ({"minItems": 2}, {"minItems": 1}, "items-loosened", "wider"),
        ({"maxItems": 2}, {"maxItems": 1}, "items-tightened", "narrower"),
        ({"maxItems": 1}, {"maxItems": 2}, "items-loosened", "wider"),
        ({}, {"uniqueItems": True}, "unique-items-on", "narrower"),
        ({"uniqueItems": True}, {"uniqueItems": False}, "unique-items-off", "wider"),
        ({}, {"contains": TEXT}, "keyword-narrowed", "narrower"),
        ({"contains": TEXT}, {}, "keyword-widened", "wider"),
        ({"contains": WHOLE}, {"contains": {"type": "number"}}, "keyword-widened", "wider"),
        ({"contains": {"type": "number"}}, {"contains": WHOLE}, "keyword-narrowed", "narrower"),
        ({"contains": TEXT}, {"contains": WHOLE}, "keyword-undecided", "unknown"),
        ({"contains": TEXT}, {"contains": TEXT, "minContains": 2}, "keyword-narrowed", "narrower"),
        ({"contains": TEXT, "minContains": 2}, {"contains": TEXT}, "keyword-widened", "wider"),
        ({"contains": TEXT}, {"contains": TEXT, "maxContains": 2}, "keyword-narrowed", "narrower"),
        ({"contains": TEXT, "maxContains": 2}, {"contains": TEXT, "maxContains": 3}, "keyword-widened", "wider"),
        ({"items": TEXT}, {"items": False}, "items-tightened", "narrower"),
    ],
)
def test_what_is_said_of_arrays(old: Any, new: Any, key: str, effect: str) -> None:
    found = said(array_facets, old, new)
    if new.get("items") is False:
        assert found == [("bound-added", "", effect)]
    else:
        assert found == [(key, "", effect)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"minItems": 0}, {}),
        ({"uniqueItems": False}, {}),
        ({"items": TEXT}, {"items": TEXT}),
        ({"prefixItems": [TEXT]}, {"prefixItems": [TEXT]}),
        ({"prefixItems": [TEXT], "items": TEXT}, {"items": TEXT}),
        ({"items": False}, {"maxItems": 0}),
        ({"contains": TEXT}, {"contains": TEXT, "minContains": 1}),
        ({"contains": {"const": 1}}, {"contains": {"enum": [1.0]}}),
        ({"unevaluatedItems": False}, {"unevaluatedItems": False}),
    ],
)
def test_arrays_that_are_described_alike(old: Any, new: Any) -> None:
    assert keys(array_facets, old, new) == []


def test_an_item_is_told_by_its_place() -> None:
    old = {"prefixItems": [TEXT, {"maximum": 5}], "items": {"maxLength": 3}}
    new = {"prefixItems": [WHOLE, {"maximum": 4}], "items": {"maxLength": 2}}
    assert [(key, name) for key, name, _effect in said(array_facets, old, new)] == [
        ("type-swapped", "[0]"),
        ("bound-tightened", "[1]"),
        ("bound-tightened", "[*]"),
    ]


def test_a_tuple_beside_a_list_is_compared_item_by_item() -> None:
    found = said(array_facets, {"prefixItems": [TEXT, WHOLE]}, {"items": TEXT})
    assert ("type-swapped", "[1]", "different") in found
    assert not [name for _key, name, _effect in found if name == "[0]"]


def test_a_tuple_that_becomes_shorter_is_bounded() -> None:
    old = {"prefixItems": [TEXT, WHOLE], "items": False}
    new = {"prefixItems": [TEXT], "items": False}
    assert said(array_facets, old, new) == [("items-tightened", "", "narrower")]
    assert said(array_facets, new, old) == [("items-loosened", "", "wider")]


def test_unevaluated_items_are_items() -> None:
    assert ("type-swapped", "[*]", "different") in said(
        array_facets, {"unevaluatedItems": TEXT}, {"unevaluatedItems": WHOLE}
    )


def test_contains_that_is_counted_is_not_compared_as_a_set() -> None:
    old = {"contains": WHOLE, "maxContains": 2}
    new = {"contains": {"type": "number"}, "maxContains": 2}
    assert keys(array_facets, old, new) == ["keyword-undecided"]
    assert keys(array_facets, old, new, READ) == ["keyword-undecided"]


@pytest.mark.parametrize(
    ("schema", "longest"),
    [
        ({}, None),
        ({"maxItems": 5}, 5),
        ({"items": False}, 0),
        ({"prefixItems": [TEXT, TEXT], "items": False}, 2),
        ({"prefixItems": [TEXT, TEXT], "items": False, "maxItems": 1}, 1),
        ({"prefixItems": [TEXT, TEXT]}, None),
    ],
)
def test_a_closed_tuple_has_a_greatest_length(schema: Any, longest: int | None) -> None:
    assert with_length(read(schema)).get("maxItems") == longest


@pytest.mark.parametrize(
    ("schema", "index", "item"),
    [
        ({"prefixItems": [TEXT], "items": WHOLE}, 0, {"type": ["string"]}),
        ({"prefixItems": [TEXT], "items": WHOLE}, 1, {"type": ["integer"]}),
        ({"prefixItems": [TEXT], "items": False}, 1, {"type": []}),
        ({"items": TEXT, "maxItems": 2}, 2, {"type": []}),
        ({}, 9, {}),
    ],
)
def test_what_an_item_must_fit(schema: Any, index: int, item: Any) -> None:
    assert item_at(read(schema), index) == item
