"""How many parts a JSON body has, counted without decoding it, so that a body of small parts is refused cheaply.

Fields and objects cost most to decode; elements of arrays (tokens, tensors) cost less, so more of them may be sent.
"""

import asyncio
import codecs
from collections.abc import Iterator

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind

MOST_FIELDS = 10_000
"""Objects and their fields in one body."""
MOST_ELEMENTS = 300_000
"""Arrays and their elements in one body: an embedding request of OpenAI has as many tokens at the most."""
TOO_MANY_FIELDS = Sentence(
    "The body has more than {most} objects and fields, the most that one call may carry. Send less, or split the call.",
    most=f"{MOST_FIELDS:,}",
)
TOO_MANY_ELEMENTS = Sentence(
    "The body has more than {most} elements of arrays, the most that one call may carry. Send less, or split the call.",
    most=f"{MOST_ELEMENTS:,}",
)
UNCOUNTED_BYTES = 64 * 1024
"""A smaller body holds too few parts to matter."""
SLICE, FINE_SLICE = 128 * 1024, 32 * 1024


def check(body: bytes) -> None:
    """Raises Failure (too_large) if a body has too many parts."""
    if len(body) > UNCOUNTED_BYTES:
        for _ in _steps(body):
            pass


async def check_large(body: bytes) -> None:
    """The same, and that the body is UTF-8, a slice in each turn of the loop, so that other calls go on.

    Raises Failure, UnicodeDecodeError.
    """
    for _ in _steps(body):
        await asyncio.sleep(0)
    if body.isascii():
        return
    decode = codecs.getincrementaldecoder("utf-8")().decode
    for at in range(0, len(body), SLICE):
        decode(body[at : at + SLICE], at + SLICE >= len(body))
        await asyncio.sleep(0)


def _steps(body: bytes) -> Iterator[None]:
    """First what is in strings is counted too, as that is quick; exactly only if that is too much."""
    fields = elements = 0
    for at in range(0, len(body), SLICE):
        found = _count(body[at : at + SLICE])
        fields, elements = fields + found[0], elements + found[1]
        yield
    if fields <= MOST_FIELDS and elements <= MOST_ELEMENTS:
        return
    fields = elements = 0
    for piece in _outside_strings(body):
        found = _count(piece)
        fields, elements = fields + found[0], elements + found[1]
        if fields > MOST_FIELDS or elements > MOST_ELEMENTS:
            raise _too_many(fields > MOST_FIELDS)
        yield


def _count(piece: bytes) -> tuple[int, int]:
    """Fields and objects, elements and arrays: no fewer than there are, by their marks."""
    return piece.count(b":") + piece.count(b"{"), piece.count(b",") + piece.count(b"[")


def _outside_strings(body: bytes) -> Iterator[bytes]:
    """What stands outside strings, a slice at a time. No slice ends between a backslash and what it escapes."""
    inside = False
    at = 0
    while at < len(body):
        piece = body[at : at + FINE_SLICE]
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2:
            piece = body[at : at + FINE_SLICE + 1]
        at += len(piece)
        parts = piece.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        yield b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0


def _too_many(fields: bool) -> Failure:
    words = TOO_MANY_FIELDS if fields else TOO_MANY_ELEMENTS
    return Failure(FailureKind.TOO_LARGE, words, code="too_many_parts")
