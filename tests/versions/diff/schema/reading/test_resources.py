"""Where references lead: pointers, anchors, addresses inside a document, and addresses of addresses."""

from typing import Any

import pytest

from tests.versions.nodes import DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020
from versions.diff.schema.reading.dialect import dialect_of, openapi_dialect
from versions.diff.schema.reading.resources import SchemaResources


def resources(root: Any) -> SchemaResources:
    return SchemaResources(root, dialect_of(root))


def leads(root: Any, ref: str, holder: Any = None) -> str | None:
    """The pointer that a reference leads to, or None."""
    found = resources(root).find(ref, holder)
    return found.pointer if found.there else None


PLAIN = {
    **DRAFT_2020,
    "$defs": {"a/b": {"type": "string"}, "c~d": {}, "e f": {}, "g%h": {}, "": {"": {}}},
    "allOf": [{"items": {}}, {}],
}


@pytest.mark.parametrize(
    ("ref", "pointer"),
    [
        ("#", ""),
        ("", ""),
        ("#/$defs/a~1b", "/$defs/a~1b"),
        ("#/$defs/a~1b/type", "/$defs/a~1b/type"),
        ("#/$defs/c~0d", "/$defs/c~0d"),
        ("#/$defs/e%20f", "/$defs/e f"),
        ("#/$defs/g%25h", "/$defs/g%h"),
        ("#/$defs//", "/$defs//"),
        ("#/allOf/0/items", "/allOf/0/items"),
        ("#/allOf/1", "/allOf/1"),
        ("#/allOf/2", None),
        ("#/allOf/-", None),
        ("#/allOf/x", None),
        ("#/$defs/none", None),
        ("#/$defs/a", None),
        ("#anchor", None),
        ("http://elsewhere/", None),
    ],
)
def test_a_pointer_leads_through_names_and_indices(ref: str, pointer: str | None) -> None:
    assert leads(PLAIN, ref) == pointer


INNER = {"$id": "inner.json", "$anchor": "top", "$defs": {"deep": {"$anchor": "here", "type": "string"}}}
ADDRESSED = {**DRAFT_2020, "$id": "http://site/root.json", "$defs": {"inner": INNER, "plain": {"$anchor": "here"}}}


@pytest.mark.parametrize(
    ("ref", "pointer"),
    [
        ("http://site/root.json", ""),
        ("root.json", ""),
        ("root.json#/$defs/plain", "/$defs/plain"),
        ("#here", "/$defs/plain"),
        ("inner.json", "/$defs/inner"),
        ("http://site/inner.json", "/$defs/inner"),
        ("inner.json#top", "/$defs/inner"),
        ("inner.json#here", "/$defs/inner/$defs/deep"),
        ("inner.json#/$defs/deep", "/$defs/inner/$defs/deep"),
        ("inner.json#/nowhere", None),
        ("#top", None),
        ("http://other/inner.json", None),
    ],
)
def test_an_address_inside_a_document_changes_what_a_fragment_means(ref: str, pointer: str | None) -> None:
    assert leads(ADDRESSED, ref) == pointer


def test_a_reference_starts_from_the_address_around_it() -> None:
    holder = {"$ref": "#here"}
    root = {**ADDRESSED, "$defs": {"inner": {**INNER, "properties": {"a": holder}}, "plain": {"$anchor": "here"}}}
    assert leads(root, "#here", holder) == "/$defs/inner/$defs/deep"
    assert resources(root).base_of(holder) == "http://site/inner.json"
    assert resources(root).base_of({"$ref": "#here"}) == "http://site/root.json"


def test_an_address_inside_an_address_is_relative_to_it() -> None:
    root = {
        **DRAFT_2020,
        "$id": "http://site/a/root.json",
        "$defs": {"b": {"$id": "b/", "$defs": {"c": {"$id": "c.json"}}}},
    }
    assert leads(root, "http://site/a/b/c.json") == "/$defs/b/$defs/c"


@pytest.mark.parametrize(
    ("draft", "word", "read"),
    [
        (DRAFT_4, "id", True),
        (DRAFT_4, "$id", False),
        (DRAFT_6, "$id", True),
        (DRAFT_6, "id", False),
        (DRAFT_7, "$id", True),
        (DRAFT_2020, "id", False),
        ({}, "$id", True),
        ({}, "id", True),
    ],
)
def test_the_word_for_an_address_depends_on_the_draft(draft: dict[str, Any], word: str, read: bool) -> None:
    root = {**draft, "definitions": {"a": {word: "http://site/a"}}}
    assert (leads(root, "http://site/a") is not None) is read


def test_a_property_named_id_is_no_address() -> None:
    root = {"properties": {"id": {"type": "string"}, "$id": {"type": "string"}}}
    assert not resources(root).several
    assert leads({"id": "7", "definitions": {"a": {}}}, "#/definitions/a") == "/definitions/a"


def test_values_are_not_searched_for_addresses() -> None:
    root = {**DRAFT_2020, "const": {"$anchor": "a"}, "enum": [{"$anchor": "b"}], "default": {"$id": "http://site/c"}}
    assert not resources(root).several
    assert leads(root, "#a") is None


def test_a_property_may_have_the_name_of_a_keyword_with_values() -> None:
    root = {**DRAFT_2020, "properties": {"const": {"$anchor": "a"}, "default": {"$anchor": "b"}}}
    assert leads(root, "#a") == "/properties/const"
    assert leads(root, "#b") == "/properties/default"


def test_an_older_fragment_address_is_an_anchor() -> None:
    root = {**DRAFT_7, "definitions": {"a": {"$id": "#name"}}}
    assert leads(root, "#name") == "/definitions/a"
    assert leads({**DRAFT_4, "definitions": {"a": {"id": "#name"}}}, "#name") == "/definitions/a"


def test_an_address_beside_a_reference_counts_only_if_siblings_do() -> None:
    def root(draft: dict[str, Any]) -> dict[str, Any]:
        return {**draft, "$defs": {"a": {"$id": "http://site/a", "$ref": "#"}}}

    assert leads(root(DRAFT_2020), "http://site/a") == "/$defs/a"
    assert leads(root(DRAFT_7), "http://site/a") is None


def test_a_dynamic_reference_with_one_target_is_followed() -> None:
    root = {**DRAFT_2020, "$defs": {"a": {"$dynamicAnchor": "node"}}}
    found = resources(root)
    assert found.find_dynamic("$dynamicRef", "#node", None).pointer == "/$defs/a"
    assert found.find("#node").pointer == "/$defs/a"


def test_a_dynamic_reference_with_several_targets_is_not_understood() -> None:
    root = {**DRAFT_2020, "$defs": {"a": {"$dynamicAnchor": "node"}, "b": {"$id": "b", "$dynamicAnchor": "node"}}}
    assert not resources(root).find_dynamic("$dynamicRef", "#node", None).there


def test_a_dynamic_reference_without_a_dynamic_target_is_a_plain_one() -> None:
    root = {**DRAFT_2020, "$defs": {"a": {"$anchor": "plain"}}}
    assert resources(root).find_dynamic("$dynamicRef", "#plain", None).pointer == "/$defs/a"


def test_a_recursive_reference_leads_to_the_root_if_nothing_else_is_meant() -> None:
    assert resources(DRAFT_2019).find_dynamic("$recursiveRef", "#", None).pointer == ""
    alone = {**DRAFT_2019, "$recursiveAnchor": True}
    assert resources(alone).find_dynamic("$recursiveRef", "#", None).there
    several = {**alone, "$defs": {"a": {"$id": "http://site/a", "$recursiveAnchor": True}}}
    assert not resources(several).find_dynamic("$recursiveRef", "#", None).there


def test_an_older_api_has_no_addresses_inside() -> None:
    root = {"openapi": "3.0.3", "components": {"schemas": {"A": {"$id": "http://site/a", "$anchor": "x"}}}}
    found = SchemaResources(root, openapi_dialect(root))
    assert not found.several
    assert not found.find("http://site/a").there
    assert found.find("#/components/schemas/A").there


def test_a_pointer_goes_through_references() -> None:
    root = {**DRAFT_2020, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"properties": {"x": {"type": "string"}}}}}
    assert leads(root, "#/$defs/a/properties/x") == "/$defs/b/properties/x"


def test_a_pointer_through_a_circle_of_references_leads_nowhere() -> None:
    root = {**DRAFT_2020, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    assert leads(root, "#/$defs/a/properties/x") is None


def test_the_digest_of_a_document_follows_its_meaning_not_its_order() -> None:
    first, second = resources({"a": 1, "b": 2}).whole(), resources({"b": 2, "a": 1}).whole()
    assert first == second
    assert first != resources({"a": 1, "b": 3}).whole()
