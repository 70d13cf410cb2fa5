"""The live model itself: which of its declared parameters it takes, tried at their bounds within a budget of calls.

The revision is the SHA-256 of what was found, a JSON schema of the accepted parameters under the upstream's names, so
that a bound which moved is compared like any description. A poll costs nothing; the daily scan makes the calls.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from typing import Any

from msgspec import Raw, structs
from msgspec.json import encode

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind, Request, context_of
from registry.spec import Parameter
from registry.transports.http import Client
from registry.upstreams.exchange import client_timeouts, exchange, probe_request
from versions.reading.errors import SourceLimited, SourceRefused, SourceUnreachable
from versions.reading.interface import ListedFile, LiveSubject, OpenedSource, Sighting, SourcePlace
from versions.reading.web import DEFAULT_WAIT, Web
from versions.scan import LIVE

LIFECYCLE: tuple[str, ...] = ("deprecation", "sunset")
LONGEST_SECONDS = 20.0
HALVINGS = 6
"""Calls that look for a bound that moved inwards."""
SCHEMA = "https://json-schema.org/draft/2020-12/schema"
SAYS_NO = frozenset({FailureKind.UPSTREAM_REFUSED, FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED})
LIMITED = frozenset({FailureKind.UPSTREAM_RATE_LIMITED, FailureKind.RATE_LIMITED})
WRONG: Mapping[str, Any] = {
    "float": "wrong", "int": "wrong", "bool": "wrong", "string": 7, "array": 7, "object": 7,
}  # fmt: skip


class TrialPlace(Enum):
    """Where a tried value lies in what the spec declares."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    WRONG_TYPE = "wrong type"


@dataclass(frozen=True, slots=True)
class TriedValue:
    """One value of one parameter."""

    parameter: Parameter
    value: Any
    where: TrialPlace


@dataclass(slots=True)
class _Model:
    """An upstream that is called within a budget; `answers` holds what each value came to, by parameter."""

    subject: LiveSubject
    client: Client
    left: int
    answers: dict[str, list[tuple[Any, bool]]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def takes(self, values: Mapping[str, Any], where: TrialPlace = TrialPlace.INSIDE) -> bool | None:
        """Whether the model takes a call with these parameters; None if the budget is used up. Raises SourceError."""
        if self.left <= 0:
            return None
        self.left -= 1
        upstream = self.subject.upstream
        if where is TrialPlace.WRONG_TYPE:
            upstream = self.subject.mistyped[next(iter(values))]
        spec = upstream.spec
        plain = probe_request(spec, upstream.adapter)
        fields = {name: Raw(encode(value)) for name, value in values.items()}
        request: Request = structs.replace(plain, fields={**plain.fields, **fields})
        context = context_of(request, spec.name, "live-scan", int(time.time()))
        told = await exchange(self.client, upstream, request, context, client_timeouts(spec.timeouts, LONGEST_SECONDS))
        self.headers = {name.lower(): value for name, value in told.response_headers} or self.headers
        return told.failure is None or _refused(told.failure)


def address(location: str) -> str:
    """The model's own endpoints are checked where it is called."""
    return ""


def look(place: SourcePlace, web: Web) -> Sighting | None:
    """Nothing for a poll. Asked anew, every declared parameter is tried, within the budget."""
    if place.cursor:
        return None
    if place.subject is None:
        raise SourceRefused(Sentence("the model has no endpoint that can be called"))
    found, lifecycle = asyncio.run(_tried(place.subject, place.budget, web))
    text = json.dumps(found, sort_keys=True, separators=(",", ":"))
    return Sighting(
        hashlib.sha256(text.encode()).hexdigest(), {"accepted": text, "asked": time.time(), "lifecycle": lifecycle}
    )


@contextmanager
def opened(place: SourcePlace, sighting: Sighting, web: Web) -> Iterator[OpenedSource]:
    """What the look found, as the one file of a revision."""
    yield _Accepted(str(sighting.cursor["accepted"]).encode())


class _Accepted:
    def __init__(self, text: bytes) -> None:
        self._text = text

    def files(self) -> Iterator[ListedFile]:
        """The schema of what the model takes."""
        yield ListedFile(LIVE, len(self._text))

    def chunks(self, file: ListedFile, start: int = 0) -> Iterator[bytes]:
        """Its text."""
        yield self._text[start:]


def plan(parameters: tuple[Parameter, ...]) -> list[TriedValue]:
    """Every value to try, one of each parameter in turn, so that a small budget sees each of them."""
    groups = [list(_values(one)) for one in parameters if one.sent]
    return [one for turn in zip_longest(*groups) for one in turn if one is not None]


def _values(one: Parameter) -> Iterator[TriedValue]:
    if one.options:
        yield from (TriedValue(one, option, TrialPlace.INSIDE) for option in one.options)
    elif one.type in ("int", "float"):
        for bound, out in ((one.high, 1), (one.low, -1)):
            if bound is not None:
                yield TriedValue(one, _number(one, bound), TrialPlace.INSIDE)
                yield TriedValue(one, _number(one, bound + out), TrialPlace.OUTSIDE)
        if one.low is None and one.high is None:
            yield TriedValue(one, one.default if one.has_default else 1, TrialPlace.INSIDE)
    elif one.type == "bool":
        yield from (TriedValue(one, value, TrialPlace.INSIDE) for value in (True, False))
    elif one.has_default and one.default is not None:
        yield TriedValue(one, one.default, TrialPlace.INSIDE)
    yield TriedValue(one, WRONG.get(one.type, 7), TrialPlace.WRONG_TYPE)


async def _tried(subject: LiveSubject, budget: int, web: Web) -> tuple[dict[str, Any], dict[str, str]]:
    client = Client(lambda: web.egress)
    try:
        model = _Model(subject, client, budget)
        if not await model.takes({}):
            raise SourceUnreachable(Sentence("the model refuses the smallest call, so nothing else was tried"))
        for one in plan(subject.parameters):
            taken = await model.takes({one.parameter.name: one.value}, one.where)
            if taken is None:
                break
            if one.where is not TrialPlace.WRONG_TYPE:
                model.answers.setdefault(one.parameter.name, []).append((one.value, taken))
        properties = {
            one.upstream or one.name: await _property(model, one)
            for one in subject.parameters
            if any(taken for _, taken in model.answers.get(one.name, ()))
        }
    finally:
        await client.close()
    told: dict[str, str] = {name: model.headers[name] for name in LIFECYCLE if name in model.headers}
    schema = {"$schema": SCHEMA, "type": "object", "properties": properties, "additionalProperties": False}
    return schema, told


async def _property(model: _Model, one: Parameter) -> dict[str, Any]:
    """What a parameter takes, as a schema."""
    answers = model.answers[one.name]
    accepted = [value for value, taken in answers if taken]
    if one.options:
        return {"enum": accepted}
    kinds = {"int": "integer", "float": "number", "bool": "boolean"}
    if one.type not in ("int", "float"):
        return {"type": kinds.get(one.type, one.type)}
    found: dict[str, Any] = {"type": kinds[one.type]}
    if one.high is not None:
        found["maximum"] = await _bound(model, one, max(accepted), _number(one, one.high))
    if one.low is not None:
        found["minimum"] = await _bound(model, one, min(accepted), _number(one, one.low))
    return found


async def _bound(model: _Model, one: Parameter, accepted: Any, declared: Any) -> Any:
    """The bound that is really there: the declared one or beyond, or a value near it if that is refused."""
    if (declared, False) not in model.answers[one.name]:
        return accepted
    refused = declared
    for _ in range(HALVINGS):
        middle = _number(one, (accepted + refused) / 2)
        if middle in (accepted, refused):
            break
        taken = await model.takes({one.name: middle})
        if taken is None:
            break
        accepted, refused = (middle, refused) if taken else (accepted, middle)
    return accepted


def _number(one: Parameter, value: float) -> int | float:
    return int(value) if one.type == "int" else float(value)


def _refused(failure: Failure) -> bool:
    """False, if the model says no. Raises SourceError for a failure that says nothing about the values."""
    if failure.kind in LIMITED:
        raise SourceLimited(failure.message, DEFAULT_WAIT)
    if failure.kind in SAYS_NO:
        return False
    raise SourceUnreachable(failure.message)
