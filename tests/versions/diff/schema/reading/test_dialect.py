"""Which keywords exist in a document, by what it says of itself."""

from typing import Any

import pytest

from tests.versions.nodes import DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020
from versions.diff.schema.reading.dialect import dialect_of, differs, generation_of, openapi_dialect
from versions.diff.schema.reading.keywords import KNOWN, SINCE, TYPE_WORDS, is_unknown


@pytest.mark.parametrize(
    ("address", "generation"),
    [
        ("http://json-schema.org/draft-03/schema#", 4),
        ("http://json-schema.org/draft-04/schema#", 4),
        ("http://json-schema.org/draft-05/schema", 4),
        ("http://json-schema.org/draft-06/schema#", 6),
        ("http://json-schema.org/draft-07/schema", 7),
        ("https://json-schema.org/draft/2019-09/schema", 2019),
        ("https://json-schema.org/draft/2020-12/schema#", 2020),
        ("https://example.com/dialect", 0),
        ("", 0),
        (None, 0),
        (7, 0),
    ],
)
def test_an_address_names_a_draft_or_year(address: Any, generation: int) -> None:
    assert generation_of(address) == generation


@pytest.mark.parametrize(
    ("keyword", "present"),
    [
        ("const", {6, 7, 2019, 2020}),
        ("contains", {6, 7, 2019, 2020}),
        ("propertyNames", {6, 7, 2019, 2020}),
        ("if", {7, 2019, 2020}),
        ("then", {7, 2019, 2020}),
        ("else", {7, 2019, 2020}),
        ("contentEncoding", {7, 2019, 2020}),
        ("contentMediaType", {7, 2019, 2020}),
        ("contentSchema", {2019, 2020}),
        ("minContains", {2019, 2020}),
        ("maxContains", {2019, 2020}),
        ("dependentRequired", {2019, 2020}),
        ("dependentSchemas", {2019, 2020}),
        ("unevaluatedItems", {2019, 2020}),
        ("unevaluatedProperties", {2019, 2020}),
        ("prefixItems", {2020}),
        ("$dynamicRef", {2020}),
        ("$recursiveRef", {2019}),
        ("dependencies", {4, 6, 7}),
        ("minimum", {4, 6, 7, 2019, 2020}),
        ("patternProperties", {4, 6, 7, 2019, 2020}),
    ],
)
def test_a_keyword_exists_in_some_drafts_only(keyword: str, present: set[int]) -> None:
    drafts = {4: DRAFT_4, 6: DRAFT_6, 7: DRAFT_7, 2019: DRAFT_2019, 2020: DRAFT_2020}
    assert {number for number, root in drafts.items() if keyword not in dialect_of(root).absent} == present


@pytest.mark.parametrize("root", [{}, {"type": "object"}, True, False, None, [], "text", {"$schema": "https://a/own"}])
def test_a_document_that_names_no_known_draft_has_every_keyword(root: Any) -> None:
    found = dialect_of(root)
    assert found.generation == 0
    assert not found.absent


@pytest.mark.parametrize(
    ("root", "siblings"),
    [
        (DRAFT_4, False),
        (DRAFT_7, False),
        (DRAFT_2019, True),
        (DRAFT_2020, True),
        ({"definitions": {}}, False),
        ({"$defs": {}}, True),
        ({"definitions": {}, "$defs": {}}, True),
        ({}, True),
    ],
)
def test_words_beside_a_reference_count_since_2019(root: Any, siblings: bool) -> None:
    assert dialect_of(root).siblings is siblings


@pytest.mark.parametrize(
    ("version", "generation", "siblings", "nullable"),
    [
        ("3.0.0", 4, False, True),
        ("3.0.3", 4, False, True),
        ("3.1.0", 2020, True, False),
        ("3.2.0", 2020, True, False),
        ("", 4, False, True),
    ],
)
def test_an_api_has_the_dialect_of_its_version(version: str, generation: int, siblings: bool, nullable: bool) -> None:
    found = openapi_dialect({"openapi": version})
    assert (found.generation, found.siblings, found.knows_nullable) == (generation, siblings, nullable)
    assert found.openapi


def test_an_api_of_3_1_may_choose_an_older_draft() -> None:
    found = openapi_dialect({"openapi": "3.1.0", "jsonSchemaDialect": DRAFT_7["$schema"]})
    assert found.generation == 7
    assert not found.siblings
    assert "prefixItems" in found.absent
    assert not found.knows_nullable


@pytest.mark.parametrize("root", [{"openapi": "3.0.3"}, {"swagger": "2.0"}])
def test_an_older_api_lacks_what_its_version_leaves_out_of_draft_4(root: dict[str, Any]) -> None:
    absent = openapi_dialect(root).absent
    assert {"patternProperties", "dependencies", "const", "if"} <= absent
    assert "oneOf" not in absent


@pytest.mark.parametrize(
    ("inner", "outer", "told"),
    [
        ({**DRAFT_4, "type": "string"}, DRAFT_2020, False),
        ({**DRAFT_4, "const": 1}, DRAFT_2020, True),
        ({**DRAFT_4, "exclusiveMinimum": True}, DRAFT_2020, True),
        ({**DRAFT_7, "properties": {"a": {"$ref": "#"}}}, DRAFT_2020, True),
        ({**DRAFT_7, "allOf": [{"minimum": 1}]}, DRAFT_2020, False),
        ({**DRAFT_7, "allOf": [{"prefixItems": [{}]}]}, DRAFT_2020, True),
        ({**DRAFT_2020, "const": 1}, DRAFT_2020, False),
        ({"$schema": "https://a/own", "type": "string"}, DRAFT_2020, True),
    ],
)
def test_a_schema_of_another_dialect_matters_if_it_uses_a_word_read_otherwise(
    inner: dict[str, Any], outer: dict[str, Any], told: bool
) -> None:
    assert differs(inner, dialect_of(outer)) is told


@pytest.mark.parametrize("word", ["x-note", "type", "minimum", "nullable", "description"])
def test_known_words_and_notes_of_vendors_are_not_unknown(word: str) -> None:
    assert not is_unknown(word)


@pytest.mark.parametrize("word", ["minimun", "check", "extends", "const (no keyword here)"])
def test_other_words_are_unknown(word: str) -> None:
    assert is_unknown(word)


def test_every_keyword_with_a_birthday_is_known_or_a_reference() -> None:
    known = {word for word in SINCE if not word.startswith("$")}
    assert known <= KNOWN


def test_words_for_types_stand_for_types_of_json() -> None:
    assert TYPE_WORDS["any"] == ()
    assert TYPE_WORDS["file"] == ("string",)
    assert TYPE_WORDS["integer"] == ("integer",)
    assert "float" not in TYPE_WORDS
