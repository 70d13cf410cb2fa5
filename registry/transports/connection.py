"""One HTTP/1.1 connection to an upstream: an asyncio protocol over httptools."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from controlplane.base.messages import Sentence
from registry.spec import Timeouts
from registry.transports.decompress import DecompressionRefused, Decompressor
from registry.transports.drive import Turn
from registry.transports.egress import Egress
from registry.transports.response import Response, ResponseLimits, StaleConnection, invalid, refused_body, timed_out

STALE_WITHIN = 1.0
COPIED_BYTES = 8192
"""A larger body is not copied behind its head."""
Request = tuple[bytes, bytes]
BOUNDING = frozenset((b"content-length", b"transfer-encoding"))
"""Headers that tell where a body ends."""


READ_BYTES = 64 * 1024
"""The most that is read at once: so much of a stream may lie at each place where it waits for a slow caller."""


class Connection(asyncio.BufferedProtocol):
    """A socket to one checked IP. At most one response is read at a time."""

    def __init__(
        self,
        limits: ResponseLimits,
        egress: Egress,
        ip: str,
        on_free: Callable[["Connection", bool], None],
        turn: Turn | None = None,
        room: memoryview | None = None,
    ) -> None:
        """`on_free(connection, reusable)` is called when a response has ended or the socket is gone.

        With a `turn`, requests leave at the end of the loop's turn in which they are made. `room` takes what is read
        until it is parsed, in the same step: connections of one loop share it.
        """
        self._room = room or memoryview(bytearray(READ_BYTES))
        self._turn = turn
        self._request: Request | None = None
        self.limits = limits
        self.egress = egress
        self.ip = ip
        self.pool_key = ("", "", 0)
        self.closed = False
        self.idle_since = 0.0
        self._on_free = on_free
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._response: Response | None = None
        self._finished = self._bounded = self._paused = self._active = self._reused = self._seen = self._surplus = False
        self._keep = False
        self._silent = 0
        self._since = self._total = 0.0
        self._timeouts = Timeouts()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is open."""
        self._transport = cast(asyncio.Transport, transport)

    def start(self, request: Request, response: Response, timeouts: Timeouts, deadline: float, now: float) -> None:
        """Send `request`, a head and a body, and fill `response`. `deadline` and `now` are loop times in seconds."""
        self._response = response
        self._finished = self._bounded = self._active = self._seen = self._surplus = False
        self._silent = 0
        self._since, self._total, self._timeouts = now, deadline, timeouts
        if self._transport is None or self.closed:
            response.fail(StaleConnection())
        else:
            self._request = request
            if self._turn is None:
                self._flush()
            else:
                self._turn.write(self._flush)

    def _flush(self) -> None:
        request, self._request = self._request, None
        if request is None or self._transport is None or self.closed:
            return
        if len(request[1]) > COPIED_BYTES:
            self._transport.writelines(request)
        else:
            self._transport.write(request[0] + request[1])

    def get_buffer(self, sizehint: int) -> memoryview:
        """asyncio: where to put what is read."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """asyncio: so many bytes were read."""
        turn = self._turn
        if turn is None:
            self.data_received(self._room[:nbytes])
            return
        turn.gather()
        try:
            self.data_received(self._room[:nbytes])
        finally:
            turn.gathered()

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes from the upstream."""
        response = self._response
        if response is None:
            self.abort()
            return
        self._active = self._seen = True
        self._silent += len(data)
        broken: httptools.HttpParserError | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            broken = error
            self._surplus = self._finished
        if self._body:
            self._add_body()
        if broken is not None and not self._surplus:
            response.fail(
                invalid(
                    response.origin, Sentence("upstream {origin} does not speak HTTP/1.1: {error}", error=str(broken))
                )
            )
            return
        if self._surplus:
            response.fail(
                invalid(
                    response.origin,
                    Sentence("upstream {origin} sent bytes after its body's end: its Content-Length is wrong"),
                )
            )
        elif self._finished:
            self._release(response)
        elif self._silent > self.limits.silent:
            response.fail(
                invalid(
                    response.origin,
                    Sentence("upstream {origin} sent over {most} bytes of headers or framing", most=self.limits.silent),
                )
            )
        elif response.buffered > self.limits.high_water and not response.gather:
            self._pause()
        response.wake()

    def _add_body(self) -> None:
        """Hand over the body's bytes of one read together: a stream may have hundreds of chunks in it."""
        self._silent = 0
        if self._response is None:
            pass
        elif len(self._body) == 1:
            self._response.add(self._body[0])
        else:
            self._response.add(b"".join(self._body), tuple(self._body))
        self._body.clear()

    def on_message_begin(self) -> None:
        """httptools: a message starts. A second one in the same answer is a smuggling attempt or a wrong length."""
        self._surplus = self._finished

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header or trailer."""
        response = self._response
        if response is not None and not response.ready:
            response.headers.lines.append((name, value))

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        response = self._response
        if response is None:
            return
        status = self._parser.get_status_code()
        if status < 200:
            response.headers.lines.clear()
            return
        response.status = status
        names = {name.lower() for name, _ in response.headers.lines}
        self._bounded = not names.isdisjoint(BOUNDING) or status in (204, 304)
        encoding = response.headers["content-encoding"].lower() if b"content-encoding" in names else ""
        try:
            response.begin_body(None if encoding in ("identity", "") else Decompressor(encoding, self.limits.body))
        except DecompressionRefused as error:
            response.fail(refused_body(response.origin, error))

    def on_message_complete(self) -> None:
        """httptools: the message is whole, unless it was an interim (1xx) one."""
        if self._response is not None and self._response.ready:
            self._finished = True
            self._keep = self._bounded and self._parser.should_keep_alive()

    def eof_received(self) -> bool:
        """asyncio: the upstream closed its side; so do we."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the socket is gone. Tells a body that ends by closing from one that was cut."""
        self.closed = True
        response, self._response = self._response, None
        if response is not None:
            self._end_cut(response, error)
        self._on_free(self, False)

    def _end_cut(self, response: Response, error: Exception | None) -> None:
        if response.ready and not self._bounded and error is None:
            response.finish()
            return
        now = asyncio.get_running_loop().time()
        if self._reused and not self._seen and now - self._since < STALE_WITHIN:
            response.fail(StaleConnection())
            return
        when = Sentence("before its whole body was sent") if response.ready else Sentence("before it answered")
        words = (
            Sentence("upstream {origin} broke the connection ({error}) {when}", error=str(error), when=when)
            if error
            else Sentence("upstream {origin} closed the connection {when}", when=when)
        )
        response.fail(invalid(response.origin, words))

    def _release(self, response: Response) -> None:
        """Give a finished connection back for reuse, if the upstream keeps it open."""
        self._response = None
        self._reused = True
        response.finish()
        if not self._keep:
            self.abort()
            return
        self.resume()
        self._on_free(self, True)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on after the reader has caught up."""
        if self._paused and self._transport is not None and not self.closed:
            self._paused = False
            self._active = True
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close the socket at once, unsent bytes included."""
        self._response = None
        if self._transport is not None and not self.closed:
            self.closed = True
            self._transport.abort()

    def tick(self, now: float) -> None:
        """Enforce time limits, about ten times a second. Time during which our own reader is slow is not silence."""
        response = self._response
        if response is None:
            if self.idle_since and now - self.idle_since > self.limits.keep_alive:
                self.abort()
            return
        if now >= self._total:
            response.fail(timed_out(response, Sentence("upstream {origin} did not finish within the total limit")))
        elif self._paused or (response.buffered and not response.gather) or (response.started_body and self._active):
            self._since, self._active = now, False
        elif not response.started_body and now - self._since > self._timeouts.first_byte:
            response.fail(
                timed_out(
                    response,
                    Sentence("upstream {origin} sent no body within {limit} s", limit=f"{self._timeouts.first_byte:g}"),
                )
            )
        elif response.started_body and now - self._since > self._timeouts.idle:
            response.fail(
                timed_out(
                    response, Sentence("upstream {origin} was silent for {limit} s", limit=f"{self._timeouts.idle:g}")
                )
            )
