"""A request body's top-level fields, decoded one by one only if they are needed."""

from collections.abc import Callable
from typing import TypeVar

from msgspec import DecodeError, Raw, ValidationError
from msgspec.json import Decoder

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind

Fields = dict[str, Raw]
Value = TypeVar("Value")
_fields = Decoder(Fields).decode
text = Decoder(str).decode
flag = Decoder(bool | None).decode
MODEL_NAME = Sentence("a model's name, a string")
BOOLEAN = Sentence("true or false")


def read_fields(body: bytes) -> Fields:
    """The top-level fields of a JSON body, not decoded. Raises Failure."""
    try:
        if not body.isascii():
            body.decode()
        return _fields(body)
    except UnicodeDecodeError as error:
        words = Sentence("The body is not UTF-8: {error}.", error=error)
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error
    except RecursionError as error:
        words = Sentence("The body is nested too deep; send fewer levels.")
        raise Failure(FailureKind.INVALID_REQUEST, words, code="json_too_deep") from error
    except ValidationError as error:
        words = Sentence("The body must be a JSON object: {error}.", error=error)
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error
    except DecodeError as error:
        words = Sentence("The body is not JSON: {error}.", error=error)
        raise Failure(FailureKind.INVALID_REQUEST, words, code="invalid_json") from error


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
