"""What needs the whole of a node: access, null, and who inherits from it."""

from typing import Any

import pytest

from tests.versions.nodes import api_read, api_reader, read
from versions.diff.findings import Direction
from versions.diff.schema.reading.finishing import HEIRS, heirs_in


@pytest.mark.parametrize(
    ("schema", "node"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": ["string"]}),
        ({"nullable": True}, {}),
        ({"type": "string", "x-nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": "string", "enum": ["a", None], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
    ],
)
def test_null_that_is_sure(schema: dict[str, Any], node: dict[str, Any]) -> None:
    assert api_read(schema) == node


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "enum": ["a"], "nullable": True},
        {"enum": ["a"], "nullable": True},
        {"allOf": [{"type": "string"}], "nullable": True},
        {"type": "string", "allOf": [{"maxLength": 3}], "nullable": True},
        {"anyOf": [{"type": "string"}], "nullable": True},
        {"type": "string", "not": {"enum": ["a"]}, "nullable": True},
    ],
)
def test_null_that_is_in_doubt(schema: dict[str, Any]) -> None:
    assert api_read(schema)["nullable"] is True


def test_null_beside_type_is_in_doubt_outside_an_older_api() -> None:
    assert api_read({"type": "string", "nullable": True}, "3.1.0") == {"type": ["string"], "nullable": True}
    assert read({"type": "string", "nullable": True}) == {"type": ["string"], "nullable": True}


@pytest.mark.parametrize("direction", list(Direction))
def test_a_field_that_does_not_travel_keeps_its_mark(direction: Direction) -> None:
    node = api_read({"properties": {"a": {"readOnly": True}}, "required": ["a"]}, direction=direction)
    assert node["properties"]["a"]["readOnly"] is True
    assert ("required" in node) is (direction is Direction.RESPONSE)


def test_a_field_hidden_behind_a_reference_is_not_required() -> None:
    found = api_reader(Hidden={"type": "string", "readOnly": True})
    node = found.schema({"properties": {"a": {"$ref": "#/components/schemas/Hidden"}}, "required": ["a", "b"]}, "/a")
    assert node["required"] == ["b"]


PET: dict[str, Any] = {"type": "object", "discriminator": {"propertyName": "kind"}}
CAT = {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"properties": {"lives": {"type": "integer"}}}]}
LION = {"allOf": [{"$ref": "#/components/schemas/Cat"}]}


def heirs(**schemas: Any) -> dict[str, Any]:
    """The heirs of `Pet` among some named schemas."""
    found = api_reader(**schemas)
    node = found.schema({"$ref": "#/components/schemas/Pet"}, "/a")
    inherited: dict[str, Any] = node.get(HEIRS, {})
    return inherited


def test_heirs_take_a_schema_into_their_all_of_however_far() -> None:
    assert set(heirs(Pet=PET, Cat=CAT, Lion=LION, Other={"type": "string"})) == {"Cat", "Lion"}


def test_a_mapping_gives_heirs_other_names() -> None:
    mapped = {**PET, "discriminator": {"propertyName": "kind", "mapping": {"c": "#/components/schemas/Cat"}}}
    assert set(heirs(Pet=mapped, Cat=CAT)) == {"c"}


def test_a_mapping_may_name_schemas_without_a_path() -> None:
    mapped = {**PET, "discriminator": {"propertyName": "kind", "mapping": {"c": "Cat"}}}
    found = heirs(Pet=mapped, Cat=CAT)
    assert set(found) == {"c"}
    assert found["c"]["allOf"][1]["properties"]["lives"] == {"type": ["integer"]}


def test_a_schema_without_a_discriminator_has_no_heirs() -> None:
    assert heirs(Pet={"type": "object"}, Cat=CAT) == {}


def test_alternatives_that_are_not_mapped_are_known_by_their_names() -> None:
    pet = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"c": "#/components/schemas/Cat"}},
    }
    assert heirs(Pet=pet, Cat={"type": "object"}, Dog={"type": "object"}) == {"Dog": {}}


def test_heirs_are_found_in_both_places_of_named_schemas() -> None:
    swagger = {"definitions": {"Cat": {"allOf": [{"$ref": "#/definitions/Pet"}]}}}
    assert heirs_in(swagger) == {"#/definitions/Pet": [("Cat", "#/definitions/Cat")]}
    api = {"components": {"schemas": {"Cat": CAT}}}
    assert heirs_in(api) == {"#/components/schemas/Pet": [("Cat", "#/components/schemas/Cat")]}


@pytest.mark.parametrize("root", [{}, {"components": []}, {"definitions": []}, {"definitions": {"a": {"allOf": "b"}}}])
def test_a_document_without_named_schemas_has_no_heirs(root: dict[str, Any]) -> None:
    assert heirs_in(root) == {}
