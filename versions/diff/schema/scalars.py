"""Null, boolean, number and string: is one set of values inside another? Decided by testing representatives.

Between the limits that two schemas mention, all values behave alike; so a finite list of representatives (each limit, a
value between neighbours, one for each way of being a multiple; for strings one for each joint state of the patterns)
decides inclusion, and a representative that one side accepts and the other refuses is a counterexample.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

from versions.diff.schema.automata import NotRegular
from versions.diff.schema.normal import finite
from versions.diff.schema.reader import Node
from versions.diff.schema.samples import numbers, strings
from versions.diff.values import key_of

NESTED = ("allOf", "anyOf", "oneOf")
MAX_NESTING = 12


class Undecidable(ValueError):
    """The node says something about scalars that is not understood here."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A scalar with the formats that it is assumed to have; numbers are exact."""

    type: str
    value: Any
    formats: frozenset[str] = frozenset()

    @property
    def json(self) -> Any:
        """The value as JSON has it."""
        if isinstance(self.value, Fraction):
            return int(self.value) if self.value.denominator == 1 else float(self.value)
        return self.value


@dataclass(frozen=True, slots=True)
class Decision:
    """`included` is None where representatives were incomplete and none of them was a counterexample."""

    included: bool | None
    counterexamples: tuple[Sample, ...] = ()


def holds(node: Node, sample: Sample, depth: int = 0) -> bool:
    """Whether a node accepts a scalar. Raises Undecidable on what only makes sense to `jsonschema`."""
    if depth > MAX_NESTING or "x-unresolved" in node:
        raise Undecidable("too deep, or an unresolved reference")
    if not _own(node, sample):
        return False
    for name in NESTED:
        if name in node:
            count = sum(holds(member, sample, depth + 1) for member in node[name])
            if not {"allOf": count == len(node[name]), "anyOf": count > 0, "oneOf": count == 1}[name]:
                return False
    if "not" in node and holds(node["not"], sample, depth + 1):
        return False
    if "if" in node:
        branch = node.get("then" if holds(node["if"], sample, depth + 1) else "else", {})
        return holds(branch, sample, depth + 1)
    return True


def _own(node: Node, sample: Sample) -> bool:
    types = node.get("type")
    if types is not None and not _has_type(types, sample):
        return False
    values = finite(node)
    if values is not None and key_of(sample.json) not in {key_of(value) for value in values}:
        return False
    if "enum" in node and "const" in node and key_of(sample.json) not in {key_of(value) for value in node["enum"]}:
        return False
    if sample.type == "number":
        return _number(node, sample.value)
    return _string(node, sample) if sample.type == "string" else True


def _has_type(types: list[str], sample: Sample) -> bool:
    if sample.type in types:
        return True
    return sample.type == "number" and "integer" in types and sample.value.denominator == 1


def _number(node: Node, value: Fraction) -> bool:
    for name, fits in _COMPARISONS.items():
        if name in node and not fits(value, exact(node[name])):
            return False
    return "multipleOf" not in node or (value / exact(node["multipleOf"])).denominator == 1


_COMPARISONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}


def _string(node: Node, sample: Sample) -> bool:
    if len(sample.value) < node.get("minLength", 0) or len(sample.value) > node.get("maxLength", len(sample.value)):
        return False
    if "format" in node and node["format"] not in sample.formats:
        return False
    return "pattern" not in node or searched(node["pattern"], sample.value)


def searched(pattern: Any, text: str) -> bool:
    """Whether a pattern is found in a text. Raises Undecidable on a pattern that Python cannot read."""
    try:
        return re.search(pattern, text) is not None
    except (re.error, TypeError, RecursionError, OverflowError) as error:
        raise Undecidable(f"pattern {pattern!r}") from error


def exact(value: float) -> Fraction:
    """A JSON number as the decimal that was written."""
    return Fraction(value) if isinstance(value, int) else Fraction(str(value))


def facts(nodes: tuple[Node, ...]) -> dict[str, list[Any]]:
    """Every limit, divisor, pattern, length, format and value that the nodes mention about scalars."""
    found: dict[str, list[Any]] = {
        name: [] for name in ("limit", "divisor", "length", "pattern", "format", "value", "type")
    }
    for node in nodes:
        for item in _mentioned(node, 0):
            _collect(item, found)
    return found


def _mentioned(node: Node, depth: int) -> Iterator[Node]:
    if depth > MAX_NESTING:
        raise Undecidable("too deep")
    yield node
    for name in NESTED:
        for member in node.get(name, ()):
            yield from _mentioned(member, depth + 1)
    for name in ("not", "if", "then", "else"):
        if name in node:
            yield from _mentioned(node[name], depth + 1)


def _collect(node: Node, found: dict[str, list[Any]]) -> None:
    for name in _COMPARISONS:
        if name in node:
            found["limit"].append(exact(node[name]))
    if "multipleOf" in node:
        found["divisor"].append(exact(node["multipleOf"]))
    if "integer" in node.get("type", ()):
        found["divisor"].append(Fraction(1))
    found["length"] += [node[name] for name in ("minLength", "maxLength") if name in node]
    found["pattern"] += [node["pattern"]] if "pattern" in node else []
    found["format"] += [node["format"]] if isinstance(node.get("format"), str) else []
    found["value"] += [node["const"]] if "const" in node else []
    found["value"] += node.get("enum", [])


def samples(nodes: tuple[Node, ...], kind: str) -> tuple[list[Sample], bool]:
    """Representatives of one scalar type for some nodes, and whether they are complete."""
    if kind == "null":
        return [Sample("null", None)], True
    if kind == "boolean":
        return [Sample("boolean", False), Sample("boolean", True)], True
    found = facts(nodes)
    if kind == "number":
        known = [exact(v) for v in found["value"] if isinstance(v, int | float) and not isinstance(v, bool)]
        values, complete = numbers(found["limit"] + known, found["divisor"])
        rounded = [d for d in found["divisor"] if d.denominator & (d.denominator - 1)]
        complete = complete and not (rounded and len(set(found["divisor"])) > 1)
        return [Sample("number", value) for value in values], complete
    return _string_samples(found)


def _string_samples(found: dict[str, list[Any]]) -> tuple[list[Sample], bool]:
    known = [value for value in found["value"] if isinstance(value, str)]
    try:
        texts, complete = strings(known, found["length"], found["pattern"])
    except NotRegular:
        texts, complete = [*known, *strings(known, found["length"], [])[0]], False
    formats = list(dict.fromkeys(found["format"]))[:3]
    complete = complete and len(set(found["format"])) <= 3
    choices = [frozenset[str]()]
    for name in formats:
        choices += [choice | {name} for choice in choices]
    return [Sample("string", text, choice) for text in texts for choice in choices], complete


def decide(left: Node, right: Node, kind: str, most: int = 12) -> Decision:
    """Whether every value of one scalar type that `left` accepts is accepted by `right`."""
    if left is right:
        return Decision(True)
    try:
        candidates, complete = samples((left, right), kind)
        against = list(islice((s for s in candidates if holds(left, s) and not holds(right, s)), most))
    except (Undecidable, RecursionError):
        return Decision(None)
    if against:
        return Decision(False, tuple(against))
    return Decision(True if complete else None)


def accepted(node: Node, kind: str, most: int = 6) -> list[Sample]:
    """Some values of one scalar type that a node accepts; empty where there are none or none was found."""
    try:
        return [sample for sample in samples((node,), kind)[0] if holds(node, sample)][:most]
    except (Undecidable, RecursionError):
        return []
