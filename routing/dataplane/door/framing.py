"""The body of an HTTP/1.1 request as it arrives: by length or in chunks, with everything around the data bounded."""

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind

LINE_BYTES = 1024
"""The most that one chunk's size and its extensions may take, in bytes."""
ASIDE_BYTES = 16 * 1024
"""The most that extensions and trailers of one body may take together, in bytes."""
SMALL_CHUNK = 64
MOST_SMALL = 2000
"""A body of more chunks than this has chunks of SMALL_CHUNK bytes or more on average: each one costs time to read."""
CHUNKS_AT_ONCE = 128
"""So many chunks are read at once: thousands of small ones fit in one read."""
_DIGITS = frozenset(b"0123456789abcdefABCDEF")


class FramingError(ValueError):
    """A body whose chunks cannot be read, or that says too much beside its data."""


class ByLength:
    """A body of a known length."""

    __slots__ = ("left",)

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def complete(self) -> bool:
        """Whether the whole body was taken."""
        return self.left == 0

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """The part of `data` that is the body's, and what comes after it."""
        size = len(data)
        if size <= self.left:
            self.left -= size
            return data, b""
        part, rest = data[: self.left], data[self.left :]
        self.left = 0
        return part, rest


class InChunks:
    """A body in chunks (RFC 9112, section 7.1). Extensions and trailers are read over, and bounded."""

    __slots__ = ("_aside", "_chunks", "_held", "_left", "_size_so_far", "_state", "complete")

    def __init__(self) -> None:
        self._held = b""
        self._left = self._aside = self._chunks = self._size_so_far = 0
        self._state = "size"
        self.complete = False

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """The body's bytes in `data`, joined, and what was not read: chunks to take later, or what follows the body.

        Raises FramingError.
        """
        data, self._held = self._held + data, b""
        parts: list[bytes] = []
        at, most = 0, self._chunks + CHUNKS_AT_ONCE
        while at < len(data) and not self.complete and self._chunks < most:
            if self._state == "data":
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                if not self._left:
                    self._state = "end"
                continue
            line = data.find(b"\n", at, at + LINE_BYTES)
            if line < 0:
                self._hold(data[at:])
                return b"".join(parts), b""
            if line == at or data[line - 1] != 13:
                raise FramingError("a line between chunks ends without a carriage return")
            self._line(data[at : line - 1])
            at = line + 1
        return parts[0] if len(parts) == 1 else b"".join(parts), data[at:]

    def _hold(self, begun: bytes) -> None:
        """Keep the beginning of a line whose end has not come."""
        if len(begun) >= LINE_BYTES:
            raise FramingError(f"a line between chunks is longer than {LINE_BYTES} bytes")
        if self._state == "end" and begun[:1] != b"\r":
            raise FramingError("a chunk is longer than its size says")
        self._held = begun

    def _line(self, line: bytes) -> None:
        """A whole line that is no data: a size, the end of a chunk, or a trailer."""
        if self._state == "end":
            if line:
                raise FramingError("a chunk is longer than its size says")
            self._state = "size"
        elif self._state == "size":
            self._left = self._size(line)
            self._state = "data" if self._left else "trailers"
        elif line:
            self._count(len(line))
            if b":" not in line or b"\r" in line or b"\0" in line:
                raise FramingError("a trailer is no header")
        else:
            self.complete = True

    def _size(self, line: bytes) -> int:
        digits, mark, extension = line.partition(b";")
        if mark:
            self._count(len(extension))
            if b"\r" in extension or b"\0" in extension:
                raise FramingError("a chunk's extension has a control character")
        if not 0 < len(digits) <= 15 or not _DIGITS.issuperset(digits):
            raise FramingError(f"a chunk's size is no hexadecimal number: {digits[:40]!r}")
        size = int(digits, 16)
        self._chunks += 1
        self._size_so_far += size
        if self._chunks > MOST_SMALL and self._size_so_far < self._chunks * SMALL_CHUNK:
            raise FramingError(f"more than {MOST_SMALL} chunks of fewer than {SMALL_CHUNK} bytes on average")
        return size

    def _count(self, size: int) -> None:
        self._aside += size
        if self._aside > ASIDE_BYTES:
            raise FramingError(f"extensions and trailers of one body are larger than {ASIDE_BYTES} bytes")


Framing = ByLength | InChunks


def framing_for(length: int | None) -> Framing:
    """How a body of this length is read; None is chunks."""
    return InChunks() if length is None else ByLength(length)


def unreadable_body(error: FramingError) -> Failure:
    """What the sender of a body is told whose chunks cannot be read."""
    return Failure(
        FailureKind.INVALID_REQUEST,
        Sentence("The body's chunks cannot be read: {error}.", error=error),
        code="invalid_chunks",
    )
