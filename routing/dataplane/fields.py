"""A request body's top-level fields, decoded one by one only if they are needed."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder

from registry.canon import Failure, FailureKind

Fields = dict[str, Raw]
Value = TypeVar("Value")
_fields = Decoder(Fields).decode
text = Decoder(str).decode
flag = Decoder(bool | None).decode


def read_fields(body: bytes) -> Fields:
    """The top-level fields of a JSON body, not decoded. Raises Failure."""
    try:
        if not body.isascii():
            body.decode()
        return _fields(body)
    except UnicodeDecodeError as error:
        words = f"The body is not UTF-8: {error}."
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error
    except RecursionError as error:
        words = "The body is nested too deep; send fewer levels."
        raise Failure(FailureKind.INVALID_REQUEST, words, code="json_too_deep") from error
    except ValidationError as error:
        words = f"The body must be a JSON object: {error}."
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error
    except DecodeError as error:
        words = f"The body is not JSON: {error}."
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error


def take(fields: Fields, name: str, decode: Callable[[Raw], Value], expected: str) -> Value:
    """Take a field out and decode it. Raises Failure."""
    raw = fields.pop(name, None)
    if raw is None:
        words = f"{name!r} is missing; expected {expected}."
        raise Failure(FailureKind.INVALID_REQUEST, words, parameter=name, code="missing_required_parameter")
    try:
        return decode(raw)
    except (DecodeError, RecursionError) as error:
        shown = bytes(raw)[:60].decode("utf-8", "replace")
        words = f"{name!r} is {shown}; expected {expected}."
        raise Failure(FailureKind.INVALID_REQUEST, words, parameter=name, code="invalid_parameter") from error
