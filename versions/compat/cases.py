"""The calls that a candidate is tried with: limits, conditions, a stream, an error. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from msgspec import Raw, structs
from msgspec.json import encode

from controlplane.base.messages import Sentence
from registry.canon import CONTENT, Request
from registry.protocols.adapter import Adapter
from registry.spec import Constraint, Parameter, Spec
from registry.upstreams.exchange import probe_request
from versions.diff.boundaries import matrix
from versions.diff.model.specs import read_spec
from versions.diff.schema.reading.dialect import Dialect
from versions.diff.values import parts_of
from versions.hotfix import callers_side

SMALLEST = Sentence("the smallest call")


class Expected(StrEnum):
    """What a call must come to."""

    ANSWER = "answer"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class CompatCase:
    """One call: its kind, what it tries, and what it must come to. `about` is the parameter that it is about."""

    kind: str
    name: str
    request: Request
    expected: Expected
    about: str = ""


def cases(old: Mapping[str, Any], spec: Spec, document: Mapping[str, Any], adapter: Adapter) -> list[CompatCase]:
    """Every case for a candidate, the most telling first: what changed, then one of each parameter in turn.

    `document` is the candidate's `spec`; `old` the document that it takes the place of.
    """
    plain = structs.replace(probe_request(spec, adapter), strict=spec.strict)
    before, after = old.get("params", {}), document.get("params", {})
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    bounds = [*_as_before(old, plain), *_as_now(document, plain, changed)]
    return [
        CompatCase("call", SMALLEST, plain, Expected.ANSWER),
        *(_streamed(plain, adapter)),
        *(_broken(plain)),
        *(_conditions(spec, plain)),
        *_in_turn(bounds, changed),
    ]


def _with(plain: Request, values: Mapping[str, Any]) -> Request:
    fields = {name: Raw(encode(value)) for name, value in values.items()}
    return structs.replace(plain, fields={**plain.fields, **fields})


def _as_before(old: Mapping[str, Any], plain: Request) -> Iterator[CompatCase]:
    """What callers may send today must be answered tomorrow."""
    for boundary in matrix(read_spec(callers_side(old)).schema, Dialect(siblings=True)):
        if boundary.valid and isinstance(boundary.value, dict):
            about = _about(boundary.pointer) or Sentence("parameters")
            name = Sentence("{about}: {what}, as before", about=about, what=boundary.what)
            request = _with(plain, boundary.value)
            yield CompatCase("boundary", name, request, Expected.ANSWER, _about(boundary.pointer))


def _as_now(document: Mapping[str, Any], plain: Request, changed: Collection[str]) -> Iterator[CompatCase]:
    """The new limits of what changed: inside is answered, outside is refused, by us or by the upstream."""
    for boundary in matrix(read_spec(callers_side(document)).schema, Dialect(siblings=True)):
        about = _about(boundary.pointer)
        if about not in changed or not isinstance(boundary.value, dict):
            continue
        expected = Expected.ANSWER if boundary.valid else Expected.REFUSAL
        yield CompatCase("boundary", f"{about}: {boundary.what}", _with(plain, boundary.value), expected, about)


def _about(pointer: str) -> str:
    return next(iter(parts_of(pointer)), "")


def _in_turn(found: list[CompatCase], changed: Collection[str]) -> list[CompatCase]:
    """Cases of changed parameters first; of the others one each in turn. The same call is made once."""
    unique: dict[Any, CompatCase] = {}
    for case in found:
        unique.setdefault((tuple(sorted((name, bytes(raw)) for name, raw in case.request.fields.items()))), case)
    groups: dict[str, list[CompatCase]] = {}
    for case in unique.values():
        groups.setdefault(case.about, []).append(case)
    first = [case for name in groups if name in changed for case in groups[name]]
    rest = zip_longest(*(group for name, group in groups.items() if name not in changed))
    return [*first, *(case for turn in rest for case in turn if case is not None)]


def _streamed(plain: Request, adapter: Adapter) -> Iterator[CompatCase]:
    operation = adapter.operations.get(plain.task)
    if operation is not None and operation.decoder is not None:
        yield CompatCase("stream", Sentence("a streamed answer"), structs.replace(plain, stream=True), Expected.ANSWER)


def _broken(plain: Request) -> Iterator[CompatCase]:
    """Content of a wrong type, so that an error of the upstream is seen as one."""
    content = next((name for name in CONTENT if name in plain.fields), None)
    if content is not None:
        yield CompatCase(
            "errors", Sentence("{about}: a number", about=content), _with(plain, {content: 7}), Expected.REFUSAL
        )


def _conditions(spec: Spec, plain: Request) -> Iterator[CompatCase]:
    declared = {item.name: item for item in spec.params}
    for constraint in spec.constraints:
        values = _breaking(constraint, declared)
        if values is not None:
            name = Sentence("constraint on {names}", names=list(constraint.parameters))
            expected = Expected.ANSWER if constraint.outside == "clamp" and not spec.strict else Expected.REFUSAL
            yield CompatCase("constraint", name, _with(plain, values), expected)


def _breaking(constraint: Constraint, declared: Mapping[str, Parameter]) -> dict[str, Any] | None:
    """Values that break a constraint; None if the parameters are not declared."""
    if constraint.kind == "exclusive":
        named = [declared.get(name) for name in constraint.parameters[:2]]
        return {item.name: sample(item) for item in named if item is not None} if all(named) else None
    trigger, held = declared.get(constraint.when or ""), declared.get(constraint.parameters[0])
    if trigger is None or held is None or constraint.above is None:
        return None
    over = constraint.above + 1 if trigger.high is None else (constraint.above + trigger.high) / 2
    beyond = [
        end + step for end, step in ((constraint.high, 1), (constraint.low, -1))
        if end is not None and _within(held, end + step)
    ]  # fmt: skip
    whole = trigger.type == "int" and over != int(over)
    return {trigger.name: int(over) + 1 if whole else over, held.name: beyond[0]} if beyond else None


def _within(item: Parameter, value: float) -> bool:
    return (item.low is None or value >= item.low) and (item.high is None or value <= item.high)


def sample(item: Parameter) -> Any:
    """A value that a parameter takes."""
    if item.has_default:
        return item.default
    if item.options:
        return item.options[0]
    if item.low is not None or item.high is not None:
        end = item.low if item.low is not None else item.high
        return int(end or 0) if item.type == "int" else end
    return {"float": 0.5, "int": 1, "bool": True, "string": "a", "array": ["a"], "object": {}}[item.type]
