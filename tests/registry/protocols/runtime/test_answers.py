"""Whole answers of upstreams: every status, every way to tell of an error, and bodies that are something else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.json import encode

from registry.canon import CallContext, Failure, FailureKind, Usage
from registry.protocols.document import ErrorRule
from registry.protocols.runtime.answers import (
    RETRY_AFTER_MAX,
    fields,
    kind_of,
    moment,
    read,
    reply,
    retry_after,
    said_code,
    translate,
    words,
)

RULES = (
    ErrorRule(
        "error",
        message=("error.message", "error"),
        code=("error.code",),
        parameter=("error.param",),
        kinds={"slow_down": "upstream_rate_limited"},
        says={"model_not_found": ("no such model",)},
    ),
    ErrorRule("object", equals=("error",), message=("message",)),
    ErrorRule("status", unless=("ok", "done"), message=("status",)),
)
CONTEXT = CallContext("public", "r1", 1_700_000_000)
JSON = {"content-type": "application/json"}


def failure(status: int, body: Any, headers: dict[str, str] | None = None, door: Any = read) -> Failure:
    """The failure that an answer is."""
    data = body if isinstance(body, bytes) else encode(body)
    with pytest.raises(Failure) as caught:
        door(status, JSON if headers is None else headers, data, RULES)
    return caught.value


@pytest.mark.parametrize(
    "body", [{"a": 1}, [], 7, "text", None, {"error": None}, {"error": ""}, {"error": {}}, {"error": []}]
)
def test_a_successful_answer_is_its_json(body: Any) -> None:
    assert read(200, JSON, encode(body), RULES) == body


@pytest.mark.parametrize("body", [{"status": "ok"}, {"status": "done"}, {"object": "list"}, {"error": False}])
def test_words_that_tell_of_no_error(body: Any) -> None:
    assert read(200, JSON, encode(body), RULES) == body
    assert set(fields(200, JSON, encode(body), RULES)) == set(body)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_what_an_answer_is_its_body_decides_not_its_label(status: int) -> None:
    assert read(status, {"content-type": "text/plain"}, b'\xef\xbb\xbf{"a":1}', RULES) == {"a": 1}
    assert read(status, {}, b" [1] ", RULES) == [1]


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, FailureKind.UPSTREAM_REFUSED, False), (401, FailureKind.UPSTREAM_AUTHENTICATION, False),
        (402, FailureKind.UPSTREAM_RATE_LIMITED, True), (403, FailureKind.UPSTREAM_AUTHENTICATION, False),
        (404, FailureKind.UPSTREAM_REFUSED, False), (408, FailureKind.UPSTREAM_TIMEOUT, True),
        (409, FailureKind.UPSTREAM_REFUSED, False), (413, FailureKind.TOO_LARGE, False),
        (418, FailureKind.UPSTREAM_REFUSED, False), (422, FailureKind.UPSTREAM_REFUSED, False),
        (429, FailureKind.UPSTREAM_RATE_LIMITED, True), (500, FailureKind.UPSTREAM_ERROR, True),
        (503, FailureKind.UPSTREAM_ERROR, True), (504, FailureKind.UPSTREAM_TIMEOUT, True),
        (600, FailureKind.UPSTREAM_ERROR, True), (101, FailureKind.UPSTREAM_ERROR, True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b'{"error":{"message":"busy"}}', b'{"a":1}'])
def test_every_status_has_a_meaning(status: int, kind: FailureKind, retryable: bool, body: bytes) -> None:
    found = failure(status, body)
    assert (found.kind, found.retryable, found.upstream_status) == (kind, retryable, status)
    assert found.upstream_words == body.decode()
    assert kind_of(status) is kind


def test_an_error_without_words_says_its_status() -> None:
    assert failure(500, b"").message == "The upstream answered with status 500 and no words."
    assert failure(500, b"busy").message == "The upstream answered with status 500: busy"
    assert len(failure(500, b"x" * 10_000).message) < 400


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("door", [read, fields])
def test_an_error_s_own_words_code_and_parameter_are_kept(status: int, door: Any) -> None:
    body = {"error": {"message": "too hot", "code": "bad_heat", "param": "heat"}}
    found = failure(status, body, door=door)
    assert (found.message, found.code, found.parameter) == ("The upstream says: too hot", "bad_heat", "heat")


@pytest.mark.parametrize(
    ("body", "text", "code"),
    [
        ({"error": "busy"}, "busy", None),
        ({"error": {"type": "x"}}, '{"type":"x"}', None),
        ({"error": {"message": ["a"], "code": 7}}, '["a"]', "7"),
        ({"error": 1}, "1", None),
        ({"error": {"message": "", "type": "x"}}, '{"message":"","type":"x"}', None),
        ({"error": {"message": " \n", "code": "c"}}, '{"message":" \\n","code":"c"}', "c"),
        ({"object": "error", "message": ""}, "error", None),
        ({"object": "error", "message": "gone"}, "gone", None),
        ({"status": "failed"}, "failed", None),
        ({"error": {"message": "x", "code": {"deep": 1}}}, "x", None),
    ],
)
def test_an_error_in_an_answer_of_200_is_told(body: Any, text: str, code: str | None) -> None:
    found = failure(200, body)
    assert (found.message, found.code, found.upstream_status) == (f"The upstream says: {text}", code, 200)


def test_a_code_may_decide_the_kind() -> None:
    found = failure(400, {"error": {"message": "x", "code": "slow_down"}})
    assert (found.kind, found.retryable) == (FailureKind.UPSTREAM_RATE_LIMITED, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("This model's MAXIMUM CONTEXT LENGTH is 8", "context_length_exceeded"),
        ("prompt is too long: 9 tokens", "context_length_exceeded"),
        ("No such model here", "model_not_found"),
        ("busy", None),
        ("", None),
    ],
)
def test_plain_words_have_openai_s_code(text: str, code: str | None) -> None:
    assert said_code(text, RULES) == code
    for body in ({"error": {"message": text, "code": "own"}}, text.encode()):
        found = failure(500, body)
        assert found.code == (code or ("own" if isinstance(body, dict) else None))
        assert (found.kind is FailureKind.UPSTREAM_REFUSED) == (code is not None)


@pytest.mark.parametrize(
    ("body", "headers", "text"),
    [
        (b"<html>", {"content-type": "text/plain"}, "is a page, not JSON"),
        (b" <!doctype html>", {}, "is a page, not JSON"),
        (b"<html>", {"content-type": "text/html"}, "has content type 'text/html'; expected JSON"),
        (b"hello", {"content-type": "text/plain"}, "has content type 'text/plain'; expected JSON"),
        (b"hello", {"content-type": "application/json"}, "is not JSON ("),
        (b"", {}, "is not JSON ("),
        (b"{", {}, "is not JSON ("),
        (b'{"a":"\xff"}', {}, "is not JSON ("),
    ],
)
@pytest.mark.parametrize("door", [read, fields])
def test_what_is_no_json_says_what_it_is(body: bytes, headers: dict[str, str], text: str, door: Any) -> None:
    found = failure(200, body, headers, door)
    assert (found.kind, found.retryable) == (FailureKind.UPSTREAM_INVALID, True)
    assert text in found.message
    assert found.message.endswith("Check the model's endpoint and protocol.")


def test_a_very_deep_answer_is_a_failure() -> None:
    for door in (read, fields):
        body = b'{"error":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        assert failure(200, body, door=door).kind is FailureKind.UPSTREAM_INVALID


@pytest.mark.parametrize("body", [[], 7, "x", None])
def test_an_answer_whose_fields_are_wanted_is_an_object(body: Any) -> None:
    assert "is no JSON object" in failure(200, body, door=fields).message


def test_fields_stay_raw() -> None:
    found = fields(200, JSON, b'{"a": {"b":  1}, "c": 2}', RULES)
    assert {key: bytes(value) for key, value in found.items()} == {"a": b'{"b":  1}', "c": b"2"}


def test_a_redirect_is_not_followed_and_named() -> None:
    found = failure(302, b"", {"location": "https://elsewhere/"})
    assert "redirects to 'https://elsewhere/', which is not followed; use that address in the spec" in found.message
    assert "redirects to 'nowhere'" in failure(301, b"", {}).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "999999999"}, RETRY_AFTER_MAX),
        ({"retry-after": "٧"}, None),
        ({"retry-after": "Thu, 01 Jan 1970 00:16:50 GMT"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT", "date": "Thu, 01 Jan 1970 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT", "date": "whenever"}, 0.0),
        ({"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"}, RETRY_AFTER_MAX),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 1000.0) == seconds


@given(st.text(max_size=60))
def test_any_date_is_read_or_none(text: str) -> None:
    found = moment(text)
    assert found is None or isinstance(found, float)
    waiting = retry_after({"retry-after": text, "date": text, "retry-after-ms": text}, 0.0)
    assert waiting is None or 0 <= waiting <= RETRY_AFTER_MAX


@given(st.binary(max_size=3000))
def test_an_upstream_s_words_are_short_and_printable(body: bytes) -> None:
    found = words(body)
    assert len(found) <= 2000
    assert all(letter.isprintable() or letter in "\n\t" for letter in found)


HEADERS = st.dictionaries(st.sampled_from(["content-type", "location", "retry-after"]), st.text(max_size=20))


def outcome(door: Any, status: int, headers: dict[str, str], body: bytes) -> Failure | None:
    """The failure that an answer is; None for a successful one."""
    try:
        door(status, headers, body, RULES)
    except Failure as found:
        return found
    return None


@given(st.integers(100, 999), st.binary(max_size=200), HEADERS)
def test_any_answer_is_json_or_a_failure(status: int, body: bytes, headers: dict[str, str]) -> None:
    for door in (read, fields):
        found = outcome(door, status, headers, body)
        if found is None:
            assert 200 <= status < 300
        else:
            assert found.message
            assert found.kind.startswith("upstream") or found.kind is FailureKind.TOO_LARGE


WRONG = (LookupError("a"), TypeError("b"), ValueError("c"), AttributeError("d"), OverflowError(), RecursionError())


@pytest.mark.parametrize("error", WRONG)
def test_an_answer_that_a_codec_cannot_read_keeps_its_words(error: Exception) -> None:
    def codec(answer: Any, context: CallContext) -> dict[str, Any]:
        raise error

    with pytest.raises(Failure) as caught:
        translate(codec, {"said": "hello"}, CONTEXT)
    assert f"has an unknown form ({type(error).__name__}" in caught.value.message
    assert caught.value.upstream_words == '{"said":"hello"}'


def test_a_reply_carries_usage_if_there_is_any() -> None:
    assert reply({"a": 1}, None, CONTEXT).body == b'{"a":1}'
    made = reply({"choices": [{"text": "12345678"}]}, Usage(3, None), CONTEXT)
    told = b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"estimated":["completion_tokens"]}'
    assert made.body == b'{"choices":[{"text":"12345678"}],' + told + b"}"
    assert made.usage == Usage(3, None)
