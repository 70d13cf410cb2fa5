"""JSON values: their types, equality as JSON Schema means it, and pointers (RFC 6901)."""

from collections.abc import Iterable
from typing import Any

SCALARS = ("null", "boolean", "number", "string")
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def type_of(value: Any) -> str:
    """The JSON type of a value; `1.0` is an integer, as in JSON Schema since draft 6."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else "object"


def key_of(value: Any) -> Any:
    """A hashable stand-in: equal exactly where JSON Schema calls two values equal (1 is 1.0, true is not 1)."""
    if isinstance(value, bool) or value is None:
        return (type(value).__name__, value)
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, list | tuple):
        return ("array", tuple(key_of(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((name, key_of(item)) for name, item in value.items()))
    return (type(value).__name__, str(value))


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal."""
    return bool(key_of(left) == key_of(right))


def identical(left: Any, right: Any) -> bool:
    """Whether two values are written alike: unlike Python's `==`, neither 1 and true nor 0 and false are."""
    if left != right:
        return False
    pending = [(left, right)]
    while pending:
        a, b = pending.pop()
        if a is b:
            continue
        if isinstance(a, bool) is not isinstance(b, bool):
            return False
        if isinstance(a, dict):
            pending += [(value, b[name]) for name, value in a.items() if not isinstance(value, str)]
        elif isinstance(a, list):
            pending += zip(a, b, strict=True)
    return True


def without(values: Iterable[Any], others: Iterable[Any]) -> list[Any]:
    """The values that are not among the others, in order."""
    known = {key_of(other) for other in others}
    return [value for value in values if key_of(value) not in known]


def join(pointer: str, *parts: str | int) -> str:
    """The pointer one or more steps further down."""
    for part in parts:
        text = str(part)
        if "~" in text or "/" in text:
            text = text.replace("~", "~0").replace("/", "~1")
        pointer = f"{pointer}/{text}"
    return pointer


def parts_of(pointer: str) -> list[str]:
    """The steps of a pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def short(value: Any, limit: int = 60) -> str:
    """A value in few characters, for a sentence."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
