"""The neutral form of a call: what is read of a request for its answer, and nothing that cannot be read breaks it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.json import encode

from registry.canon import MOST_CHOICES, Failure, FailureKind, Request, Task, context_of, plain


def context(**fields: Any) -> Any:
    """The context of a chat call with these fields."""
    raw = {name: Raw(encode(value)) for name, value in fields.items()}
    return context_of(Request(Task.CHAT, raw), "public", "r1", 7)


def test_a_call_without_wishes() -> None:
    made = context()
    assert (made.model, made.request_id, made.created) == ("public", "r1", 7)
    assert (made.usage_wanted, made.encoding_format, made.choices, made.asked) == (False, "float", 1, None)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"include_usage": True}, True),
        ({"include_usage": 1}, False),
        ({"include_usage": "true"}, False),
        ({}, False),
        (None, False),
        ([], False),
        (7, False),
    ],
)
def test_usage_is_wanted_if_it_was_asked_for(options: Any, wanted: bool) -> None:
    assert context(stream_options=options).usage_wanted is wanted


@pytest.mark.parametrize(
    ("given", "kept"), [("base64", "base64"), ("float", "float"), (None, "float"), (7, "float"), ([], "float")]
)
def test_an_encoding_is_a_word(given: Any, kept: str) -> None:
    assert context(encoding_format=given).encoding_format == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1, 1),
        (3, 3),
        (MOST_CHOICES, MOST_CHOICES),
        (MOST_CHOICES + 1, 1),
        (0, 1),
        (-1, 1),
        ("3", 1),
        (2.0, 1),
        (None, 1),
        ([], 1),
    ],
)
def test_a_count_of_choices_is_a_whole_number_within_reason(given: Any, kept: int) -> None:
    assert context(n=given).choices == kept


@pytest.mark.parametrize("name", ["messages", "prompt", "input", "inputs"])
def test_what_a_call_asks_about_is_kept_raw(name: str) -> None:
    assert bytes(context(**{"heat": 1, name: ["a"]}).asked) == b'["a"]'


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"nul", b"[" * 100_000, b""])
def test_what_cannot_be_read_counts_as_not_given(raw: bytes) -> None:
    fields = dict.fromkeys(("stream_options", "encoding_format", "n"), Raw(raw))
    made = context_of(Request(Task.CHAT, fields), "m", "r", 0)
    assert (made.usage_wanted, made.encoding_format, made.choices) == (False, "float", 1)
    assert plain(Raw(raw)) is None


@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_or_none(data: bytes) -> None:
    plain(Raw(data))


def test_an_absent_field_has_no_value() -> None:
    assert plain(None) is None
    assert plain(Raw(b"null")) is None
    assert plain(Raw(b"0")) == 0


def test_a_failure_reads_as_its_message() -> None:
    failure = Failure(FailureKind.UPSTREAM_ERROR, "boom")
    assert str(failure) == "boom"
    assert (failure.retryable, failure.detail) == (False, {})
    assert failure.detail is not Failure(FailureKind.UPSTREAM_ERROR, "other").detail
