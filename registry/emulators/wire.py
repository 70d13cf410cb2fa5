"""What a wire of the practice fleet is made of: the call as received, the answer to play, and the models of one
address.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Emulated:
    """One emulated model. `type` is a Spec's type; `size` is the vector's dimensions or the tensor's width."""

    number: int
    name: str
    protocol: str
    type: str
    size: int = 64


@dataclass(frozen=True, slots=True)
class WireCall:
    """One HTTP request. `path` is relative to the model's address, without `query`; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    query: str = ""


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """What to send, and how. `frames` streams in chunks; otherwise `body` goes out whole.

    `tokens`, of the prompt and written, are an inference's, which waits for the model's latency; None for an answer
    that is none. `hold` adds seconds before the first byte (None for ever). `length` is the declared Content-Length
    where it lies; `cut` closes the connection without the proper end; `reset` closes it with no answer.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    frames: Iterable[bytes] | None = None
    tokens: tuple[int, int] | None = None
    hold: float | None = 0.0
    length: int | None = None
    cut: bool = False
    reset: bool = False


@dataclass(frozen=True)
class Site:
    """The models behind one address, and the key that the address asks for, empty for none."""

    models: tuple[Emulated, ...]
    key: str = ""

    @cached_property
    def by_name(self) -> dict[str, Emulated]:
        """Models by name."""
        return {model.name: model for model in self.models}


class WireRefusal(Exception):
    """A call that the emulated server turns down; carries the whole answer in its wire's own shape."""

    def __init__(self, answer: WireAnswer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def bearer(headers: Mapping[str, str]) -> str:
    """The bearer key of `headers`, empty if there is none."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


@dataclass(frozen=True, slots=True)
class ServedWire:
    """One protocol's server. `refusal` shapes an error for a status and words; `stream_error` is an error inside a
    stream.
    """

    answer: Callable[[Site, WireCall], WireAnswer]
    refusal: Callable[[int, str], WireAnswer]
    stream_error: Callable[[str], bytes]
    key: Callable[[Mapping[str, str]], str] = bearer


class NotJson(ValueError):
    """Bytes that are no JSON, or nested too deeply."""


def from_json(data: bytes) -> Any:
    """The value in `data`. Raises NotJson."""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from error


def to_json(value: Any) -> bytes:
    """Compact JSON of `value`."""
    return msgspec.json.encode(value)


def body_object(call: WireCall, refuse: Callable[[int, str], WireAnswer]) -> dict[str, Any]:
    """The JSON object in the call's body. Raises Refused with 400 for anything else."""
    try:
        value = from_json(call.body)
    except NotJson as error:
        raise WireRefusal(refuse(400, f"We could not parse the JSON body of your request: {error}")) from error
    if not isinstance(value, dict):
        raise WireRefusal(refuse(400, f"The JSON body must be an object, not {type(value).__name__}"))
    return value


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A body field's type and bounds. `open_low` and `open_high` leave the bound itself out."""

    name: str
    types: tuple[type, ...] = (int, float)
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """A field that breaks its rule: `problem` is "type", "low" or "high"."""

    rule: FieldRule
    value: Any
    problem: str


def breach(body: Mapping[str, Any], rules: tuple[FieldRule, ...]) -> Breach | None:
    """The first field of `body` that breaks one of `rules`; absent and null fields are fine."""
    for rule in rules:
        value = body.get(rule.name)
        if value is None:
            continue
        problem = _problem(rule, value)
        if problem:
            return Breach(rule, value, problem)
    return None


def _problem(rule: FieldRule, value: Any) -> str:
    if not isinstance(value, rule.types) or (isinstance(value, bool) and bool not in rule.types):
        return "type"
    if not isinstance(value, int | float):
        return ""
    if rule.low is not None and (value < rule.low or (rule.open_low and value == rule.low)):
        return "low"
    if rule.high is not None and (value > rule.high or (rule.open_high and value == rule.high)):
        return "high"
    return ""
