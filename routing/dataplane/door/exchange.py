"""One request and its answer on a caller's connection, in the shape of ASGI."""

import asyncio
from http import HTTPStatus
from typing import Protocol

from registry.canon import Failure, FailureKind
from routing.dataplane.caller import Message
from routing.dataplane.door.framing import Framing, FramingError, framing_for, unreadable_body
from routing.dataplane.door.head import RequestHead

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
MOST_WAITING = 256 * 1024
"""Bytes of a body that may wait for whoever reads it, before the connection is read no further."""
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_WITHOUT_BODY = frozenset({204, 304})


class ExchangeWire(Protocol):
    """The connection under an exchange."""

    def write(self, data: bytes) -> None:
        """Send bytes to the caller."""

    def date(self) -> bytes:
        """The date header's line for now."""

    def read_on(self) -> None:
        """Read the connection again."""

    def hold(self) -> None:
        """Read the connection no further for now."""

    def answered(self) -> None:
        """The answer is whole."""

    async def writable(self) -> None:
        """Wait while the caller reads too slowly."""


class CallerExchange:
    """A request whose body may still be arriving, and the answer to it. `receive` and `send` are ASGI's."""

    def __init__(self, wire: ExchangeWire, head: RequestHead, client: tuple[str, int] | None) -> None:
        self.head = head
        self.keep_alive = head.keep_alive
        self.started = self.ended = False
        self._wire = wire
        self._client = client
        self._framing: Framing = framing_for(head.length)
        self._parts: list[bytes] = []
        self._waiting = 0
        self._failure: Exception | None = None
        self._told = self._gone = self._chunked = False
        self._changed = asyncio.Event()
        self._head = b""

    @property
    def whole(self) -> bool:
        """Whether the request's body has arrived."""
        return self._framing.complete or self._failure is not None

    @property
    def awaited(self) -> bool:
        """Whether more of the body must come in time."""
        return not self.whole

    def resumed(self) -> None:
        """The caller reads again; whoever sends waits in `writable`."""

    def scope(self) -> Message:
        """ASGI's scope of this request."""
        head = self.head
        return {
            "type": "http",
            "method": head.method,
            "path": head.path,
            "query_string": head.target.partition(b"?")[2],
            "headers": head.headers,
            "client": self._client,
            "http_version": head.version,
        }

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the body; what comes after it. A body that cannot be read fails where it is read."""
        try:
            part, rest = self._framing.take(data)
        except FramingError as error:
            self._failure, self.keep_alive = unreadable_body(error), False
            self._changed.set()
            return b""
        if part:
            self._parts.append(part)
            self._waiting += len(part)
            if self._waiting > MOST_WAITING and not self.ended:
                self._wire.hold()
        self._changed.set()
        return rest

    def overdue(self, seconds: float) -> None:
        """The body did not arrive in time: whoever waits for it fails."""
        words = f"the body did not arrive within {seconds:g} s"
        self._failure, self.keep_alive = Failure(FailureKind.INVALID_REQUEST, words, code="body_timeout"), False
        self._changed.set()

    def lost(self) -> None:
        """The caller is gone."""
        self._gone = True
        self._changed.set()

    async def receive(self) -> Message:
        """The next part of the body; after the last one, waits until the caller is gone. Raises Failure."""
        if not self._told and self.head.expects_continue and not self._parts and not self.whole and not self.started:
            self._wire.write(CONTINUE)
        while True:
            if self._failure is not None:
                raise self._failure
            if self._gone:
                return {"type": "http.disconnect"}
            if not self._told and (self._parts or self._framing.complete):
                return self._part()
            self._changed.clear()
            await self._changed.wait()

    def _part(self) -> Message:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._waiting > MOST_WAITING:
            self._wire.read_on()
        self._waiting = 0
        self._told = self._framing.complete
        return {"type": "http.request", "body": body, "more_body": not self._told}

    async def send(self, message: Message) -> None:
        """Send one message of the answer. To a caller that is gone nothing is sent."""
        if self._gone or self.ended:
            return
        if message["type"] == "http.response.start":
            self._head = self._opened(message["status"], message["headers"])
            return
        data, more = message.get("body", b""), message.get("more_body", False)
        if self.head.method == "HEAD":
            data = b""
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            if not more:
                data += LAST_CHUNK
        if self._head:
            data, self._head, self.started = self._head + data, b"", True
        self.ended = not more
        if data:
            self._wire.write(data)
        if more:
            await self._wire.writable()
        else:
            self._wire.answered()

    def _opened(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The head of the answer in bytes. Raises ValueError for a header that holds a line break."""
        sized = any(name == b"content-length" for name, _ in headers) or status in _WITHOUT_BODY
        self._chunked = not sized and self.head.version == "1.1" and self.head.method != "HEAD"
        if not sized and not self._chunked:
            self.keep_alive = False
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
            raise ValueError("a header of the answer holds a line break")
        if self._chunked:
            lines += b"transfer-encoding: chunked\r\n"
        if not self.keep_alive:
            lines += b"connection: close\r\n"
        elif self.head.version == "1.0":
            lines += b"connection: keep-alive\r\n"
        return b"%b%b%b\r\n" % (_STATUS_LINES[status], self._wire.date(), lines)
