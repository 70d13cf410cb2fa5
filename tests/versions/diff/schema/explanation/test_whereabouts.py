"""Where nodes stand in their documents, and what a person calls them."""

from typing import Any

import pytest

from tests.versions.nodes import DRAFT_2020, reader
from versions.diff.schema.explanation.whereabouts import Whereabouts
from versions.diff.schema.facets.place import SchemaPlace
from versions.diff.schema.sets.normal import Normal


def whereabouts(document: Any) -> tuple[Whereabouts, Any]:
    """The places of one document, and its node."""
    found, normal = reader(document), Normal()
    node = found.schema(document, "")
    where = Whereabouts(normal)
    where.old = where.new = found.where
    return where, node


DOCUMENT = {
    **DRAFT_2020,
    "$defs": {"Color": {"enum": ["red"]}, "7": {"type": "string"}},
    "properties": {
        "a": {"$ref": "#/$defs/Color"},
        "b": {"allOf": [{"minimum": 1}, {"maximum": 5}]},
        "c": {"$ref": "#/$defs/7"},
        "d": {"items": {"type": ["string", "null"]}},
        "e": {"items": {"required": ["x"], "minProperties": 2}},
    },
}


def test_a_node_is_found_where_its_schema_is_written() -> None:
    where, node = whereabouts(DOCUMENT)
    properties = node["properties"]
    assert where.pointers(SchemaPlace(properties["a"], properties["d"], "")) == ("/$defs/Color", "/properties/d")


def test_a_normal_form_is_found_where_its_source_is_written() -> None:
    where, node = whereabouts(DOCUMENT)
    form = where.normal.form(node["properties"]["b"])
    assert form is not node["properties"]["b"]
    assert where.pointers(SchemaPlace(form, {}, "")) == ("/properties/b", "")


def test_named_schemas_are_known_as_such() -> None:
    where, node = whereabouts(DOCUMENT)
    assert where.named(node["properties"]["a"])
    assert not where.named(node["properties"]["b"])
    assert not where.named({})


@pytest.mark.parametrize(("name", "title"), [("a", "Color"), ("b", "b"), ("c", "string"), ("d", "d")])
def test_a_person_calls_a_node_by_its_name_or_type(name: str, title: str) -> None:
    where, node = whereabouts(DOCUMENT)
    assert where.title(node["properties"][name]) == title


def test_a_node_without_a_name_is_called_by_what_it_says() -> None:
    where, node = whereabouts(DOCUMENT)
    assert where.title(node["properties"]["d"]["items"]) == "string or null"
    assert where.title(node["properties"]["e"]["items"]) == "{'required': ['x']}"
