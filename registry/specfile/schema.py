"""JSON Schema 2020-12 of one spec, made of the rules, for editors and /api/spec-schema; the reader checks more."""

from collections.abc import Callable, Mapping
from typing import Any

from registry.lifecycle import LONGEST
from registry.specfile import rules
from registry.specfile.rules import Key, Kind

Schema = dict[str, Any]


def any_case(word: str, joints: str = "") -> str:
    """A regular expression for `word` in any case. Any of `joints` may stand in place of the first of them."""
    joint = "[" + joints.replace("-", "\\-") + "]"
    return "".join(joint if joints and letter == joints[0] else either_case(letter) for letter in word)


def either_case(letter: str) -> str:
    """A regular expression for `letter` in both cases."""
    return f"[{letter.upper()}{letter.lower()}]" if letter.isalpha() else letter.replace(".", "[.]")


def text(most: int, pattern: str = "") -> Schema:
    """Text of at most `most` characters."""
    found: Schema = {"type": "string", "maxLength": most}
    return {**found, "pattern": f"^{pattern}$"} if pattern else found


def word(kind: rules.WordKind) -> Schema:
    """One of several words in any case."""
    pattern = "|".join(any_case(known, kind.joints) for known in kind.known)
    return {"anyOf": [{"enum": list(kind.known)}, {"type": "string", "pattern": f"^\\s*({pattern})\\s*$"}]}


def texts(kind: rules.TextsKind) -> Schema:
    """A list of different texts."""
    items = text(kind.longest, kind.pattern)
    return {"type": "array", "items": items, "minItems": kind.least, "maxItems": kind.most, "uniqueItems": True}


def addresses(kind: rules.AddressesKind) -> Schema:
    """A base address, or a list of them."""
    one = text(kind.longest, f"{any_case('http')}[Ss]?://[!-~]+")
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": kind.most}]}


def size(kind: rules.SizeKind) -> Schema:
    """Bytes."""
    units = "|".join(map(any_case, rules.UNITS))
    whole = {"type": "integer", "minimum": 0, "maximum": rules.MOST_BYTES}
    return {"anyOf": [whole, text(39, rf"\s*{rules.AMOUNT}({units})\s*")]}


def number(kind: rules.NumberKind) -> Schema:
    """A number, perhaps positive and bounded."""
    return {"type": "number"} if kind.most is None else {"type": "number", "exclusiveMinimum": 0, "maximum": kind.most}


def bounds(kind: rules.RangeKind) -> Schema:
    """Two numbers; null for an open side."""
    item = {"type": ["number", "null"] if kind.open else "number"}
    return {"type": "array", "items": item, "minItems": 2, "maxItems": 2}


def pairs(kind: rules.PairsKind) -> Schema:
    """A mapping of values to others."""
    value = {"type": ["string", "number", "boolean"]}
    return {"type": "object", "minProperties": 1, "maxProperties": kind.most, "additionalProperties": value}


def closed(keys: tuple[Key, ...], nullable: bool = False) -> Schema:
    """A mapping with these keys only. If `nullable`, null stands for a key that is left out."""
    found: Schema = {
        "type": "object",
        "properties": {key.name: described(key, key.null or (nullable and not key.required)) for key in keys},
        "additionalProperties": False,
    }
    required = [key.name for key in keys if key.required]
    return {**found, "required": required} if required else found


def named(kind: rules.NamedKind) -> Schema:
    """A mapping of names to mappings."""
    return {
        "type": "object",
        "maxProperties": kind.most,
        "propertyNames": {"pattern": f"^{kind.pattern}$"},
        "additionalProperties": {**closed(kind.keys), "description": kind.meaning},
    }


def rows(kind: rules.RowsKind) -> Schema:
    """A list of mappings."""
    return {"type": "array", "maxItems": kind.most, "items": {**closed(kind.keys), "description": kind.meaning}}


def described(key: Key, nullable: bool) -> Schema:
    """What a key takes, with its meaning and its default."""
    found = MADE[type(key.kind)](key.kind)
    if nullable and "anyOf" in found:
        found = {"anyOf": [*found["anyOf"], {"type": "null"}]}
    elif nullable and "type" in found:
        found = {**found, "type": [found["type"], "null"]}
    found = {**found, "description": f"{key.meaning[0].upper()}{key.meaning[1:]}."}
    return found if key.default is None else {**found, "default": key.default}


MADE: Mapping[type[Kind], Callable[[Any], Schema]] = {
    rules.NameKind: lambda kind: text(kind.most, kind.pattern),
    rules.TextKind: lambda kind: text(kind.most),
    rules.WordKind: word,
    rules.ChoiceKind: lambda kind: {"enum": list(kind.known)},
    rules.FlagKind: lambda kind: {"type": "boolean"},
    rules.DateKind: lambda kind: text(LONGEST, kind.pattern),
    rules.TextsKind: texts,
    rules.AddressesKind: addresses,
    rules.SizeKind: size,
    rules.NumberKind: number,
    rules.RangeKind: bounds,
    rules.OptionsKind: lambda kind: {"type": "array", "minItems": 1, "maxItems": kind.most},
    rules.PairsKind: pairs,
    rules.AnyKind: lambda kind: {},
    rules.GroupKind: lambda kind: closed(kind.keys, nullable=True),
    rules.NamedKind: named,
    rules.RowsKind: rows,
}

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "/api/spec-schema",
    "title": "Model spec",
    "description": "One model; a file holds a list of them under models:.",
    **closed(rules.SPEC, nullable=True),
}
