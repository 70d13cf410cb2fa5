"""Values, types and ranges of parameters in words, for refusals and for records."""

from typing import Any

from msgspec import Raw
from msgspec.json import encode

from controlplane.base.messages import Sentence

LONGEST_SHOWN = 60
SMALL = frozenset((int, float, bool, type(None)))
OBJECT = Sentence("an object")
TYPES = {
    "float": Sentence("a number"),
    "int": Sentence("a whole number"),
    "bool": Sentence("true or false"),
    "string": Sentence("a string"),
    "array": Sentence("a list"),
}


def within(low: float | None, high: float | None) -> str:
    """A range in words."""
    if low is None:
        return Sentence("a number of at most {high}", high=f"{high:g}")
    return (
        Sentence("a number of at least {low}", low=f"{low:g}")
        if high is None
        else Sentence("a number from {low} to {high}", low=f"{low:g}", high=f"{high:g}")
    )


def a_type(kind: str) -> str:
    """A type in words."""
    return TYPES.get(kind, OBJECT)


def shown(value: Any) -> str:
    """A value as JSON, cut short."""
    text = (
        bytes(value).decode(errors="replace")
        if isinstance(value, Raw)
        else encode(str(value) if isinstance(value, Sentence) else value).decode()
    )
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def brief(value: Any) -> Any:
    """What a record keeps of a value: small ones whole, large ones as a short text."""
    if value.__class__ in SMALL or (isinstance(value, str) and len(value) <= LONGEST_SHOWN):
        return value
    return shown(value)


def brief_raw(value: Any) -> Any:
    """`brief` of a value that may still be raw."""
    return brief(value) if not isinstance(value, Raw) else shown(value)
