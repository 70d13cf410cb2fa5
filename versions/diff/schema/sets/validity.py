"""Asks `jsonschema` whether a node accepts a value. Validators are kept for as long as a comparison runs.

Patterns are searched by the automata of this package: as ECMA 262 reads them, and in bounded time.
"""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, UnknownType, ValidationError
from jsonschema.validators import create, extend

from versions.diff.schema.reading.keywords import ANNOTATIONS, IGNORED
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.automata import NotRegular, searched
from versions.diff.schema.sets.owned import CONTENT, OWNED, foreign
from versions.diff.values import key_of, type_of
from versions.diff.work import spend

FORMATS = FormatChecker()
COST = 8
FEW = 12
PLAIN = (OWNED | ANNOTATIONS | IGNORED) - CONTENT - {"format", "nullable"}
"""Keywords about which there is no doubt."""
_FAILURES = (
    NotRegular, ValidationError, SchemaError, UnknownType, ValueError, TypeError, RecursionError, ArithmeticError,
    AttributeError, KeyError,
)  # fmt: skip


class Judge:
    """`accepts` is None if `jsonschema` itself cannot say (an irregular pattern, a division it cannot do)."""

    def __init__(self) -> None:
        self._validators: dict[int, tuple[Node, Any]] = {}

    def accepts(self, node: Node, value: Any, with_formats: bool = False) -> bool | None:
        """Whether a node accepts a value."""
        if "x-unresolved" in node:
            return None
        spend(COST)
        key = id(node) * 2 + with_formats
        if key not in self._validators:
            checker = FORMATS if with_formats else None
            self._validators[key] = (node, _Validator(node, format_checker=checker))
        return _asked(self._validators[key][1], value)

    def surely(self, node: Node, value: Any) -> bool | None:
        """The same, and None if the answer hangs on what only some servers check or nobody knows.

        That is a keyword that is not known, a reference that leads nowhere, `format`, `content*`, and `nullable`.
        """
        spend(COST)
        key = ~id(node)
        if key not in self._validators:
            self._validators[key] = (node, _Doubting(node))
        return _asked(self._validators[key][1], value)


def _asked(validator: Any, value: Any) -> bool | None:
    try:
        return bool(validator.is_valid(value))
    except _FAILURES:
        return None


def _type(_validator: Any, types: Any, instance: Any, _schema: Node) -> Iterator[ValidationError]:
    spend()
    found = type_of(instance)
    if found not in types and not (found == "integer" and "number" in types):
        yield ValidationError("another type")


def _enum(_validator: Any, values: list[Any], instance: Any, _schema: Node) -> Iterator[ValidationError]:
    spend()
    if key_of(instance) not in _keys(values):
        yield ValidationError("not in enum")


def _keys(values: list[Any]) -> frozenset[Any]:
    """The values of an enumeration as a set; those of large ones are remembered for a while."""
    if len(values) <= FEW:
        return frozenset(map(key_of, values))
    known = _LARGE.get(id(values))
    if known is None:
        spend(len(values))
        if len(_LARGE) >= FEW:
            _LARGE.pop(next(iter(_LARGE)))
        known = _LARGE[id(values)] = values, frozenset(map(key_of, values))
    return known[1]


_LARGE: dict[int, tuple[list[Any], frozenset[Any]]] = {}


def _const(_validator: Any, value: Any, instance: Any, _schema: Node) -> Iterator[ValidationError]:
    spend()
    if key_of(value) != key_of(instance):
        yield ValidationError("not the constant")


def _unique(_validator: Any, unique: Any, instance: Any, _schema: Node) -> Iterator[ValidationError]:
    if unique is True and isinstance(instance, list) and len(set(map(key_of, instance))) < len(instance):
        yield ValidationError("items repeat")


def _pattern(_validator: Any, pattern: Any, instance: Any, _schema: Node) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not searched(pattern, instance):
        yield ValidationError("does not match")


def _properties(validator: Any, properties: Any, instance: Any, _schema: Node) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        spend(len(instance))
        for name in instance:
            if name in properties:
                yield from validator.descend(instance[name], properties[name])


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _schema: Node) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, schema in patterns.items():
        for name in (name for name in instance if searched(pattern, name)):
            yield from validator.descend(instance[name], schema)


def _additional(validator: Any, schema: Any, instance: Any, node: Node) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        for name in _undeclared(instance, node):
            yield from validator.descend(instance[name], schema)


def _undeclared(instance: dict[str, Any], node: Node) -> Iterator[str]:
    for name in instance:
        if name in node.get("properties", ()):
            continue
        if not any(searched(pattern, name) for pattern in node.get("patternProperties", ())):
            yield name


def _unevaluated(validator: Any, schema: Any, instance: Any, node: Node) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        known = _evaluated(validator, instance, {k: v for k, v in node.items() if k != "unevaluatedProperties"})
        for name in instance:
            if name not in known:
                yield from validator.descend(instance[name], schema)


def _evaluated(validator: Any, instance: dict[str, Any], node: Node) -> set[str]:
    """The names that a node, which accepts the value, looks at: directly or in what applies to the same value."""
    spend()
    known = {name for name in instance if name in node.get("properties", ())}
    for pattern in node.get("patternProperties", ()):
        known |= {name for name in instance if searched(pattern, name)}
    if "additionalProperties" in node or "unevaluatedProperties" in node:
        return set(instance)
    applied: list[Node] = [*node.get("allOf", ())]
    applied += [
        member for word in ("anyOf", "oneOf") for member in node.get(word, ()) if _fits(validator, instance, member)
    ]
    applied += [schema for name, schema in node.get("dependentSchemas", {}).items() if name in instance]
    if "if" in node:
        fits = _fits(validator, instance, node["if"])
        applied += [node["if"]] * fits + [node.get("then" if fits else "else", {})]
    return known.union(*(_evaluated(validator, instance, member) for member in applied))


def _fits(validator: Any, instance: Any, node: Node) -> bool:
    return next(validator.descend(instance, node), None) is None


_extend: Any = extend
_Validator = _extend(
    Draft202012Validator,
    {
        "pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _additional,
        "unevaluatedProperties": _unevaluated, "enum": _enum, "const": _const, "uniqueItems": _unique,
        "properties": _properties, "type": _type,
    },
)  # fmt: skip


def _with_doubts(node: Node) -> Iterator[tuple[str, Any]]:
    """The keywords of a node, and at the end a word for those that leave a doubt."""
    yield from node.items()
    if not node.keys() <= PLAIN:
        yield "doubt", None


def _doubt(_validator: Any, _value: Any, instance: Any, node: Node) -> Iterator[ValidationError]:
    text, number = isinstance(instance, str), isinstance(instance, int | float) and not isinstance(instance, bool)
    formatted = isinstance(node.get("format"), str) and (text or number)
    if formatted or (text and CONTENT & node.keys()) or (instance is None and "nullable" in node):
        raise ValueError("only some servers check this")
    if "x-unresolved" in node or foreign(node):
        raise ValueError("a keyword that nobody knows")
    yield from ()


_create: Any = create
_Doubting = _create(
    _Validator.META_SCHEMA, {**_Validator.VALIDATORS, "doubt": _doubt}, type_checker=_Validator.TYPE_CHECKER,
    applicable_validators=_with_doubts,
)  # fmt: skip
