"""A caller's connection by itself: who leaves cancels the call, and who was answered did not leave."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from registry.canon import Failure
from routing.dataplane import caller as module
from routing.dataplane.caller import CallerConnection, CallerLeft, Collected, answer, empty, read_body
from routing.dataplane.endpoints import Head, read_head

Message = dict[str, Any]
LEFT: Message = {"type": "http.disconnect"}


def receiving(*messages: Message) -> Callable[[], Awaitable[Message]]:
    """An ASGI `receive` that has these messages, then none for ever."""
    waiting = list(messages)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError("nothing ever comes")

    return receive


def part(body: bytes, more: bool = False) -> Message:
    """A part of a request's body."""
    return {"type": "http.request", "body": body, "more_body": more}


def head(**headers: str) -> Head:
    """A request's head with these headers."""
    return read_head([(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()])


@pytest.mark.parametrize(
    ("messages", "body"),
    [
        ([part(b"whole")], b"whole"),
        ([part(b"in ", more=True), part(b"", more=True), part(b"parts")], b"in parts"),
        ([part(b"")], b""),
    ],
)
async def test_a_body_is_read_to_its_end(messages: list[Message], body: bytes) -> None:
    assert await read_body(receiving(*messages), head()) == body


async def test_a_caller_who_leaves_within_the_body_has_left() -> None:
    with pytest.raises(CallerLeft):
        await read_body(receiving(part(b"begun", more=True), LEFT), head())


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_is_refused_when_it_is_too_large_announced_or_not(
    monkeypatch: pytest.MonkeyPatch, announced: bool
) -> None:
    monkeypatch.setattr(module, "BODY_BYTES", 1024 * 1024)
    told = head(content_length=str(1024 * 1024 + 1)) if announced else head()
    large = [part(b"x" * 1024 * 1024, more=True), part(b"x")]
    with pytest.raises(Failure, match="larger than 1 MB") as refused:
        await read_body(receiving(*large), told)
    assert refused.value.code == "body_too_large"


async def test_a_body_that_begins_and_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.02)
    with pytest.raises(Failure) as refused:
        await asyncio.wait_for(read_body(receiving(part(b"begun", more=True)), head()), 5.0)
    assert refused.value.code == "body_timeout"


async def test_an_answer_has_its_length_and_an_empty_one_none() -> None:
    sent = Collected()
    await answer(sent.send, 201, [(b"a", b"b")], b"body")
    assert (sent.status, sent.headers, b"".join(sent.parts)) == (
        201,
        [(b"a", b"b"), (b"content-length", b"4")],
        b"body",
    )
    sent = Collected()
    await empty(sent.send, 204, [])
    assert (sent.status, sent.headers, b"".join(sent.parts)) == (204, [], b"")


async def listened(receive: Callable[[], Awaitable[Message]], seconds: float) -> CallerConnection:
    """A connection that has listened for so long, in the task that a departure cancels."""
    connection = CallerConnection(receive, Collected().send)
    connection.listen()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        connection.forgive()
    return connection


async def test_a_caller_who_leaves_cancels_the_call_and_the_cancellation_can_be_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LISTEN_AFTER", 0.0)
    connection = await asyncio.wait_for(listened(receiving(LEFT), 30.0), 5.0)
    assert connection.left
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_caller_who_stays_is_not_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTEN_AFTER", 0.0)
    connection = await listened(receiving(part(b"")), 0.02)
    connection.end()
    assert not connection.left


async def test_the_last_message_of_an_answer_is_kept_from_a_caller_who_has_left() -> None:
    sent = Collected()
    connection = CallerConnection(receiving(LEFT), sent.send)
    connection.listen()
    with pytest.raises(CallerLeft):
        await answer(connection.send, 200, [], b"too late")
    assert not connection.answered
    connection.end()


async def test_who_leaves_once_everything_was_sent_was_answered() -> None:
    sent = Collected()
    connection = CallerConnection(receiving(), sent.send)
    connection.listen()
    await connection.send({"type": "http.response.start", "status": 200, "headers": []})
    await connection.send({"type": "http.response.body", "body": b"a", "more_body": True})
    await connection.send({"type": "http.response.body", "body": b"b"})
    assert connection.answered
    assert b"".join(sent.parts) == b"ab"
    assert not connection.left
