"""What an encoder made of a call's parameters, kept: callers send the same ones again and again, with other content.

An encoder reads its request alone. If it passes content on as it came, what it made of one call holds for every call
with the same parameters: the content is put into the place where a mark stood.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Raw, Struct, field, structs

from registry.canon import Adaptation, Failure, Request
from registry.protocols.adapter import Encoded, Wire

Encode = Callable[[Request, str], Encoded]
KEPT, KEPT_BYTES = 4096, 1024
"""So many moulds are kept, of calls whose parameters have so many bytes together."""
NULL = Raw(b"null")
MARK = os.urandom(16).hex().encode()


class Mould(Struct, frozen=True):
    """A body without its content. Each piece comes before the content field that it names, `end` after the last."""

    wire: Wire = Wire("POST", "/")
    pieces: tuple[tuple[bytes, str], ...] = ()
    end: bytes = b""
    adapted: tuple[Adaptation, ...] = ()
    memo: dict[str, Any] = field(default_factory=dict)

    def filled(self, fields: Mapping[str, Raw]) -> Encoded:
        """The request of a call with this content."""
        parts: list[Any] = []
        for before, name in self.pieces:
            parts += before, fields[name]
        parts.append(self.end)
        wire = self.wire
        sent = Wire(wire.method, wire.path, b"".join(parts), wire.headers, wire.query)
        return Encoded(sent, self.adapted, self.memo)


SEEN, UNFIT = Mould(), Mould()
"""Parameters that were seen once, for which no mould was made yet, and those for which none can be."""
_moulds: dict[tuple[Any, ...], Mould] = {}


def with_moulds(encode: Encode, content: tuple[str, ...]) -> Encode:
    """`encode`, quicker for parameters that come again. It must pass the fields `content` on as they came."""

    def encoded(request: Request, upstream_model: str) -> Encoded:
        key = _key(request, content)
        if key is None:
            return encode(request, upstream_model)
        key = (encode, upstream_model, *key)
        mould = _moulds.get(key)
        if mould is not None and mould.pieces:
            return mould.filled(request.fields)
        made = encode(request, upstream_model)
        if len(_moulds) >= KEPT:
            _moulds.clear()
        if mould is None:
            _moulds[key] = SEEN
        elif mould is SEEN:
            _moulds[key] = _mould(encode, request, upstream_model, made, content)
        return made

    return encoded


def _key(request: Request, content: tuple[str, ...]) -> tuple[Any, ...] | None:
    """All of a request but its content; None if that is too much to keep, or if there is no content."""
    key: list[Any] = [request.stream, request.strict]
    room, found = KEPT_BYTES, False
    for name, raw in request.fields.items():
        key.append(name)
        if name in content:
            if raw == NULL:
                return None
            found = True
            continue
        room -= len(name) + len(raw)
        if room < 0:
            return None
        key.append(bytes(raw))
    return tuple(key) if found else None


def _mould(encode: Encode, request: Request, upstream_model: str, made: Encoded, content: tuple[str, ...]) -> Mould:
    """The mould of which `made` could have come; UNFIT if the encoder did something else with the content."""
    marks = {name: b'"%b%d"' % (MARK, number) for number, name in enumerate(content) if name in request.fields}
    marked = {name: Raw(mark) for name, mark in marks.items()}
    try:
        trial = encode(structs.replace(request, fields={**request.fields, **marked}), upstream_model)
    except Failure:
        return UNFIT
    rest, pieces = trial.wire.body, []
    for name in sorted(marks, key=lambda name: rest.find(marks[name])):
        before, mark, rest = rest.partition(marks[name])
        pieces.append((before, name))
        if not mark:
            return UNFIT
    mould = Mould(structs.replace(trial.wire, body=b""), tuple(pieces), rest, trial.adapted)
    filled = mould.filled(request.fields)
    return mould if MARK not in rest and (filled.wire, filled.adapted) == (made.wire, made.adapted) else UNFIT
