"""What the data plane reads of a request's head and says in an answer's: addresses, ids, statuses, changes."""

import json
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import Adaptation, Failure, FailureKind, Task
from routing.dataplane import endpoints
from routing.dataplane.endpoints import CALLS, Address, adapted_header, address, error_headers, read_head, status_of

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models", Address(False)),
        ("/v1/models/", Address(False)),
        ("/v1/models/m", Address(False, None, "m")),
        ("/v1/models/org/name", Address(False, None, "org/name")),
        ("/v1/models/org/name/predict", Address(True, None, "org/name")),
        ("/v1//chat///completions/", Address(True, Task.CHAT)),
        ("/v1/models/predict", Address(False, None, "predict")),
        ("/v1/nothing", None),
        ("/v1", None),
        ("/metrics", None),
    ],
)
def test_a_path_means_a_call_a_listing_or_nothing(path: str, expected: Address | None) -> None:
    assert address(path) == expected


@pytest.mark.parametrize("path", sorted(CALLS))
def test_every_call_takes_post_and_every_listing_takes_get(path: str) -> None:
    found = address(path)
    assert found is not None
    assert found.methods == ("POST",)
    assert Address(False).methods == ("GET", "HEAD")


@given(st.lists(st.tuples(st.sampled_from((b"host", b"x-request-id", b"content-length", b"prefer")), st.binary())))
def test_no_header_breaks_the_reading_of_a_head(headers: list[tuple[bytes, bytes]]) -> None:
    head = read_head(headers)
    assert head.length is None or head.length >= 0
    assert head.request_id is None or head.request_id.isascii()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], {"request_id": None, "length": None, "strict": False, "respond_async": False, "encoded": False}),
        ([(b"x-request-id", b"abc-123")], {"request_id": b"abc-123"}),
        ([(b"x-request-id", b"a b\r\n")], {"request_id": None}),
        ([(b"content-length", b"12")], {"length": 12}),
        ([(b"content-length", b"-1")], {"length": None}),
        ([(b"content-length", b"9" * 16)], {"length": None}),
        ([(b"x-patchbay-strict", b"TRUE")], {"strict": True}),
        ([(b"x-patchbay-strict", b"yes")], {"strict": False}),
        ([(b"prefer", b"wait=5, Respond-Async")], {"respond_async": True}),
        ([(b"content-encoding", b"gzip")], {"encoded": True}),
        ([(b"content-encoding", b"Identity")], {"encoded": False}),
        ([(b"idempotency-key", b"")], {"idempotency_key": None}),
        ([(b"idempotency-key", b"k\xe9")], {"idempotency_key": "ké"}),
    ],
)
def test_headers_are_read_as_they_are_meant(headers: list[tuple[bytes, bytes]], expected: dict[str, Any]) -> None:
    head = read_head(headers)
    assert {name: getattr(head, name) for name in expected} == expected


@pytest.mark.parametrize("kind", FailureKind)
def test_every_failure_has_a_status_of_an_error_and_a_body_that_clients_read(kind: FailureKind) -> None:
    failure = Failure(kind, "words", parameter="p")
    status, word = status_of(failure)
    assert 400 <= status < 600
    body = json.loads(endpoints.error_body(failure))
    assert body == {"error": {"message": "words", "type": word, "param": "p", "code": kind.value}}
    assert endpoints.error_event(failure) == b"data: " + endpoints.error_body(failure) + b"\n\n"


@pytest.mark.parametrize(
    ("upstream", "code", "status"),
    [(400, None, 400), (422, None, 422), (404, None, 502), (500, "context_length_exceeded", 400)],
)
def test_what_a_caller_can_correct_is_told_as_theirs(upstream: int, code: str | None, status: int) -> None:
    failure = Failure(FailureKind.UPSTREAM_REFUSED, "no", code=code, upstream_status=upstream)
    assert status_of(failure)[0] == status


@pytest.mark.parametrize(
    ("kind", "wait", "expected"),
    [
        (FailureKind.RATE_LIMITED, 0.2, b"1"),
        (FailureKind.RATE_LIMITED, 2.0, b"2"),
        (FailureKind.RATE_LIMITED, 2.1, b"3"),
        (FailureKind.UNAVAILABLE, None, b"1"),
        (FailureKind.INVALID_REQUEST, None, None),
    ],
)
def test_a_wait_is_told_in_whole_seconds_rounded_up(
    kind: FailureKind, wait: float | None, expected: bytes | None
) -> None:
    assert dict(error_headers(Failure(kind, "later", retry_after=wait))).get(b"retry-after") == expected


def test_a_failed_authentication_says_how_to_authenticate() -> None:
    headers = dict(error_headers(Failure(FailureKind.AUTHENTICATION, "no key")))
    assert headers == {b"www-authenticate": b'Bearer realm="patchbay"'}


VALUES = st.none() | st.integers() | st.floats(allow_nan=False) | st.booleans() | NAMES | st.lists(NAMES, max_size=3)
CHANGES = st.builds(Adaptation, NAMES, st.sampled_from(("clamped", "renamed", "dropped")), VALUES, VALUES)


@given(st.lists(CHANGES, max_size=60))
def test_changed_parameters_fit_in_a_header_and_none_is_lost(changes: list[Adaptation]) -> None:
    header = adapted_header(changes).decode("ascii")
    assert len(header) <= 1100
    assert not set(header) & {"\r", "\n", "\x00"}
    parts = header.split(", ") if header else []
    more = int(parts.pop().removeprefix("more=")) if parts and parts[-1].startswith("more=") else 0
    assert len(parts) + more == len(changes)
    for part, change in zip(parts, changes, strict=False):
        name, action = part.split(";")[:2]
        assert unquote(name) == change.parameter[:64]
        assert action == f"action={change.action}"


def test_numbers_and_plain_words_are_told_as_they_are_and_others_are_escaped() -> None:
    told = adapted_header([Adaptation("temperature", "clamped", 3.5, 2), Adaptation("stop", "dropped", ["a;b"])])
    assert told == b"temperature;action=clamped;given=3.5;sent=2, stop;action=dropped;given=%5B%22a%3Bb%22%5D"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/v1/chat/completions", "call /v1/chat/completions."),
        ("/chat/completions", "call /v1/chat/completions."),
        ("/v1/responses", "It has /v1/"),
    ],
)
def test_a_wrong_address_is_told_the_right_one(path: str, words: str) -> None:
    failure = endpoints.unknown_address("POST", path)
    assert words in failure.message
    assert (status_of(failure)[0], failure.code) == (404, "unknown_url")
