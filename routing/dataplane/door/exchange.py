"""One request and its answer on a caller's connection."""

from http import HTTPStatus
from typing import Protocol

from registry.transports.drive import Drive, Signal, Turn
from routing.dataplane.caller import CallerLeft, body_late
from routing.dataplane.door.bounds import MOST_WAITING
from routing.dataplane.door.framing import Framing, FramingError, framing_for, unreadable_body
from routing.dataplane.door.head import RequestHead
from routing.dataplane.endpoints import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_WITHOUT_BODY = frozenset({204, 304})


class ExchangeWire(Protocol):
    """The connection under an exchange."""

    client: tuple[str, int] | None
    turn: Turn

    def write(self, data: bytes) -> None:
        """Send bytes to the caller."""

    def date(self) -> bytes:
        """The date header's line for now."""

    def read_on(self) -> None:
        """Read the connection again."""

    def hold(self) -> None:
        """Read the connection no further for now."""

    def completed(self) -> None:
        """The answer is whole."""

    async def writable(self) -> None:
        """Wait while the caller reads too slowly. Raises CallerLeft."""

    async def others_first(self) -> None:
        """Wait until it is this caller's turn again."""

    def belongs(self, key_id: int) -> bool:
        """Count the connection as this key's; False if the key has too many."""


class CallerExchange:
    """A request whose body may still be arriving, and the answer to it: see `CallerSide`."""

    __slots__ = (
        *("_chunked", "_failure", "_framing", "_head", "_listening", "_parts", "_signal", "_told", "_waiting"),
        *(
            "_wire",
            "added",
            "answered",
            "client",
            "drive",
            "gone",
            "head",
            "headers",
            "keep_alive",
            "left",
            "memo",
            "method",
        ),
        *("path", "started"),
    )

    def __init__(self, wire: ExchangeWire, head: RequestHead) -> None:
        self.head = head
        self.method, self.path, self.headers, self.client = head.method, head.path, head.headers, wire.client
        self.memo = head.memo
        self.keep_alive = head.keep_alive
        self.started = self.answered = self.left = False
        self.added: Headers = []
        self.drive: Drive | None = None
        self._wire = wire
        self._framing: Framing = framing_for(head.length)
        self._parts: list[bytes] = []
        self._waiting = 0
        self._failure: Exception | None = None
        self._signal: Signal | None = None
        self._told = self.gone = self._chunked = self._listening = False
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

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the body; what comes after it. A body that cannot be read fails where it is read."""
        try:
            part, rest = self._framing.take(data)
        except FramingError as error:
            self._failure, self.keep_alive = unreadable_body(error), False
            self._wake()
            return b""
        if part:
            self._parts.append(part)
            self._waiting += len(part)
            if self._waiting > MOST_WAITING and not self.answered:
                self._wire.hold()
        self._wake()
        return rest

    def overdue(self, seconds: float) -> None:
        """The body did not arrive in time: whoever waits for it fails."""
        self._failure, self.keep_alive = body_late(seconds), False
        self._wake()

    def _wake(self) -> None:
        if self._signal is not None:
            self._signal.set()

    def lost(self) -> None:
        """The caller is gone."""
        self.gone = True
        self._wake()
        if self._listening and not self.answered and self.drive is not None:
            self.left = True
            self.drive.cancel()

    def belongs(self, key_id: int) -> bool:
        """Count the connection as this key's from now on; if the key has too many, the answer is its last."""
        if self._wire.belongs(key_id):
            return True
        self.keep_alive = False
        return False

    def listen(self) -> None:
        """From now on a caller that leaves cancels what makes its answer. Raises CallerLeft if it has left."""
        if self.gone:
            raise CallerLeft
        self._listening = True

    def forgive(self) -> None:
        """Take that cancellation back, once it has been seen."""
        if self.drive is not None:
            self.drive.uncancel()

    async def part(self) -> tuple[bytes, bool]:
        """The next part of the body, and whether more is to come. Raises CallerLeft or Failure."""
        if self.head.expects_continue and not self._parts and not self.whole and not self.started:
            self._wire.write(CONTINUE)
        while True:
            if self._failure is not None:
                raise self._failure
            if self._parts or (self._framing.complete and not self._told):
                break
            if self.gone:
                raise CallerLeft
            self._signal = Signal(self._wire.turn.loop)
            await self._signal
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        if self._waiting > MOST_WAITING:
            self._wire.read_on()
        self._waiting = 0
        self._told = self._framing.complete
        return body, not self._told

    async def others_first(self) -> None:
        """Wait until it is this caller's turn again."""
        await self._wire.others_first()

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer; its length is added. Raises CallerLeft."""
        if status not in _WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(body)))
        head = self._opened(status, headers, sized=True)
        self._end(head + body if self.method != "HEAD" else head)

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer that is sent in parts."""
        self._head = self._opened(status, headers, sized=False)

    async def write(self, data: bytes) -> None:
        """Send a part, and wait while the caller reads too slowly. Raises CallerLeft."""
        self._wire.write(self._framed(data))
        await self._wire.writable()

    async def finish(self, data: bytes = b"") -> None:
        """Send the last part, once the caller has read enough of those before. Raises CallerLeft."""
        await self._wire.writable()
        self._end(self._framed(data, LAST_CHUNK if self._chunked else b""))

    def _framed(self, data: bytes, end: bytes = b"") -> bytes:
        """A part as it travels: after the head if that has not left, before what ends the answer. Copied once."""
        if self.method == "HEAD":
            data = b""
        head, self._head = self._head, b""
        self.started = self.started or bool(head)
        if self._chunked and data:
            return b"".join((head, b"%x\r\n" % len(data), data, b"\r\n", end))
        return b"".join((head, data, end))

    def _end(self, data: bytes) -> None:
        if self.gone:
            raise CallerLeft
        self.started = self.answered = True
        self._wire.write(data)
        self._wire.completed()

    def _opened(self, status: int, headers: Headers, sized: bool) -> bytes:
        """The head of the answer in bytes. Raises ValueError for a header that holds a line break."""
        if self.added:
            headers = [*headers, *self.added]
        lines = b"\r\n".join([*map(b": ".join, headers), b""])
        if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
            raise ValueError("a header of the answer holds a line break")
        if not sized:
            self._chunked = self.head.version == "1.1" and self.method != "HEAD"
            if self._chunked:
                lines += b"transfer-encoding: chunked\r\n"
            else:
                self.keep_alive = False
        if not self.keep_alive:
            lines += b"connection: close\r\n"
        elif self.head.version == "1.0":
            lines += b"connection: keep-alive\r\n"
        return b"%b%b%b\r\n" % (_STATUS_LINES[status], self._wire.date(), lines)
