"""What proofs rest on, and what they must leave alone."""

from typing import Any

import pytest

from tests.versions.nodes import read
from versions.diff.schema.reading.keywords import ANNOTATIONS, IGNORED, KNOWN
from versions.diff.schema.sets.owned import (
    APPLICATORS,
    ARRAY,
    CONTENT,
    NUMBER,
    OBJECT,
    OWNED,
    SEEN_BY_UNEVALUATED,
    STRING,
    foreign,
    looks_around,
    unchanged,
)


def test_every_known_keyword_is_owned_or_restricts_nothing() -> None:
    assert set() == KNOWN - OWNED - ANNOTATIONS


def test_an_owned_keyword_is_known() -> None:
    assert OWNED <= KNOWN
    assert not OWNED & IGNORED


def test_a_keyword_belongs_to_the_group_of_its_type() -> None:
    assert {"format"} == NUMBER & STRING
    assert not ARRAY & OBJECT
    assert CONTENT <= STRING
    assert APPLICATORS <= OWNED


@pytest.mark.parametrize("word", ["minimun", "extends", "const (no keyword here)", "$vocabularies"])
def test_a_word_that_nobody_knows_is_foreign(word: str) -> None:
    assert foreign({"type": ["string"], word: 1}) == {word: 1}


@pytest.mark.parametrize("word", [*sorted(ANNOTATIONS), *sorted(IGNORED), "x-note", "minimum", "allOf"])
def test_words_without_force_and_owned_words_are_not_foreign(word: str) -> None:
    assert foreign({word: 1}) == {}


@pytest.mark.parametrize(
    ("node", "keyword", "looks"),
    [
        ({"unevaluatedProperties": {}}, "unevaluatedProperties", False),
        ({"unevaluatedProperties": {}, "properties": {}, "additionalProperties": {}}, "unevaluatedProperties", False),
        ({"unevaluatedProperties": {}, "allOf": []}, "unevaluatedProperties", True),
        ({"unevaluatedProperties": {}, "dependentSchemas": {}}, "unevaluatedProperties", True),
        ({"unevaluatedProperties": {}, "if": {}}, "unevaluatedProperties", True),
        ({"unevaluatedProperties": {}, "contains": {}}, "unevaluatedProperties", False),
        ({"unevaluatedItems": {}, "contains": {}}, "unevaluatedItems", True),
        ({"unevaluatedItems": {}, "prefixItems": []}, "unevaluatedItems", False),
        ({"allOf": []}, "unevaluatedItems", False),
    ],
)
def test_unevaluated_looks_around_beside_alternatives(node: dict[str, Any], keyword: str, looks: bool) -> None:
    assert looks_around(node, keyword) is looks


SHUT: dict[str, Any] = {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"required": ["a"]}, True),
        ({"description": "text"}, True),
        ({"properties": {"b": {}}}, False),
        ({"allOf": [{"properties": {"b": {}}}]}, False),
        ({"anyOf": [{}]}, False),
        ({"unevaluatedProperties": {"type": "string"}}, False),
    ],
)
def test_unevaluated_is_unchanged_with_all_that_it_looks_at(change: dict[str, Any], same: bool) -> None:
    assert unchanged(read(SHUT), read({**SHUT, **change}), "unevaluatedProperties") is same


def test_unevaluated_items_look_at_contains() -> None:
    assert "contains" in SEEN_BY_UNEVALUATED["unevaluatedItems"]
    first = read({"unevaluatedItems": False, "contains": {"type": "string"}})
    second = read({"unevaluatedItems": False, "contains": {"type": "integer"}})
    assert not unchanged(first, second, "unevaluatedItems")
