"""A request body's top-level fields, decoded one by one only if they are needed."""

import asyncio
import codecs
from collections.abc import Callable
from typing import TypeVar

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from routing.dataplane.apart import apart

LARGE_BYTES, SLICE = 1024 * 1024, 128 * 1024
"""A larger body is read and encoded beside the event loop."""
Fields = dict[str, Raw]
Value = TypeVar("Value")
_fields = Decoder(Fields).decode
text = Decoder(str).decode
flag = Decoder(bool | None).decode
MODEL_NAME = Sentence("a model's name, a string")
BOOLEAN = Sentence("true or false")


async def read_large(body: bytes) -> Fields:
    """The same for a body over 1 MB, while other calls go on. Raises Failure."""
    try:
        await _check_text(body)
    except UnicodeDecodeError as error:
        raise _not_text(error) from error
    return await apart(_read, body)


async def _check_text(body: bytes) -> None:
    """Raises UnicodeDecodeError if a body is not UTF-8; a slice is looked at in each turn of the loop."""
    if body.isascii():
        return
    decode = codecs.getincrementaldecoder("utf-8")().decode
    for at in range(0, len(body), SLICE):
        decode(body[at : at + SLICE], at + SLICE >= len(body))
        await asyncio.sleep(0)


def read_fields(body: bytes) -> Fields:
    """The top-level fields of a JSON body, not decoded. Raises Failure."""
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        raise _not_text(error) from error
    return _read(body)


def _read(body: bytes) -> Fields:
    try:
        return _fields(body)
    except RecursionError as error:
        words = Sentence("The body is nested too deep; send fewer levels.")
        raise Failure(FailureKind.INVALID_REQUEST, words, code="json_too_deep") from error
    except ValidationError as error:
        words = Sentence("The body must be a JSON object: {error}.", error=error)
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error
    except DecodeError as error:
        words = Sentence("The body is not JSON: {error}.", error=error)
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error


def _not_text(error: UnicodeDecodeError) -> Failure:
    words = Sentence("The body is not UTF-8: {error}.", error=error)
    return Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json")


def take(fields: Fields, name: str, decode: Callable[[Raw], Value], expected: str) -> Value:
    """Take a field out and decode it. Raises Failure."""
    raw = fields.pop(name, None)
    if raw is None:
        words = Sentence("{name} is missing; expected {expected}.", name=repr(name), expected=expected)
        raise Failure(FailureKind.INVALID_REQUEST, words, parameter=name, code="missing_required_parameter")
    try:
        return decode(raw)
    except (DecodeError, RecursionError) as error:
        shown = bytes(raw)[:60].decode("utf-8", "replace")
        words = Sentence("{name} is {shown}; expected {expected}.", name=repr(name), shown=shown, expected=expected)
        raise Failure(FailureKind.INVALID_REQUEST, words, parameter=name, code="invalid_parameter") from error
