"""A body's fields: what is no JSON object is refused with its place, and one field is decoded at a time."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import Failure, FailureKind
from routing.dataplane.fields import flag, read_fields, take, text

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(max_size=10), VALUES, max_size=5), st.booleans())
def test_fields_are_handed_on_as_they_came(document: dict[str, Any], ascii_only: bool) -> None:
    body = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = read_fields(body)
    assert {name: json.loads(bytes(raw)) for name, raw in found.items()} == document


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        (b"", "The body is not JSON", "invalid_json"),
        (b'{"model": ', "The body is not JSON", "invalid_json"),
        (b'{"a": 1} trailing', "The body is not JSON", "invalid_json"),
        (b"[1]", "The body must be a JSON object", "invalid_json"),
        (b"null", "The body must be a JSON object", "invalid_json"),
        (b'{"a": "\xff"}', "The body is not UTF-8", "invalid_json"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deep", "json_too_deep"),
    ],
)
def test_what_is_no_object_is_refused_in_words(body: bytes, words: str, code: str) -> None:
    with pytest.raises(Failure) as refused:
        read_fields(body)
    assert words in refused.value.message
    assert (refused.value.kind, refused.value.code) == (FailureKind.INVALID_REQUEST, code)


def test_a_field_that_is_taken_is_gone_and_the_others_stay() -> None:
    fields = read_fields(b'{"model": "m", "stream": true, "n": 2}')
    assert take(fields, "model", text, "a string") == "m"
    assert take(fields, "stream", flag, "true or false") is True
    assert set(fields) == {"n"}


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("{}", "missing_required_parameter", "'model' is missing; expected a string."),
        ('{"model": 5}', "invalid_parameter", "'model' is 5; expected a string."),
        ('{"model": null}', "invalid_parameter", "'model' is null; expected a string."),
        (
            '{"model": ["%s"]}' % ("x" * 200),
            "invalid_parameter",
            "'model' is [\"%s; expected a string." % ("x" * 58),
        ),
    ],
)
def test_a_field_of_another_type_is_shown_and_cut(given: str, code: str, words: str) -> None:
    with pytest.raises(Failure) as refused:
        take(read_fields(given.encode()), "model", text, "a string")
    assert str(refused.value.message) == words
    assert (refused.value.code, refused.value.parameter) == (code, "model")
