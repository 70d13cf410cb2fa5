"""A connection to the console, which answers everything that is not the data plane's."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

import httptools

from routing.dataplane.door.head import RequestHead


class Carried(Protocol):
    """A request that a connection to the console carries, and that takes the answer."""

    head: RequestHead

    @property
    def whole(self) -> bool:
        """Whether nothing of the request is to come."""

    def linked(self, link: "ConsoleLink") -> None:
        """The console can be written to."""

    def back(self, data: bytes, raw: bool) -> None:
        """Bytes of the answer. `raw`: from here on both sides speak another protocol."""

    def done(self, keep_alive: bool) -> None:
        """The answer is whole."""

    def failed(self) -> None:
        """The console has gone while it answered, or does not speak HTTP."""

    def stale(self, unread: bool) -> None:
        """The connection, used before, has ended without a byte of an answer. `unread`: it took nothing of this."""

    def paused(self, full: bool) -> None:
        """The console reads too slowly, or again."""


class ConsoleLink(asyncio.Protocol):
    """A connection to the console; one request at a time."""

    def __init__(self, on_free: Callable[["ConsoleLink"], None]) -> None:
        self.closed = False
        self.free_since = 0.0
        self._on_free = on_free
        self._used = self._heard = False
        self._transport: asyncio.Transport | None = None
        self._passage: Carried | None = None
        self._parser: Any = None
        self._complete = self._bounded = self._raw = self._reading = self._lasts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the console has accepted."""
        self._transport = cast(asyncio.Transport, transport)
        self._reading = True

    def start(self, passage: Carried) -> None:
        """Carry a request."""
        self._passage = passage
        self._parser = httptools.HttpResponseParser(self)
        self._complete = self._bounded = self._heard = False
        passage.linked(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of an answer."""
        passage = self._passage
        if passage is None:
            self.abort()
            return
        self._heard = True
        if not self._raw:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                self._raw = True
            except httptools.HttpParserError:
                self.abort()
                passage.failed()
                return
        passage.back(data, self._raw)
        if self._complete:
            self._free(passage)

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header of the answer."""
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._bounded = True

    def on_headers_complete(self) -> None:
        """httptools: the head of an answer; that of HEAD has no body. Later llhttp knows no more if it is the last."""
        if self._parser.get_status_code() < 200:
            return
        self._lasts = self._parser.should_keep_alive()
        if self._passage is not None and self._passage.head.method == "HEAD":
            self._complete = True

    def on_message_complete(self) -> None:
        """httptools: an answer is whole, unless it was an interim one."""
        if self._parser.get_status_code() >= 200:
            self._complete = True

    def _free(self, passage: Carried) -> None:
        keep = self._lasts and passage.whole
        self._passage = None
        self.read_on()
        passage.done(self._lasts)
        if keep and not self.closed:
            self._used = True
            self._on_free(self)
        else:
            self.abort()

    def pause_writing(self) -> None:
        """asyncio: the console reads too slowly."""
        if self._passage is not None:
            self._passage.paused(True)

    def resume_writing(self) -> None:
        """asyncio: the console reads again."""
        if self._passage is not None:
            self._passage.paused(False)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone. An answer without a length ends so."""
        self.closed = True
        passage, self._passage = self._passage, None
        if passage is None:
            return
        if self._parser is not None and not self._bounded and not self._raw and self._parser.get_status_code() >= 200:
            passage.done(keep_alive=False)
        elif self._used and not self._heard:
            passage.stale(isinstance(error, BrokenPipeError))
        else:
            passage.failed()

    def write(self, data: bytes) -> None:
        """Send bytes to the console."""
        if self._transport is not None and not self.closed and data:
            self._transport.write(data)

    def hold(self) -> None:
        """Read no further for now."""
        if self._reading and self._transport is not None and not self.closed:
            self._reading = False
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Read again."""
        if not self._reading and self._transport is not None and not self.closed:
            self._reading = True
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close at once."""
        self._passage = None
        if self._transport is not None and not self.closed:
            self.closed = True
            self._transport.abort()


def console_place(address: str) -> str | tuple[str, int]:
    """Where `unix:/path` or `host:port` is: a path, or host and port. Raises ValueError for a port that is none."""
    if address.startswith("unix:"):
        return address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    return host, int(port)


async def ask(address: str, path: str, seconds: float, authorization: bytes = b"") -> tuple[int, bytes]:
    """GET one answer of the console; status and body. Raises OSError, TimeoutError or ValueError."""
    async with asyncio.timeout(seconds):
        place = console_place(address)
        opening = asyncio.open_unix_connection(place) if isinstance(place, str) else asyncio.open_connection(*place)
        reader, writer = await opening
        try:
            said = b"authorization: %b\r\n" % authorization if authorization else b""
            writer.write(b"GET %b HTTP/1.0\r\nhost: localhost\r\n%b\r\n" % (path.encode(), said))
            head, _, body = (await reader.read(64 * 1024)).partition(b"\r\n\r\n")
            body += await reader.read()
        finally:
            writer.close()
    status = head.split(b" ", 2)[1:2]
    if not status or not status[0].isdigit():
        raise ValueError("the console did not answer in HTTP")
    return int(status[0]), body
