"""Whole answers that are in the caller's own format already: looked at, and passed on with our name of the model."""

import base64
import binascii
from array import array
from collections.abc import Mapping
from typing import Any

from msgspec import DecodeError, Raw
from msgspec.json import Decoder, encode

from controlplane.base.messages import Sentence
from registry.canon import CallContext, Reply, plain
from registry.protocols.document import UsagePaths
from registry.protocols.runtime.answers import invalid, usage_of

Item = dict[str, Raw]
decode = Decoder().decode
decode_items = Decoder(list[Item]).decode
STARTS = {"object": b"{", "text": b'"', "boolean": b"tf", "vector": b'["'}
"""What the JSON of each kind begins with. A vector is a list of numbers, or base64 of little-endian float32."""


def same_reply(
    found: dict[str, Raw],
    needed: str,
    each: Mapping[str, str],
    context: CallContext,
    paths: UsagePaths,
    may_be_empty: bool = False,
) -> Reply:
    """The answer, if its field `needed` is a list of objects that all have the fields `each`, of these kinds.

    Vectors are written as the caller asked for them.
    """
    if needed not in found:
        raise invalid(Sentence("has no field {needed}", needed=repr(needed)), 200, encode(found))
    try:
        items = decode_items(found[needed])
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(
            Sentence("has a {needed} that is no list of objects", needed=repr(needed)), 200, encode(found)
        ) from error
    if not items and not may_be_empty:
        raise invalid(Sentence("has an empty {needed}", needed=repr(needed)), 200, encode(found))
    for name, kind in each.items():
        if not begin(items, name, STARTS[kind]):
            raise invalid(
                Sentence("has a {needed} without a {name} in each", needed=repr(needed), name=repr(name)),
                200,
                encode(found),
            )
        if kind == "vector" and rewritten(items, name, context.encoding_format):
            found[needed] = Raw(encode(items))
    usage = usage_of({"usage": plain(found.get("usage"))}, paths)
    if "model" in found:
        found["model"] = Raw(encode(context.model))
    return Reply(encode(found), usage)


def begin(items: list[Item], name: str, letters: bytes) -> bool:
    """Whether all items have a field whose JSON begins with one of `letters`."""
    for item in items:
        raw = item.get(name)
        if raw is None or memoryview(raw)[0] not in letters:
            return False
    return True


def rewritten(items: list[Item], name: str, wanted: str) -> bool:
    """Write the vectors of `items` as `wanted`, float or base64, if they are not. Whether any was changed.

    Several vectors in one item (a list of lists) have no base64 form and stay as they are.
    """
    changed = False
    for item in items:
        given = bytes(item[name])
        written: Any = None
        try:
            if wanted == "base64" and given.startswith(b"[") and not given[1:].lstrip().startswith(b"["):
                written = base64.b64encode(array("f", decode(given)).tobytes()).decode()
            elif wanted == "float" and given.startswith(b'"'):
                numbers = array("f")
                numbers.frombytes(base64.b64decode(decode(given), validate=True))
                written = numbers.tolist()
        except (DecodeError, TypeError, ValueError, OverflowError, binascii.Error) as error:
            raise invalid(
                Sentence("has a {name} that is no vector ({error})", name=repr(name), error=error), 200, given[:2000]
            ) from error
        if written is not None:
            item[name] = Raw(encode(written))
            changed = True
    return changed
