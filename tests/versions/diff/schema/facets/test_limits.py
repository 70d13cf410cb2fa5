"""Bounds, divisors, lengths, patterns, content and formats: which way each one moved."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.versions.comparing import OPPOSITE, drafts, keys, said
from tests.versions.nodes import read
from versions.diff.findings import Effect, Severity
from versions.diff.schema.facets.limits import binary, formats, number_facets, scalar_fits, string_facets
from versions.diff.schema.sets.scalars import WIDENING_FORMATS, exact

NUMBERS = [
    ({}, {"minimum": 1}, "bound-added", "narrower"),
    ({}, {"exclusiveMaximum": 1}, "bound-added", "narrower"),
    ({"maximum": 1}, {}, "bound-removed", "wider"),
    ({"minimum": 1}, {"minimum": 2}, "bound-tightened", "narrower"),
    ({"minimum": 2}, {"minimum": 1}, "bound-loosened", "wider"),
    ({"maximum": 1}, {"maximum": 2}, "bound-loosened", "wider"),
    ({"maximum": 2}, {"maximum": 1}, "bound-tightened", "narrower"),
    ({"minimum": 1}, {"exclusiveMinimum": 1}, "bound-became-exclusive", "narrower"),
    ({"exclusiveMinimum": 1}, {"minimum": 1}, "bound-became-inclusive", "wider"),
    ({"maximum": 1}, {"exclusiveMaximum": 1}, "bound-became-exclusive", "narrower"),
    ({"exclusiveMaximum": 1}, {"maximum": 1}, "bound-became-inclusive", "wider"),
    ({"minimum": 1}, {"exclusiveMinimum": 0.5}, "bound-loosened", "wider"),
    ({"exclusiveMaximum": 3}, {"maximum": 2.5}, "bound-tightened", "narrower"),
    ({"minimum": 0}, {}, "bound-removed", "wider"),
    ({"minimum": -1}, {"minimum": -0.5}, "bound-tightened", "narrower"),
    ({}, {"multipleOf": 2}, "multiple-of-narrowed", "narrower"),
    ({"multipleOf": 2}, {}, "multiple-of-widened", "wider"),
    ({"multipleOf": 2}, {"multipleOf": 4}, "multiple-of-narrowed", "narrower"),
    ({"multipleOf": 4}, {"multipleOf": 2}, "multiple-of-widened", "wider"),
    ({"multipleOf": 4}, {"multipleOf": 6}, "multiple-of-changed", "different"),
    ({"multipleOf": 0.5}, {"multipleOf": 1}, "multiple-of-narrowed", "narrower"),
]


@pytest.mark.parametrize(("old", "new", "key", "effect"), NUMBERS)
def test_what_is_said_of_numbers(old: Any, new: Any, key: str, effect: str) -> None:
    assert said(number_facets, old, new) == [(key, "", effect)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"minimum": 1}, {"minimum": 1.0}),
        ({"minimum": 1, "exclusiveMinimum": 3}, {"exclusiveMinimum": 3}),
        ({"multipleOf": 2}, {"multipleOf": 2.0}),
        ({"type": "integer", "minimum": 1}, {"type": "integer", "exclusiveMinimum": 0}),
    ],
)
def test_numbers_that_are_limited_alike(old: Any, new: Any) -> None:
    assert keys(number_facets, old, new) == []


def test_both_ends_are_told_apart() -> None:
    found = said(number_facets, {"minimum": 1, "maximum": 5}, {"minimum": 0, "maximum": 4})
    assert found == [("bound-loosened", "", "wider"), ("bound-tightened", "", "narrower")]


def test_a_bound_is_told_with_its_keyword() -> None:
    (draft,) = drafts(number_facets, {"minimum": 1}, {"exclusiveMinimum": 2.5})
    assert (draft.old, draft.new, draft.keyword) == ("minimum 1", "exclusiveMinimum 2.5", "minimum")


def test_a_divisor_that_is_rounded_is_left_to_a_person() -> None:
    (draft,) = drafts(number_facets, {"multipleOf": 0.1}, {"multipleOf": 0.3})
    assert (draft.key, draft.effect, draft.severity) == ("multiple-of-narrowed", Effect.UNKNOWN, Severity.REVIEW)
    (draft,) = drafts(number_facets, {"multipleOf": 2}, {"multipleOf": 4})
    assert draft.severity is None


@pytest.mark.parametrize(("divisor", "plain"), [(1, True), (0.5, True), (12, True), (0.1, False), (2.3, False)])
def test_a_divisor_by_which_nothing_is_rounded(divisor: float, plain: bool) -> None:
    assert binary(divisor) is plain


STRINGS = [
    ({}, {"minLength": 1}, "bound-added", "narrower"),
    ({"minLength": 1}, {"minLength": 2}, "bound-tightened", "narrower"),
    ({"minLength": 2}, {"minLength": 1}, "bound-loosened", "wider"),
    ({"minLength": 2}, {}, "bound-removed", "wider"),
    ({"maxLength": 2}, {"maxLength": 1}, "bound-tightened", "narrower"),
    ({"maxLength": 2}, {"maxLength": 3}, "bound-loosened", "wider"),
    ({}, {"pattern": "^a"}, "pattern-added", "narrower"),
    ({"pattern": "^a"}, {}, "pattern-removed", "wider"),
    ({"pattern": "^ab"}, {"pattern": "^a"}, "pattern-widened", "wider"),
    ({"pattern": "^a"}, {"pattern": "^ab"}, "pattern-narrowed", "narrower"),
    ({"pattern": "^a"}, {"pattern": "^b"}, "pattern-changed", "different"),
    ({"pattern": "^a{1}$"}, {"pattern": "^a$"}, "rewritten", "fact"),
    ({"pattern": "^[0-9]+$"}, {"pattern": r"^\d+$"}, "rewritten", "fact"),
    ({"pattern": "(?=a)"}, {"pattern": "(?=b)"}, "pattern-undecided", "unknown"),
    ({}, {"contentEncoding": "base64"}, "content-changed", "different"),
    ({"contentMediaType": "a/b"}, {"contentMediaType": "c/d"}, "content-changed", "different"),
    ({}, {"contentSchema": {"type": "string"}}, "keyword-narrowed", "narrower"),
    ({"contentSchema": {"type": "string"}}, {}, "keyword-widened", "wider"),
]


@pytest.mark.parametrize(("old", "new", "key", "effect"), STRINGS)
def test_what_is_said_of_strings(old: Any, new: Any, key: str, effect: str) -> None:
    assert said(string_facets, old, new) == [(key, "", effect)]


@pytest.mark.parametrize(
    ("old", "new"), [({}, {"minLength": 0}), ({"minLength": 0}, {}), ({"pattern": "(?=a)"}, {"pattern": "(?=a)"})]
)
def test_strings_that_are_limited_alike(old: Any, new: Any) -> None:
    assert keys(string_facets, old, new) == []


def test_what_a_text_holds_is_compared_too() -> None:
    old, new = ({"contentSchema": {"maximum": limit}} for limit in (5, 4))
    assert keys(string_facets, old, new) == ["bound-tightened"]


@pytest.mark.parametrize(
    ("old", "new", "key", "effect"),
    [
        ({}, {"format": "date"}, "format-added", "narrower"),
        ({"format": "date"}, {}, "format-removed", "wider"),
        ({"format": "int32"}, {"format": "int64"}, "format-widened", "wider"),
        ({"format": "int64"}, {"format": "int32"}, "format-narrowed", "narrower"),
        ({"format": "date"}, {"format": "uuid"}, "format-swapped", "different"),
        ({"format": "int64"}, {"format": "double"}, "format-swapped", "different"),
    ],
)
def test_what_is_said_of_a_format(old: Any, new: Any, key: str, effect: str) -> None:
    assert said(formats, old, new) == [(key, "", effect)]
    assert keys(formats, new, new) == []


def test_a_wider_format_has_a_wider_one_too() -> None:
    for narrow, wide in WIDENING_FORMATS:
        for middle, widest in WIDENING_FORMATS:
            if wide == middle:
                assert (narrow, widest) in WIDENING_FORMATS


numbers = st.dictionaries(
    st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), st.integers(-3, 3), max_size=3
)


@given(numbers, numbers)
def test_bounds_move_the_other_way_if_old_and_new_change_places(old: dict[str, Any], new: dict[str, Any]) -> None:
    forth = [draft.effect for draft in drafts(number_facets, old, new)]
    back = [draft.effect for draft in drafts(number_facets, new, old)]
    assert back == [OPPOSITE.get(effect, effect) for effect in forth]


@given(numbers, numbers)
def test_bounds_that_only_tighten_lose_no_new_value(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Arithmetic is the oracle: halves from -4 to 4 tell all of these bounds apart."""
    effects = {draft.effect for draft in drafts(number_facets, old, new)}

    def fits(limits: dict[str, Any], value: float) -> bool:
        return bool(
            value >= limits.get("minimum", value)
            and value <= limits.get("maximum", value)
            and value > limits.get("exclusiveMinimum", value - 1)
            and value < limits.get("exclusiveMaximum", value + 1)
        )

    tried = [half / 2 for half in range(-8, 9)]
    if effects <= {Effect.NARROWER}:
        assert [value for value in tried if fits(new, value) and not fits(old, value)] == []
    if effects <= {Effect.WIDER}:
        assert [value for value in tried if fits(old, value) and not fits(new, value)] == []


@pytest.mark.parametrize(
    ("parts", "node", "kind", "fits"),
    [
        (({"minimum": 2},), {"minimum": 1}, "number", True),
        (({"minimum": 1},), {"minimum": 2}, "number", False),
        (({"maximum": 5}, {"minimum": 2}), {"minimum": 1, "maximum": 6}, "number", True),
        (({},), {"minimum": 1}, "number", False),
        (({"multipleOf": 4},), {"multipleOf": 2}, "number", True),
        (({"multipleOf": 2},), {"multipleOf": 4}, "number", False),
        (({"multipleOf": 0.3},), {"multipleOf": 0.1}, "number", False),
        (({"multipleOf": 0.1},), {"multipleOf": 0.1}, "number", True),
        (({"format": "int32"},), {"format": "int64"}, "number", True),
        (({"format": "int64"},), {"format": "int32"}, "number", False),
        (({"pattern": "^a"},), {"pattern": "^a"}, "string", True),
        (({"pattern": "^ab"},), {"pattern": "^a"}, "string", False),
        (({"minLength": 3}, {"pattern": "^a"}), {"minLength": 2, "pattern": "^a"}, "string", True),
        (({"contentEncoding": "base64"},), {"contentEncoding": "base64"}, "string", True),
        (({},), {"contentEncoding": "base64"}, "string", False),
        (({},), {"minLength": 0}, "string", True),
        (({},), {}, "boolean", True),
    ],
)
def test_a_limit_may_follow_from_one_part(parts: tuple[Any, ...], node: Any, kind: str, fits: bool) -> None:
    assert scalar_fits(tuple(read(part) for part in parts), read(node), kind) is fits


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_divisor_follows_from_its_multiples(left: int, right: int) -> None:
    holds = scalar_fits(({"multipleOf": left},), {"multipleOf": right}, "number")
    assert holds is ((exact(left) / exact(right)).denominator == 1)
