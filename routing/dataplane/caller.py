"""The caller's side of a call: its body, its leaving, and what is sent to it. ASGI in its plainest form."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from routing.dataplane.endpoints import Head
from routing.dataplane.limits import BODY_BYTES, BODY_SECONDS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LISTEN_AFTER = 0.2


class CallerLeft(Exception):
    """The caller closed its connection before its request was whole."""


async def read_body(receive: Receive, head: Head) -> bytes:
    """The request's body. Raises Failure (too_large, invalid_request) or CallerLeft."""
    if head.encoded:
        words = Sentence("the body is compressed; send it without Content-Encoding")
        raise Failure(FailureKind.UNREADABLE, words, code="unsupported_encoding")
    if head.length is not None and head.length > BODY_BYTES:
        raise _too_large()
    message = await receive()
    if message["type"] == "http.disconnect":
        raise CallerLeft
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise _too_large()
        return body
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_parts(receive, message)
    except TimeoutError as error:
        words = Sentence("the body did not arrive within {seconds} s", seconds=f"{BODY_SECONDS:g}")
        raise Failure(FailureKind.INVALID_REQUEST, words, code="body_timeout") from error


async def _read_parts(receive: Receive, first: Message) -> bytes:
    parts = [first.get("body", b"")]
    size = len(parts[0])
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_BYTES:
            raise _too_large()
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large() -> Failure:
    megabytes = BODY_BYTES // (1024 * 1024)
    return Failure(
        FailureKind.TOO_LARGE,
        Sentence(
            "The body is larger than {megabytes} MB, the most that one call may carry. Send less, or split the call.",
            megabytes=megabytes,
        ),
        code="body_too_large",
    )


class CallerConnection:
    """The caller's connection during one call: sends to it, and notices that the caller leaves.

    From `listen` on, a caller that leaves cancels the task that the connection was made in. The last message of an
    answer ends that: servers report a disconnection once an answer is complete, although nobody left.
    """

    __slots__ = ("_listener", "_over", "_receive", "_send", "_streaming", "_task", "_timer", "answered", "left")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._streaming = self.answered = False
        self._task = asyncio.current_task()
        self._listener: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = self.left = False

    def listen(self) -> None:
        """Begin to notice. The request's body must have been read. Costs one timer until a call takes 200 ms."""
        self._timer = asyncio.get_running_loop().call_later(LISTEN_AFTER, self._start)

    async def send(self, message: Message) -> None:
        """Send one message. Raises CallerLeft in place of the last one if the caller has left."""
        if message["type"] == "http.response.body":
            if message.get("more_body"):
                self._streaming = True
            else:
                await self._before_last()
                await self._send(message)
                self.answered = True
                return
        await self._send(message)

    async def _before_last(self) -> None:
        """Wait until earlier parts have room, then listen no longer. Raises CallerLeft."""
        if self._streaming:
            await self._send({"type": "http.response.body", "body": b"", "more_body": True})
        if self._timer is not None:
            # The end of the caller's connection may have been read already, and be told in this turn of the loop.
            await asyncio.sleep(0)
            if self._gone():
                raise CallerLeft
        self.end()

    def end(self) -> None:
        """Listen no longer."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def forgive(self) -> None:
        """Take back the cancellation, once it has been seen."""
        if self._task is not None:
            self._task.uncancel()

    def _gone(self) -> bool:
        """Whether the caller has left already: then one step of `receive` returns, else it begins to wait."""
        step = self._receive().__await__()
        try:
            next(step)
        except StopIteration as returned:
            return bool(returned.value["type"] == "http.disconnect")
        finally:
            if isinstance(step, Generator):
                step.close()
        return False

    def _start(self) -> None:
        self._listener = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if not self._over and self._task is not None:
            self.left = True
            self._task.cancel()


async def answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole answer."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def empty(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    """Send an answer without a body."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@dataclass(slots=True)
class Collected:
    """Takes an answer's ASGI messages if there is no connection."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        """Keep one message."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.parts.append(message.get("body", b""))
