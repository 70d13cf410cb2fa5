"""How a call's changed parameters are told: in its answer's header and in its record. Callers send the same ones again
and again, so what was made of them is kept.
"""

from functools import lru_cache

from msgspec import Struct
from msgspec.json import Decoder, encode

from registry.canon import Adaptation
from registry.protocols.adapter import Encoded
from routing.dataplane.endpoints import adapted_header
from routing.dataplane.unspoken import unspoken

KEPT, KEPT_BYTES = 2048, 1024
_read = Decoder(tuple[Adaptation, ...]).decode


class Changes(Struct, frozen=True, gc=False):
    """`header` is what the caller is told, `record` what is stored."""

    header: bytes = b""
    record: tuple[Adaptation, ...] = ()


UNCHANGED = Changes()


def changes_of(encoded: Encoded) -> Changes:
    """What is told of a request's adaptations."""
    if not encoded.adapted:
        return UNCHANGED
    memo = encoded.memo
    if memo is None:
        return _told(encoded.adapted)
    found: Changes | None = memo.get("changes")
    if found is None:
        found = memo["changes"] = _told(encoded.adapted)
    return found


def _told(adapted: tuple[Adaptation, ...]) -> Changes:
    """Adaptations are told apart as JSON; for `==`, 1 and 1.0 and true are one."""
    written = encode(adapted)
    return _changes(written) if len(written) <= KEPT_BYTES else _changes.__wrapped__(written)


@lru_cache(KEPT)
def _changes(written: bytes) -> Changes:
    adapted = _read(written)
    return Changes(adapted_header(adapted), unspoken(adapted))
