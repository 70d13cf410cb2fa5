"""Null, boolean, number and string: is one set of values inside another? Decided by testing representatives.

Between the limits that two schemas mention, all values behave alike; so a finite list of representatives (each limit, a
value between neighbours, one for each way of being a multiple; for strings one for each joint state of the patterns)
decides inclusion, and a representative that one side accepts and the other refuses is a counterexample.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.automata import NotRegular, searched
from versions.diff.schema.sets.normal import finite
from versions.diff.schema.sets.owned import CONTENT, foreign
from versions.diff.schema.sets.samples import numbers, strings
from versions.diff.values import key_of, same
from versions.diff.work import spend

NESTED = ("allOf", "anyOf", "oneOf")
MAX_NESTING = 12
MAX_FORMATS = 3
LENIENT = frozenset({"nullable"})
"""The world in which `nullable` lets null through whatever else is said; in the other one it does nothing more."""
FORMATTED = ("number", "string")
WIDENING_FORMATS = {
    ("int32", "int64"), ("float", "double"), ("int8", "int16"), ("int8", "int32"), ("int8", "int64"),
    ("int16", "int32"), ("int16", "int64"), ("uint8", "uint16"), ("uint8", "uint32"), ("uint16", "uint32"),
    ("uint32", "uint64"), ("uint32", "int64"), ("int32", "double"), ("int8", "double"), ("int16", "double"),
    ("uint8", "uint64"), ("uint8", "int64"), ("uint16", "uint64"), ("uint16", "int64"),
}  # fmt: skip
"""Formats of numbers, each with every wider one."""


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
    """`included` is None if representatives were incomplete and none of them was a counterexample."""

    included: bool | None
    counterexamples: tuple[Sample, ...] = ()


class Checker:
    """Whether nodes accept scalars; remembers the values of enumerations by node."""

    def __init__(self) -> None:
        self._values: dict[int, frozenset[Any]] = {}

    def holds(self, node: Node, sample: Sample, depth: int = 0) -> bool:
        """Whether a node accepts a scalar. Raises Undecidable on what only makes sense to `jsonschema`."""
        spend(2)
        if depth > MAX_NESTING or "x-unresolved" in node:
            raise Undecidable("too deep, or an unresolved reference")
        if sample.formats is LENIENT and "nullable" in node:
            return True
        if not self._own(node, sample):
            return False
        for name in NESTED:
            if name in node:
                count = sum(self.holds(member, sample, depth + 1) for member in node[name])
                if not {"allOf": count == len(node[name]), "anyOf": count > 0, "oneOf": count == 1}[name]:
                    return False
        if "not" in node and self.holds(node["not"], sample, depth + 1):
            return False
        if "if" in node:
            branch = node.get("then" if self.holds(node["if"], sample, depth + 1) else "else", {})
            return self.holds(branch, sample, depth + 1)
        return True

    def _own(self, node: Node, sample: Sample) -> bool:
        types = node.get("type")
        if types is not None and not _has_type(types, sample):
            return False
        if ("enum" in node or "const" in node) and key_of(sample.json) not in self._known(node):
            return False
        if isinstance(node.get("format"), str) and node["format"] not in sample.formats and sample.type in FORMATTED:
            return False
        if sample.type == "number":
            return _number(node, sample.value)
        return _string(node, sample) if sample.type == "string" else True

    def _known(self, node: Node) -> frozenset[Any]:
        if id(node) not in self._values:
            values = frozenset(key_of(value) for value in finite(node) or ())
            if "enum" in node and "const" in node:
                values &= {key_of(value) for value in node["enum"]}
            self._values[id(node)] = values
        return self._values[id(node)]


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
    if "pattern" not in node:
        return True
    try:
        return searched(node["pattern"], sample.value)
    except NotRegular as error:
        raise Undecidable(f"pattern {node['pattern']!r}") from error


def exact(value: float) -> Fraction:
    """A JSON number as the decimal that was written."""
    return Fraction(value) if isinstance(value, int) else Fraction(str(value))


def facts(nodes: tuple[Node, ...]) -> dict[str, list[Any]]:
    """Every limit, divisor, pattern, length, format and value that the nodes mention about scalars."""
    found: dict[str, list[Any]] = {name: [] for name in ("limit", "divisor", "length", "pattern", "format", "value")}
    for node in nodes:
        for item in _mentioned(node, 0):
            _collect(item, found)
    return found


def _understood(left: Node, right: Node) -> bool:
    """Whether all that `right` says is known here, or stands at the top of `left` too.

    What `left` says may be forgotten, unless that makes it smaller: inside a negation, a condition, one of several.
    """
    for item in _mentioned(right, 0):
        told = _strange(item)
        if any(item is not right or word not in left or not same(left[word], value) for word, value in told.items()):
            return False
    turned = [item for item in _mentioned(left, 0) if {"not", "if", "oneOf"} & item.keys()]
    return not any(
        _strange(inner)
        for item in turned
        for part in (*item.get("oneOf", ()), *(item[word] for word in ("not", "if") if word in item))
        for inner in _mentioned(part, 0)
    )


def _strange(node: Node) -> dict[str, Any]:
    return {**foreign(node), **{word: node[word] for word in CONTENT & node.keys()}}


def _mentioned(node: Node, depth: int) -> Iterator[Node]:
    if depth > MAX_NESTING:
        raise Undecidable("too deep")
    spend()
    yield node
    for name in NESTED:
        for member in node.get(name, ()):
            yield from _mentioned(member, depth + 1)
    for name in ("not", "if", "then", "else"):
        if name in node:
            yield from _mentioned(node[name], depth + 1)


def _collect(node: Node, found: dict[str, list[Any]]) -> None:
    spend(1 + len(node.get("enum", ())))
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
        return [Sample("null", None), Sample("null", None, LENIENT)], True
    if kind == "boolean":
        return [Sample("boolean", False), Sample("boolean", True)], True
    found = facts(nodes)
    formats = list(dict.fromkeys(found["format"]))
    complete = len(formats) <= MAX_FORMATS
    values: list[Any]
    if kind == "number":
        known = [exact(v) for v in found["value"] if isinstance(v, int | float) and not isinstance(v, bool)]
        values, sure = numbers(found["limit"] + known, found["divisor"])
        rounded = any(divisor.denominator & (divisor.denominator - 1) for divisor in found["divisor"])
        sure = sure and not (rounded and len(set(found["divisor"])) > 1)
    else:
        values, sure = _texts(found)
    worlds = _worlds(formats[:MAX_FORMATS])
    return [Sample(kind, value, world) for value in values for world in worlds], complete and sure


def _texts(found: dict[str, list[Any]]) -> tuple[list[str], bool]:
    known = [value for value in found["value"] if isinstance(value, str)]
    try:
        return strings(known, found["length"], found["pattern"])
    except NotRegular:
        return [*known, *strings(known, found["length"], [])[0]], False


def _worlds(formats: list[str]) -> list[frozenset[str]]:
    """Every set of formats that a value may have; who has a format has the wider ones too."""
    worlds = [frozenset[str]()]
    for name in formats:
        worlds += [world | {name} for world in worlds]
    return [
        world
        for world in worlds
        if not any(narrow in world and wide not in world for narrow, wide in WIDENING_FORMATS if wide in formats)
    ]


def decide(left: Node, right: Node, kind: str, most: int = 12) -> Decision:
    """Whether every value of one scalar type that `left` accepts is accepted by `right`."""
    if left is right:
        return Decision(True)
    try:
        candidates, complete = samples((left, right), kind)
        complete = complete and _understood(left, right)
        holds = Checker().holds
        against = list(islice((s for s in candidates if holds(left, s) and not holds(right, s)), most))
    except (Undecidable, RecursionError):
        return Decision(None)
    if against:
        return Decision(False, tuple(against))
    return Decision(True if complete else None)


def accepted(node: Node, kind: str, most: int = 6) -> list[Sample]:
    """Some values of one scalar type that a node accepts; empty if there are none or none was found."""
    holds = Checker().holds
    try:
        found = (sample for sample in samples((node,), kind)[0] if sample.formats is not LENIENT)
        return list(islice((sample for sample in found if holds(node, sample)), most))
    except (Undecidable, RecursionError):
        return []
