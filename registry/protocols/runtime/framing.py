"""Cuts a stream of bytes into messages. One may be as large as a whole answer; a larger one is a Failure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.messages import Sentence
from registry.canon import ANSWER_BYTES, Failure, FailureKind
from registry.protocols.runtime.answers import BYTE_ORDER_MARK, words

MAX_MESSAGE = ANSWER_BYTES
KEEP_ALIVE = re.compile(rb":|\W*(ping|keep-?alive|heartbeat)\W*\Z", re.IGNORECASE)
"""Data that is no JSON and carries nothing."""

Message = tuple[str, bytes]
"""An event's name (empty if there is none) and its data."""


def too_long(held: bytes | bytearray) -> Failure:
    """The failure for a message that does not end."""
    return Failure(
        FailureKind.UPSTREAM_INVALID,
        Sentence(
            "The upstream's stream holds a message of more than {most} bytes. Check the model's protocol.",
            most=f"{MAX_MESSAGE:,}",
        ),
        upstream_words=words(bytes(held[:2000])),
        retryable=True,
    )


class Lines:
    """Collects bytes and gives complete lines without their ends. Work is linear however the bytes are cut."""

    __slots__ = ("held", "searched")

    def __init__(self) -> None:
        self.held = bytearray()
        self.searched = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes. Raises Failure at one that is too long."""
        self.held += data
        end = self.held.rfind(b"\n", self.searched) + 1
        block = bytes(self.held[:end])
        del self.held[:end]
        self.searched = len(self.held)
        for line in block.split(b"\n")[:-1]:
            if len(line) > MAX_MESSAGE:
                raise too_long(line)
            yield line.removesuffix(b"\r")
        if self.searched > MAX_MESSAGE:
            raise too_long(self.held)

    def rest(self) -> bytes:
        """What is left after the last line's end."""
        held, self.held, self.searched = bytes(self.held), bytearray(), 0
        return held


class NdjsonFraming:
    """One JSON text a line; a byte order mark before the first is left out."""

    __slots__ = ("lines", "mark")

    def __init__(self) -> None:
        self.lines = Lines()
        self.mark = BYTE_ORDER_MARK

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that `data` completes."""
        for line in self.lines.feed(data):
            yield from self._message(line)

    def close(self) -> Iterator[Message]:
        """A last line without an end."""
        yield from self._message(self.lines.rest())

    def _message(self, line: bytes) -> Iterator[Message]:
        line, self.mark = line.removeprefix(self.mark), b""
        if line.strip():
            yield "", line


class LineEnds:
    """Writes each line's end as one LF, be it CR, LF or CRLF, cut anywhere, and leaves out one byte order mark."""

    __slots__ = ("after_cr", "opening")

    def __init__(self) -> None:
        self.opening: bytes | None = b""
        self.after_cr = False

    def feed(self, data: bytes) -> bytes:
        """`data` in the one spelling. The first three bytes of a stream may be held back."""
        if self.opening is not None:
            self.opening += data
            if len(self.opening) < len(BYTE_ORDER_MARK) and BYTE_ORDER_MARK.startswith(self.opening):
                return b""
            data, self.opening = self.opening.removeprefix(BYTE_ORDER_MARK), None
        if self.after_cr and data:
            data, self.after_cr = data.removeprefix(b"\n"), False
        if b"\r" in data:
            self.after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def close(self) -> bytes:
        """What was held back: a stream of one or two bytes."""
        opening, self.opening = self.opening or b"", None
        return opening


class EventBlocks:
    """Cuts server-sent events from each other: lines up to a blank one, with LF between them. Work is linear."""

    __slots__ = ("ends", "held", "searched")

    def __init__(self) -> None:
        self.ends = LineEnds()
        self.held = bytearray()
        self.searched = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The events that `data` completes. Raises Failure at one that is too long."""
        data = self.ends.feed(data)
        if self.held or not data.endswith(b"\n\n"):
            data = self._take(data)
        for block in data.split(b"\n\n"):
            event = block.lstrip(b"\n")
            if len(event) > MAX_MESSAGE:
                raise too_long(event)
            if event:
                yield event
        if self.searched > MAX_MESSAGE + 1:
            raise too_long(self.held)

    def between(self) -> bool:
        """Whether nothing is held back: what comes next begins an event, and may be read elsewhere."""
        if self.held or self.ends.opening or self.ends.after_cr:
            return False
        self.ends.opening = None
        return True

    def _take(self, data: bytes) -> bytes:
        """Hold `data`; whole events, if it completes any."""
        self.held += data
        end = self.held.rfind(b"\n\n", max(0, self.searched - 1)) + 2
        block = b""
        if end > 1:
            block = bytes(self.held[:end])
            del self.held[:end]
        if self.held.startswith(b"\n"):
            del self.held[:1]
        self.searched = len(self.held)
        return block

    def close(self) -> bytes:
        """A last event without a blank line, or nothing; the end of a body counts as one."""
        rest = bytes(self.held) + self.ends.close()
        self.held, self.searched = bytearray(), 0
        return rest.strip(b"\n")


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event. `data` is None if it has no such line; `stray` is its first line that is no field.

    `others` are its fields of unknown names, of which the first value is kept; `comment` is its first comment.
    """

    name: str
    data: bytes | None
    stray: bytes
    comment: bytes
    others: dict[str, bytes]


def read_event(block: bytes) -> Event:
    """The fields of one event. Texts that are kept of unknown and wrong lines are cut short."""
    name, data, stray, comment = "", [], b"", b""
    others: dict[str, bytes] = {}
    for line in block.split(b"\n"):
        key, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if key == b"data":
            data.append(value)
        elif key == b"event":
            name = value[:100].decode(errors="replace")
        elif is_field_name(key):
            others.setdefault(key.decode(), value[:2000])
        elif key:
            stray = stray or line[:2000]
        else:
            comment = comment or line[:200]
    return Event(name, b"\n".join(data) if data else None, stray, comment, others)


def is_field_name(key: bytes) -> bool:
    """Whether `key` can be a field of server-sent events; a page's or a document's line is none."""
    return len(key) <= 64 and key.isascii() and key.decode().replace("-", "_").isidentifier()


class SseFraming:
    """Server-sent events; comments and unknown fields are skipped."""

    __slots__ = ("blocks",)

    def __init__(self) -> None:
        self.blocks = EventBlocks()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The events with data that `data` completes."""
        for block in self.blocks.feed(data):
            event = read_event(block)
            if event.data is not None:
                yield event.name, event.data

    def close(self) -> Iterator[Message]:
        """A last event without a blank line."""
        event = read_event(self.blocks.close())
        if event.data is not None:
            yield event.name, event.data


FramingKind = NdjsonFraming | SseFraming
