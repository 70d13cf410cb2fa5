"""Values in refusals and records: short, readable, and true."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import decode, encode

from registry.wording import LONGEST_SHOWN, a_type, brief, brief_raw, shown, within


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 2, "a number from 0 to 2"), (None, 0.5, "a number of at most 0.5"), (-1, None, "a number of at least -1"),
        (0.0, 1e6, "a number from 0 to 1e+06"),
    ],
)  # fmt: skip
def test_ranges(low: float | None, high: float | None, words: str) -> None:
    assert within(low, high) == words


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("float", "a number"), ("int", "a whole number"), ("bool", "true or false"), ("string", "a string"),
        ("array", "a list"), ("object", "an object"),
    ],
)  # fmt: skip
def test_types(kind: str, words: str) -> None:
    assert a_type(kind) == words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (0.5, "0.5"), ("a", '"a"'), ([1, "é"], '[1,"é"]'), ({"a": None}, '{"a":null}'),
        (Raw(b'{"a":  1}'), '{"a":  1}'), (Raw(b"\xff"), "\ufffd"), ("x" * 100, '"' + "x" * 56 + "..."),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_json(value: Any, text: str) -> None:
    assert shown(value) == text


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_whatever_is_shown_is_short(value: Any) -> None:
    text = shown(value)
    assert len(text) <= LONGEST_SHOWN
    if not text.endswith("..."):
        assert decode(text) == decode(encode(value))


@given(JSON)
def test_a_record_keeps_small_values_whole_and_of_others_a_text(value: Any) -> None:
    kept = brief(value)
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 60):
        assert (type(kept), kept) == (type(value), value)
    else:
        assert kept == shown(value)
    assert brief_raw(value) == kept
    assert brief_raw(Raw(encode(value))) == shown(Raw(encode(value)))
