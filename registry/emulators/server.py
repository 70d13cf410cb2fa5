"""HTTP/1.1 on raw asyncio: parses calls with httptools and plays answers back with their timing."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol as Interface
from typing import cast

import httptools

from registry.emulators.wire import WireAnswer, WireCall

LARGEST_BODY = 32 * 1024 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: before the first byte, and between streamed frames. `ended` is called when the answer is over."""

    first: float = 0.0
    gap: float = 0.0
    ended: Callable[[], None] | None = None


class AnswerSource(Interface):
    """What a connection asks for answers, and where it counts what became of them."""

    counters: Counter[str]

    def respond(self, call: WireCall) -> tuple[WireAnswer, Timing]:
        """The answer to `call` and when to send it."""


def head(answer: WireAnswer, closing: bool) -> bytes:
    """Status line and headers of `answer`."""
    lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}", f"content-type: {answer.content_type}"]
    if answer.frames is None:
        length = len(answer.body) if answer.length is None else answer.length
        lines.append(f"content-length: {length}")
    else:
        lines.append("transfer-encoding: chunked")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    if closing:
        lines.append("connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


class ServedConnection(asyncio.Protocol):
    """One caller's connection: calls are answered in order, the next one after the last byte of the one before."""

    __slots__ = (
        "_body",
        "_frames",
        "_headers",
        "_loop",
        "_parser",
        "_paused",
        "_playing",
        "_queue",
        "_source",
        "_timer",
        "_transport",
        "_url",
    )

    def __init__(self, source: AnswerSource) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[WireCall, bool]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._frames: Iterator[bytes] | None = None
        self._playing: tuple[WireAnswer, Timing, bool] | None = None
        self._paused = False
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._headers, self._body = b"", dict[str, str](), bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._source.counters["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        if self._playing:
            self._source.counters["abandoned"] += 1
        self._over()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            words = f"This is no HTTP request: {error}\n".encode()
            self._transport.write(head(WireAnswer(words, 400, "text/plain"), True) + words)
            self._transport.close()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > LARGEST_BODY:
            self._transport.abort()

    def on_message_complete(self) -> None:
        path, _, query = self._url.decode("latin-1").partition("?")
        call = WireCall(self._parser.get_method().decode(), path, self._headers, bytes(self._body), query)
        self._queue.append((call, not self._parser.should_keep_alive()))
        if self._playing is None:
            self._next()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._frames is not None and self._timer is None:
            self._tick()

    def _next(self) -> None:
        if not self._queue:
            return
        call, closing = self._queue.popleft()
        answer, timing = self._source.respond(call)
        self._playing = (answer, timing, closing or answer.cut or answer.length is not None)
        if answer.hold is None:
            return
        wait = answer.hold + timing.first
        if wait > 0:
            self._timer = self._loop.call_later(wait, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._timer = None
        if self._playing is None:
            return
        answer, _, closing = self._playing
        if answer.reset:
            self._transport.abort()
        elif answer.frames is None:
            self._transport.write(head(answer, closing) + answer.body)
            self._end(closing)
        else:
            self._frames = iter(answer.frames)
            self._transport.write(head(answer, closing))
            self._tick()

    def _tick(self) -> None:
        self._timer = None
        if self._frames is None or self._playing is None or self._paused:
            return
        answer, timing, closing = self._playing
        frame = next(self._frames, None)
        if frame is not None:
            self._transport.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            self._timer = self._loop.call_later(timing.gap, self._tick)
            return
        if not answer.cut:
            self._transport.write(b"0\r\n\r\n")
        self._end(closing)

    def _over(self) -> None:
        playing, self._playing, self._frames = self._playing, None, None
        if playing is not None and playing[1].ended is not None:
            playing[1].ended()

    def _end(self, closing: bool) -> None:
        self._over()
        if closing:
            self._transport.close()
        else:
            self._next()


async def listen(make: Callable[[], ServedConnection], host: str, port: int) -> asyncio.Server:
    """A server that accepts on `host`:`port` (0 takes a free one) with a backlog for hundreds of callers at once."""
    return await asyncio.get_running_loop().create_server(make, host, port, backlog=2048)
