"""Whatever an upstream answers, a caller gets an answer or a Failure with its words, and memory stays bounded."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.canon import CallContext, Failure, FailureKind, Fragment, Reply, Task
from registry.protocols.adapter import BoundOperation, StreamDecoder
from registry.protocols.compiler.adapters import compile_adapter
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.runtime.framing import MAX_MESSAGE
from registry.spec import TASKS_BY_TYPE
from registry.specfile.file import read
from tests.registry.protocols.goldens import load

CONTEXT = CallContext("public-1", "req-1", 1, usage_wanted=True)
OPERATIONS: dict[tuple[str, Task], BoundOperation] = {
    (document.name, task): compile_adapter(
        read({"name": "m", "type": kind, "protocol": document.name, "endpoint": "http://h"})
    ).operations[task]
    for document in PROTOCOLS.values()
    for kind in document.types
    for task in TASKS_BY_TYPE[kind]
    if task in document.operations
}
EVERY = pytest.mark.parametrize("key", OPERATIONS, ids=lambda key: f"{key[0]}-{key[1]}")
STREAMING = [key for key, operation in OPERATIONS.items() if operation.decoder is not None]
EVERY_STREAM = pytest.mark.parametrize("key", STREAMING, ids=lambda key: f"{key[0]}-{key[1]}")
JSON = {"content-type": "application/json"}
ANSWERS = [golden for golden in load() if "upstream" in golden.case]


def stream_of(key: tuple[str, Task]) -> StreamDecoder:
    """A fresh stream decoder."""
    opener = OPERATIONS[key].decoder
    assert opener is not None
    return opener(CONTEXT)


def failure_of(key: tuple[str, Task], status: int, headers: dict[str, str], body: bytes) -> Failure:
    """The failure that an answer means."""
    with pytest.raises(Failure) as caught:
        OPERATIONS[key].decode(status, headers, body, CONTEXT)
    return caught.value


@EVERY
@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (200, {"content-type": "text/html"}, b"<html>Sign in</html>", FailureKind.UPSTREAM_INVALID),
        (200, {}, b"<html>Sign in</html>", FailureKind.UPSTREAM_INVALID),
        (200, JSON, b"", FailureKind.UPSTREAM_INVALID),
        (200, JSON, b"{}", FailureKind.UPSTREAM_INVALID),
        (200, JSON, b"null", FailureKind.UPSTREAM_INVALID),
        (200, JSON, b'{"choices": [', FailureKind.UPSTREAM_INVALID),
        (200, JSON, b"\xff\xfe", FailureKind.UPSTREAM_INVALID),
        (200, JSON, b"[" * 200_000, FailureKind.UPSTREAM_INVALID),
        (302, {"location": "https://elsewhere"}, b"", FailureKind.UPSTREAM_INVALID),
        (401, {}, b"", FailureKind.UPSTREAM_AUTHENTICATION),
        (404, {"content-type": "text/plain"}, b"no such page", FailureKind.UPSTREAM_REFUSED),
        (413, {}, b"", FailureKind.TOO_LARGE),
        (429, {"retry-after": "3"}, b"slow down", FailureKind.UPSTREAM_RATE_LIMITED),
        (500, JSON, b'"oops"', FailureKind.UPSTREAM_ERROR),
        (503, {"content-type": "text/html"}, b"<h1>Bad gateway</h1>", FailureKind.UPSTREAM_ERROR),
        (504, {}, b"", FailureKind.UPSTREAM_TIMEOUT),
    ],
)
def test_bad_answers(
    key: tuple[str, Task], status: int, headers: dict[str, str], body: bytes, kind: FailureKind
) -> None:
    failure = failure_of(key, status, headers, body)
    assert failure.kind is kind
    assert failure.upstream_status == status
    assert failure.retry_after == (3.0 if status == 429 else None)
    words = body[:20].decode(errors="ignore").strip()
    assert words in failure.upstream_words
    assert len(failure.upstream_words) <= 2000


def test_a_redirect_names_its_target() -> None:
    failure = failure_of(("openai", Task.CHAT), 301, {"location": "https://elsewhere/v1"}, b"")
    assert "https://elsewhere/v1" in failure.message


@EVERY_STREAM
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n\n",
        b"<html>Sign in</html>",
        b'{"choices": []}',
        b"data: {",
        b"data: [1]\n\n",
        b"\x00\xff" * 50,
        b"data: x\n\n",
    ],
)
def test_bodies_that_are_no_stream(key: tuple[str, Task], body: bytes) -> None:
    stream = stream_of(key)
    fragments = [stream.feed(body), stream.close()]
    failures = [item.failure for item in fragments if item.failure is not None]
    assert not any(item.finished for item in fragments)
    assert [failure.kind for failure in failures] == [FailureKind.UPSTREAM_INVALID]


@EVERY_STREAM
@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 65_000 + b"\n"])
def test_a_message_without_end_is_cut_off(key: tuple[str, Task], piece: bytes) -> None:
    stream = stream_of(key)
    failure, fed = None, 0
    while failure is None and fed < MAX_MESSAGE * 2:
        failure = stream.feed(piece).failure
        fed += len(piece)
    assert failure is not None
    assert failure.kind is FailureKind.UPSTREAM_INVALID
    assert fed <= MAX_MESSAGE + 3 * 65_536
    assert stream.feed(piece) == Fragment()


@EVERY_STREAM
def test_nothing_follows_the_end(key: tuple[str, Task]) -> None:
    golden = next(item for item in ANSWERS if (item.protocol, item.task) == key and item.case.get("finished"))
    stream = stream_of(key)
    assert stream.feed(golden.answer + golden.answer).output.count(b"[DONE]\n") == 1
    assert stream.feed(golden.answer).output == b""
    assert stream.close().failure is None


def test_a_spliced_event_cannot_smuggle_the_upstreams_name() -> None:
    stream = stream_of(("openai", Task.CHAT))
    block = b'data: {"choices":[{}],"model" : "secret\\"name"}\n\ndata: {"choices":[{}],"model":"","x":1}\n\n'
    assert stream.feed(block).output == (
        b'data: {"choices":[{}],"model":"public-1"}\n\ndata: {"choices":[{}],"model":"public-1","x":1}\n\n'
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def spoil(value: Any, draw: Any) -> Any:
    """`value` with one node replaced by anything."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: spoil(value[key], draw)}
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], spoil(value[index], draw), *value[index + 1 :]]
    return draw(ANYTHING)


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[tuple[str, Task], bytes]:
    """A recorded answer with bytes or a value changed."""
    golden = draw(st.sampled_from(ANSWERS))
    body = golden.answer
    if not golden.case["stream"] and draw(st.booleans()):
        try:
            body = json.dumps(spoil(json.loads(body), draw)).encode()
        except ValueError:
            body = b"{"
    else:
        at = draw(st.integers(0, len(body)))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at + draw(st.integers(0, 9)) :]
    return (golden.protocol, golden.task), body


@settings(max_examples=400)
@given(spoiled(), st.sampled_from([200, 200, 200, 400, 500]))
def test_spoiled_answers_end_in_a_reply_or_a_failure(case: tuple[tuple[str, Task], bytes], status: int) -> None:
    key, body = case
    reply: Reply | None = None
    with suppress(Failure):
        reply = OPERATIONS[key].decode(status, JSON, body, CONTEXT)
    assert reply is None or status == 200


@st.composite
def spoiled_events(draw: st.DrawFn) -> tuple[tuple[str, Task], bytes]:
    """A recorded stream with one event's JSON, or any bytes, changed."""
    golden = draw(st.sampled_from([item for item in ANSWERS if item.case["stream"]]))
    lines = golden.answer.split(b"\n")
    index = draw(st.sampled_from([number for number, line in enumerate(lines) if b"{" in line]))
    head, brace, tail = lines[index].partition(b"{")
    lines[index] = head + json.dumps(spoil(json.loads(brace + tail), draw)).encode()
    return (golden.protocol, golden.task), b"\n".join(lines)


@settings(max_examples=400)
@given(spoiled_events() | spoiled().filter(lambda case: case[0] in STREAMING), st.integers(1, 60))
def test_spoiled_streams_never_raise(case: tuple[tuple[str, Task], bytes], step: int) -> None:
    key, body = case
    stream = stream_of(key)
    fragments = [stream.feed(body[at : at + step]) for at in range(0, len(body), step)] + [stream.close()]
    failures = [item for item in fragments if item.failure is not None]
    finished = [item for item in fragments if item.finished]
    assert bool(failures) != bool(finished)
    assert len(failures) <= 1
    assert (b"data: [DONE]" in b"".join(item.output for item in fragments)) == bool(finished)
