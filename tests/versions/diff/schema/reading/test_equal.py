"""Whether two nodes are written alike."""

from typing import Any

import pytest

from tests.versions.nodes import read
from versions.diff.schema.reading.equal import MAX_STEPS, alike


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({}, {}),
        ({"type": "string", "maxLength": 3}, {"maxLength": 3, "type": "string"}),
        ({"title": "a"}, {"title": "b"}),
        ({"items": {"enum": [1, {"a": None}]}}, {"items": {"enum": [1, {"a": None}]}}),
        ({"$defs": {"t": {"type": "string"}}, "items": {"$ref": "#/$defs/t"}}, {"items": {"type": "string"}}),
        ({"const": 1.0}, {"const": 1.0}),
    ],
)
def test_nodes_that_say_the_same_in_the_same_words(left: Any, right: Any) -> None:
    assert alike(read(left), read(right))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({"const": 1}, {"const": 1.0}),
        ({"const": 1}, {"const": True}),
        ({"const": 0}, {"const": False}),
        ({"const": ""}, {"const": None}),
        ({"enum": [1, 2]}, {"enum": [2, 1]}),
        ({"enum": [1]}, {"enum": [1, 1]}),
        ({"properties": {"a": {}}}, {"properties": {"b": {}}}),
        ({"minimum": 1}, {"maximum": 1}),
        ({"minimum": 1}, {"minimum": 2}),
        ({"items": {"type": "string"}}, {"items": {"type": "integer"}}),
        ({"allOf": [{}]}, {"allOf": [{}, {}]}),
    ],
)
def test_nodes_that_differ_in_a_word(left: Any, right: Any) -> None:
    assert not alike(read(left), read(right))


def tree(kind: str) -> dict[str, Any]:
    return {"properties": {"value": {"type": kind}, "left": {"$ref": "#"}, "right": {"$ref": "#"}}}


def test_recursive_nodes_are_compared_once_round() -> None:
    assert alike(read(tree("string")), read(tree("string")))
    assert not alike(read(tree("string")), read(tree("integer")))


def test_a_circle_of_one_is_like_a_circle_of_two() -> None:
    one = read({"items": {"$ref": "#"}})
    two = read({"items": {"items": {"$ref": "#"}}})
    assert alike(one, two)


def test_what_takes_too_long_is_not_called_alike() -> None:
    def wide() -> dict[str, Any]:
        return {"properties": {f"p{number}": {"enum": [number]} for number in range(MAX_STEPS)}}

    assert not alike(read(wide()), read(wide()))
    same = read(wide())
    assert alike(same, same)
