"""The caller's side of a call: its body, its leaving, and what is sent to it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from routing.dataplane.endpoints import Head, Headers
from routing.dataplane.limits import BODY_BYTES
from routing.dataplane.parts import SLICE, UNCOUNTED_BYTES, PartCounter


class CallerLeft(Exception):
    """The caller closed its connection before its request was whole, or before its answer was."""


class Incoming(Protocol):
    """A request that a caller has sent: what is known from its head, and its body as it arrives."""

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    client: tuple[str, int] | None
    memo: dict[str, Any]
    """What was worked out of the head, kept for requests with the same one."""

    async def part(self) -> tuple[bytes, bool]:
        """The next part of the body, and whether more is to come. Raises CallerLeft, or Failure if it is too late."""

    async def others_first(self) -> None:
        """Wait until others went on: between two pieces of work on a large body."""


class Answering(Protocol):
    """What an answer is given to."""

    added: Headers
    """Headers that every answer to this request carries."""

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer; its length is added. Raises CallerLeft."""

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer that is sent in parts."""

    async def write(self, data: bytes) -> None:
        """Send a part, and wait while the caller reads too slowly."""

    async def finish(self, data: bytes = b"") -> None:
        """Send the last part. Raises CallerLeft."""


class CallerSide(Incoming, Answering, Protocol):
    """One request of a caller, and its answer."""

    left: bool
    """Whether the caller left while its call was being made."""
    answered: bool
    """Whether the whole answer was handed over to the connection."""

    def belongs(self, key_id: int) -> bool:
        """Count the connection as this key's from now on; False if the key has too many."""

    def listen(self) -> None:
        """From now on a caller that leaves cancels what makes its answer. The body must have been read."""

    def forgive(self) -> None:
        """Take that cancellation back, once it has been seen."""


async def read_body(incoming: Incoming, head: Head) -> bytes:
    """The request's body, its parts counted as it arrives.

    Raises Failure (too_large, invalid_request) or CallerLeft.
    """
    if head.encoded:
        words = Sentence("the body is compressed; send it without Content-Encoding")
        raise Failure(FailureKind.UNREADABLE, words, code="unsupported_encoding")
    if head.length is not None and head.length > BODY_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    counter: PartCounter | None = None
    size, more = 0, True
    while more:
        part, more = await incoming.part()
        size += len(part)
        if size > BODY_BYTES:
            raise _too_large()
        parts.append(part)
        if counter is not None:
            await _count(counter, part, incoming)
        elif size > UNCOUNTED_BYTES:
            counter = PartCounter()
            await _count(counter, b"".join(parts), incoming)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _count(counter: PartCounter, part: bytes, incoming: Incoming) -> None:
    """Count a part of a body, others going on between two slices. Raises Failure or CallerLeft."""
    counter.add(part[:SLICE])
    for at in range(SLICE, len(part), SLICE):
        await incoming.others_first()
        counter.add(part[at : at + SLICE])


def body_late(seconds: float) -> Failure:
    """The failure of a body that did not arrive within so many seconds."""
    words = Sentence("the body did not arrive within {seconds} s", seconds=f"{seconds:g}")
    return Failure(FailureKind.INVALID_REQUEST, words, code="body_timeout")


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


@dataclass(slots=True)
class Collected:
    """Takes an answer if there is no connection."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    added: Headers = field(default_factory=list)

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Keep a whole answer."""
        self.status, self.headers = status, [*headers, (b"content-length", str(len(body)).encode())]
        self.parts.append(body)

    async def start(self, status: int, headers: Headers) -> None:
        """Keep the head."""
        self.status, self.headers = status, list(headers)

    async def write(self, data: bytes) -> None:
        """Keep a part."""
        self.parts.append(data)

    async def finish(self, data: bytes = b"") -> None:
        """Keep the last part."""
        self.parts.append(data)
