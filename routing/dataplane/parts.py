"""How many parts a JSON body has, counted without decoding it, so that a body of small parts is refused cheaply.

Fields and objects cost most to decode; elements of arrays (tokens, tensors) cost less, so more of them may be sent.
"""

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
SLICE = 32 * 1024
"""So many bytes are counted at once; a large body's other slices let other calls go first."""


class PartCounter:
    """Counts the parts of a body as it arrives, in pieces that are cut anywhere."""

    def __init__(self) -> None:
        self._fields = self._elements = 0
        self._inside = False
        self._escape = b""

    def add(self, piece: bytes) -> None:
        """Count a piece of the body. Raises Failure (too_large) once there are too many parts outside strings."""
        piece = self._escape + piece
        self._escape = b"\\" if (len(piece) - len(piece.rstrip(b"\\"))) % 2 else b""
        whole = piece[:-1] if self._escape else piece
        parts = whole.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[self._inside :: 2])
        self._inside ^= len(parts) % 2 == 0
        self._fields += outside.count(b":") + outside.count(b"{")
        self._elements += outside.count(b",") + outside.count(b"[")
        if self._fields > MOST_FIELDS or self._elements > MOST_ELEMENTS:
            raise _too_many(self._fields > MOST_FIELDS)


def check(body: bytes) -> None:
    """Raises Failure (too_large) if a body has too many parts."""
    if len(body) > UNCOUNTED_BYTES:
        counter = PartCounter()
        for at in range(0, len(body), SLICE):
            counter.add(body[at : at + SLICE])


def _too_many(fields: bool) -> Failure:
    words = TOO_MANY_FIELDS if fields else TOO_MANY_ELEMENTS
    return Failure(FailureKind.TOO_LARGE, words, code="too_many_parts")
