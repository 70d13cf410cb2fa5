"""How a call's changed parameters are told: in its answer's header and in its record. Callers send the same ones again
and again, so what was made of them is kept.
"""

from functools import lru_cache

from msgspec import Struct
from msgspec.json import Decoder, encode

from registry.canon import Adaptation
from routing.dataplane.endpoints import adapted_header
from routing.dataplane.unspoken import unspoken

KEPT, KEPT_BYTES = 2048, 1024
_read = Decoder(tuple[Adaptation, ...]).decode


class Changes(Struct, frozen=True, gc=False):
    """`header` is what the caller is told, `record` what is stored."""

    header: bytes = b""
    record: tuple[Adaptation, ...] = ()


UNCHANGED = Changes()


def changes_of(adapted: tuple[Adaptation, ...]) -> Changes:
    """What is told of these adaptations. As JSON they are told apart where `==` does not: 1, 1.0 and true."""
    if not adapted:
        return UNCHANGED
    written = encode(adapted)
    return _changes(written) if len(written) <= KEPT_BYTES else _changes.__wrapped__(written)


@lru_cache(KEPT)
def _changes(written: bytes) -> Changes:
    adapted = _read(written)
    return Changes(adapted_header(adapted), unspoken(adapted))
