"""Cuts a stream of bytes into messages. Memory is bounded: an unfinished message of more than 4 MB is a Failure."""

from collections.abc import Iterator

from registry.canon import Failure, FailureKind
from registry.protocols.answers import words

MAX_MESSAGE = 4_000_000

Message = tuple[str, bytes]
"""An event's name (empty where there is none) and its data."""


def too_long(held: bytes | bytearray) -> Failure:
    """The failure for a message that does not end."""
    return Failure(
        FailureKind.UPSTREAM_INVALID,
        f"The upstream's stream holds a message of more than {MAX_MESSAGE:,} bytes. Check the model's protocol.",
        upstream_words=words(bytes(held[:2000])),
        retryable=True,
    )


class Lines:
    """Collects bytes and gives complete lines without their ends. Work is linear however the bytes are cut."""

    __slots__ = ("held", "searched")

    def __init__(self) -> None:
        self.held = bytearray()
        self.searched = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises Failure where one is too long."""
        self.held += data
        end = self.held.rfind(b"\n", self.searched) + 1
        lines: list[bytes] = []
        if end > 0:
            lines = [line.removesuffix(b"\r") for line in bytes(self.held[:end]).split(b"\n")]
            lines.pop()
            del self.held[:end]
        self.searched = len(self.held)
        if self.searched > MAX_MESSAGE or any(len(line) > MAX_MESSAGE for line in lines):
            raise too_long(self.held or lines[0])
        return lines

    def rest(self) -> bytes:
        """What is left after the last line's end."""
        held, self.held, self.searched = bytes(self.held), bytearray(), 0
        return held


class NdjsonFraming:
    """One JSON text a line."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines = Lines()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes."""
        for line in self.lines.feed(data):
            if line.strip():
                yield "", line

    def close(self) -> Iterator[Message]:
        """A last line without an end."""
        rest = self.lines.rest()
        if rest.strip():
            yield "", rest


class SseFraming:
    """Server-sent events: fields up to a blank line; comments and unknown fields are skipped."""

    __slots__ = ("data", "lines", "name", "size", "stray")

    def __init__(self) -> None:
        self.lines = Lines()
        self.name = ""
        self.data: list[bytes] = []
        self.size = 0
        self.stray = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """The events that `data` completes."""
        for line in self.lines.feed(data):
            if line:
                self.field(line)
            elif self.data or self.name:
                yield self.event()

    def field(self, line: bytes) -> None:
        """Take one field of an event."""
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            self.data.append(value)
            self.size += len(value) + 1
            if self.size > MAX_MESSAGE:
                raise too_long(self.data[0])
        elif key == b"event":
            self.name = value[:100].decode(errors="replace")
        elif key not in (b"", b"id", b"retry", b"meta") and not self.stray:
            self.stray = line[:2000]

    def event(self) -> Message:
        """The event so far, taken out."""
        message = self.name, b"\n".join(self.data)
        self.name, self.data, self.size = "", [], 0
        return message

    def close(self) -> Iterator[Message]:
        """A last event without a blank line; the end of a body counts as one."""
        rest = self.lines.rest()
        if rest:
            self.field(rest.rstrip(b"\r"))
        if self.data:
            yield self.event()


FramingKind = NdjsonFraming | SseFraming
