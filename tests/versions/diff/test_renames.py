"""Is a field that went and a field that came the same field?"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from versions.diff.renames import MAX_COMPARED, SURE, NamedField, name_likeness, pairs, schema_likeness, score, words

WHOLE: dict[str, Any] = {"type": ["integer"]}
TEXT: dict[str, Any] = {"type": ["string"]}


def field(name: str, schema: Any = None, position: float = 0.5) -> NamedField:
    return NamedField(name, WHOLE if schema is None else schema, position)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("max_tokens", ["max", "token"]),
        ("maxTokens", ["max", "token"]),
        ("MaxTokens", ["max", "token"]),
        ("max-tokens", ["max", "token"]),
        ("HTTPServer", ["http", "server"]),
        ("top_p2", ["top", "p", "2"]),
        ("s", ["s"]),
        ("名称", ["名称"]),
    ],
)
def test_a_name_is_cut_into_words(name: str, parts: list[str]) -> None:
    assert words(name) == parts


@pytest.mark.parametrize(
    ("old", "new"),
    [("max_tokens", "maxTokens"), ("top_p", "topP"), ("model", "models"), ("x-request-id", "xRequestId")],
)
def test_names_that_differ_in_case_and_separators_are_one(old: str, new: str) -> None:
    assert name_likeness(old, new) == 1.0
    assert score(field(old), field(new)) >= SURE


@pytest.mark.parametrize(("old", "new"), [("prop1", "prop2"), ("a", "zebra"), ("size", "color")])
def test_names_that_are_not_one(old: str, new: str) -> None:
    assert name_likeness(old, new) < 0.5
    assert pairs([field(old)], [field(new)]) == []


def test_a_name_that_holds_another_is_near() -> None:
    assert name_likeness("tokens", "max_tokens") > name_likeness("tokens", "max_length")


@pytest.mark.parametrize(
    ("old", "new", "likeness"),
    [
        (WHOLE, WHOLE, 1.0),
        (WHOLE, TEXT, 0.0),
        ({**WHOLE, "description": "a"}, {**WHOLE, "description": "b"}, 1.0),
        ({}, {}, 0.6),
        ("text", {}, 0.5),
        ({**WHOLE, "minimum": 1}, {**WHOLE, "minimum": 2}, 0.65),
        ({"type": ["integer", "null"]}, WHOLE, 0.3),
    ],
)
def test_schemas_are_alike_by_their_keywords(old: Any, new: Any, likeness: float) -> None:
    assert schema_likeness(old, new) == pytest.approx(likeness)


def test_fields_of_other_types_are_never_one() -> None:
    assert score(field("a", WHOLE), field("a", TEXT)) == 0.0


def test_the_place_among_neighbours_counts_a_little() -> None:
    near = score(field("limit", WHOLE, 0.1), field("limits_max", WHOLE, 0.1))
    far = score(field("limit", WHOLE, 0.1), field("limits_max", WHOLE, 0.9))
    assert near == pytest.approx(far + 0.15 * 0.8)


def test_the_best_pair_comes_first_and_each_field_once() -> None:
    lost = [field("top_k"), field("max_tokens")]
    gained = [field("maxTokens"), field("topK"), field("max_token_count")]
    found = pairs(lost, gained)
    assert {(i, j) for i, j, _score in found} == {(0, 1), (1, 0)}


def test_very_many_fields_are_not_compared() -> None:
    lost = [field(f"field_{number}") for number in range(MAX_COMPARED + 1)]
    assert pairs(lost, [field("field_0x")]) == []
    assert pairs([], [field("a")]) == []


names = st.text("abcXY_1", min_size=1, max_size=8)


@given(names, names)
def test_likeness_is_a_share_and_goes_both_ways(old: str, new: str) -> None:
    assert 0 <= name_likeness(old, new) <= 1
    assert name_likeness(old, old) == 1
    assert (name_likeness(old, new) == 1) is (name_likeness(new, old) == 1)
