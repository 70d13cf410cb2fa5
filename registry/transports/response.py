"""One answer being read from an upstream, and the failures of its transport."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controlplane.base.messages import Sentence, message_of
from registry.canon import ANSWER_BYTES, Failure, FailureKind
from registry.transports.decompress import DecompressionRefused, Decompressor
from registry.transports.drive import Signal


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """Caps in bytes, counts and seconds. `silent` bounds bytes without any body byte: headers, trailers, framing.

    `high_water` is how much of a stream may wait for its reader; about as much is handed over at once.
    """

    body: int = ANSWER_BYTES
    stream: int = 1024 * 1024 * 1024
    silent: int = 64 * 1024
    high_water: int = 64 * 1024
    idle_per_origin: int = 256
    connections: int = 4096
    keep_alive: float = 30.0


class ResponseSource(Protocol):
    """The connection behind a response."""

    def abort(self) -> None:
        """Close at once."""

    def resume(self) -> None:
        """Read on."""


class StaleConnection(Exception):
    """A kept connection that the upstream had closed before it saw the request."""


class HeaderLines(Mapping[str, str]):
    """Headers by lower-case name, the values of repeated ones joined; read only if somebody asks, as few do."""

    __slots__ = ("_read", "lines")

    def __init__(self) -> None:
        self.lines: list[tuple[bytes, bytes]] = []
        self._read: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._read is None:
            self._read = {}
            for name, value in self.lines:
                key, text = name.decode("latin-1").lower(), value.decode("latin-1")
                self._read[key] = f"{self._read[key]}, {text}" if key in self._read else text
        return self._read

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class Response:
    """One answer being read. `status` and `headers` are there once `head` returns."""

    __slots__ = (
        "_inflate",
        "_limit",
        "_limits",
        "_loop",
        "_pieces",
        "_size",
        "_source",
        "_waiter",
        "buffered",
        "complete",
        "failure",
        "gather",
        "headers",
        "origin",
        "parts",
        "ready",
        "started_body",
        "status",
    )

    def __init__(
        self, source: ResponseSource, limits: ResponseLimits, origin: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        """A response that `source` will fill."""
        self._source: ResponseSource | None = source
        self._limits = limits
        self._loop = loop
        self._pieces: list[bytes] = []
        self.parts: Sequence[bytes] = ()
        self._waiter: Signal | None = None
        self._inflate: Decompressor | None = None
        self._limit = limits.stream
        self._size = self.buffered = self.status = 0
        self.origin = origin
        self.headers = HeaderLines()
        self.ready = self.complete = self.gather = self.started_body = False
        self.failure: Exception | None = None

    async def head(self) -> None:
        """Wait for status and headers. Raises Failure, or Stale on a kept connection that was already closed."""
        while not self.ready:
            if self.failure is not None:
                raise self.failure
            await self._more()

    async def read_some(self) -> bytes:
        """Body bytes that have arrived, at least one; b"" at the end of a whole body. Raises Failure.

        `parts` are then the same as the upstream cut them, if that is known. Whoever read them lets go of them.
        """
        while not self._pieces:
            if self.failure is not None:
                raise self.failure
            if self.complete:
                return b""
            await self._more()
        data = self._take()
        self.buffered -= len(data)
        if self._source is not None and self.buffered <= self._limits.high_water:
            self._source.resume()
        return data

    def _take(self) -> bytes:
        """The first pieces, together no more than the high water mark, at least one."""
        if len(self._pieces) == 1:
            return self._pieces.pop()
        self.parts = ()
        count, size = len(self._pieces), self.buffered
        while count > 1 and size > self._limits.high_water:
            count -= 1
            size -= len(self._pieces[count])
        data = b"".join(self._pieces[:count])
        del self._pieces[:count]
        return data

    async def read(self) -> bytes:
        """The whole body, up to the body cap. Raises Failure for a truncated, damaged or too large one."""
        self.gather, self.parts = True, ()
        self._limit = self._limits.body
        if self._source is not None:
            self._source.resume()
        while not self.complete:
            if self.failure is not None:
                raise self.failure
            if self._size > self._limit:
                self.fail(self.too_large())
            else:
                await self._more()
        if self.failure is not None:
            raise self.failure
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def close(self) -> None:
        """Stop reading. An unfinished answer closes its connection at once; a finished one was given back already."""
        source, self._source = self._source, None
        if source is not None:
            source.abort()

    def begin_body(self, inflate: Decompressor | None) -> None:
        """Take status and headers as complete."""
        self.ready, self._inflate = True, inflate

    def add(self, data: bytes, parts: Sequence[bytes] = ()) -> None:
        """Take body bytes from the connection. Their parts are kept only for a reader that waits for them now."""
        self.started_body = True
        self.parts = parts if self._waiter is not None and not self.gather else ()
        if self._inflate is not None:
            self.parts = ()
            try:
                data = self._inflate.feed(data)
            except DecompressionRefused as error:
                self.fail(refused_body(self.origin, error))
                return
            if not data:
                return
        size = len(data)
        self._pieces.append(data)
        self._size += size
        self.buffered += size
        if self._size > self._limit:
            self.fail(self.too_large())

    def finish(self) -> None:
        """Take the end of a whole body; the connection is no longer this response's."""
        self._source = None
        if self._inflate is not None and self.started_body and not self._inflate.complete:
            self.fail(invalid(self.origin, Sentence("upstream {origin} ended its compressed body early")))
        else:
            self.complete = True
        self.wake()

    def fail(self, failure: Exception) -> None:
        """End with `failure` unless already ended, and close the connection."""
        if not self.complete and self.failure is None:
            self.failure = failure
        self.close()
        self.wake()

    def too_large(self) -> Failure:
        """The failure for a body beyond its cap."""
        return invalid(
            self.origin,
            Sentence("upstream {origin} sent more than {most} bytes, the most that is accepted", most=self._limit),
        )

    def wake(self) -> None:
        """Let a waiting reader go on."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.set()

    def _more(self) -> Signal:
        """What is set when more has come."""
        self._waiter = Signal(self._loop)
        return self._waiter


def invalid(origin: str, words: Sentence) -> Failure:
    """The failure for an upstream that breaks the rules of the wire; `words` have a gap for its `origin`."""
    return Failure(FailureKind.UPSTREAM_INVALID, words.given(origin=origin), retryable=True)


def refused_body(origin: str, error: DecompressionRefused) -> Failure:
    """The failure for a compressed body that is not taken."""
    return invalid(origin, Sentence("upstream {origin} {error}", error=message_of(error)))


def timed_out(response: Response, words: Sentence) -> Failure:
    """The failure for an upstream that takes too long; `words` have a gap for its `origin`."""
    return Failure(FailureKind.UPSTREAM_TIMEOUT, words.given(origin=response.origin), retryable=True)
