"""Pairs of schemas: one and a small edit of it, with parts moved behind references."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any

from benchmarks.fuzz_schemas import DIALECTS, LEVELS, NAME_PATTERNS, SCALARS, SINGLE, Maker, Schema, has


def places(schema: Schema, level: int = 0) -> Iterator[tuple[Callable[[Schema], None], Schema, int]]:
    """Every schema below a schema, with a way to replace it and its level."""
    if not isinstance(schema, dict):
        return
    for word, deeper in (("properties", 1), ("patternProperties", 1), ("dependentSchemas", 0)):
        yield from _held(schema.get(word), level + deeper)
    for word in ("anyOf", "oneOf", "allOf", "prefixItems", "items"):
        if isinstance(schema.get(word), list):
            for index, part in enumerate(schema[word]):
                yield _setter(schema[word], index), part, level
                yield from places(part, level)
    for word in ("not", "if", "then", "else", "items", "contains"):
        if isinstance(schema.get(word), dict):
            yield _setter(schema, word), schema[word], level
            yield from places(schema[word], level)


def _held(parts: Any, level: int) -> Iterator[tuple[Callable[[Schema], None], Schema, int]]:
    if isinstance(parts, dict):
        for name, part in parts.items():
            yield _setter(parts, name), part, level
            yield from places(part, level)


def _setter(holder: Any, key: Any) -> Callable[[Schema], None]:
    def put(value: Schema) -> None:
        holder[key] = value

    return put


def edited(maker: Maker, schema: Schema) -> Schema:
    """The schema with one or two small edits, somewhere."""
    box = [deepcopy(schema)]
    for _ in range(maker.random.choice([1, 1, 1, 2])):
        spots = [(_setter(box, 0), box[0], 0), *places(box[0])]
        put, part, level = maker.random.choice(spots if maker.chance(0.7) else spots[:1])
        put(_edit(maker, part, min(level, 2)))
    return box[0]


def _edit(maker: Maker, part: Schema, level: int) -> Schema:
    random = maker.random
    if not isinstance(part, dict) or not part or maker.chance(0.06):
        return maker.schema(level, 2)
    pick = random.random()
    if pick < 0.2:
        word = random.choice(sorted(part))
        return {name: value for name, value in part.items() if name != word}
    if pick < 0.42:
        return _rewritten(maker, part, level)
    if pick < 0.6:
        more = maker.schema(level, 2)
        return {**part, **more} if isinstance(more, dict) and maker.chance(0.5) else {**more_of(more), **part}
    return _nudged(maker, part, random.choice(sorted(part)), level)


def more_of(schema: Schema) -> dict[str, Any]:
    """A schema as keywords to be laid under others."""
    return schema if isinstance(schema, dict) else {}


def _rewritten(maker: Maker, part: dict[str, Any], level: int) -> Schema:
    """Wrapped, split, negated twice: often the same set in other words."""
    words = sorted(part)
    half = set(maker.random.sample(words, len(words) // 2))
    split = [{w: v for w, v in part.items() if w in half}, {w: v for w, v in part.items() if w not in half}]
    other = maker.schema(level, 2)
    ways: list[Schema] = [
        {"allOf": [part]}, {"anyOf": [part]}, {"oneOf": [part]}, {"allOf": split}, {"not": {"not": part}},
        {"anyOf": [part, other]}, {"oneOf": [part, other]}, {"allOf": [part, other]}, {"anyOf": [part, part]},
        {**split[0], "allOf": [split[1]]}, {"allOf": [part, {}]}, {"anyOf": [part, {"allOf": [part, other]}]},
        {"oneOf": [part, part]}, {"allOf": [part, {"not": other}]},
    ]  # fmt: skip
    if has(maker.dialect, "if"):
        ways += [{**part, "if": other, "then": maker.schema(level, 2)}, {"if": other, "then": part, "else": part}]
    return maker.random.choice(ways)


def _nudged(maker: Maker, part: dict[str, Any], word: str, level: int) -> Schema:
    value, random = part[word], maker.random
    if word == "type" and isinstance(value, str):
        wider = {"integer": "number", "number": "integer"}.get(value, "null")
        if maker.dialect == "openapi-3.0":
            return {**part, word: wider if wider != "null" else "string"}
        return {**part, word: random.choice([wider, [value, random.choice(["null", "string", "object"])]])}
    if isinstance(value, bool | int | float):
        least = 1 if word == "multipleOf" else 0 if word[:3] in ("min", "max") and word[3:] not in ("imum",) else -9
        return {**part, word: not value if isinstance(value, bool) else max(least, value + random.choice([-1, 1]))}
    if word in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
        longer = [*value, maker.schema(level, 2)]
        return {**part, word: random.choice([longer, value[1:] or value, value[::-1]])}
    if word == "enum":
        odd = [int(v) if isinstance(v, bool) else bool(v) if v in (0, 1) else v for v in value]
        return {**part, word: random.choice([[*value, random.choice(SCALARS)], value[1:] or value, odd, value[::-1]])}
    if word == "required":
        return {**part, word: random.choice([[random.choice(LEVELS[level])], list({*value, LEVELS[level][0]})])}
    if word in ("properties", "patternProperties", "dependentSchemas"):
        names = LEVELS[level] if word != "patternProperties" else NAME_PATTERNS
        return {**part, word: {**value, random.choice(names): maker.property(level, 2)}}
    return {**part, word: maker.schema(level, 2)} if word in SINGLE and isinstance(value, dict) else part


def referring(maker: Maker, schema: Schema) -> Schema:
    """The schema with one part behind a reference, or with an object that holds itself."""
    if not isinstance(schema, dict):
        return schema
    schema = deepcopy(schema)
    openapi = maker.dialect == "openapi-3.0"
    ref = {"$ref": "#/components/schemas/n" if openapi else "#/$defs/n"}
    spots = [(put, part) for put, part, _level in places(schema) if isinstance(part, dict)]
    if not spots:
        return schema
    put, part = maker.random.choice(spots)
    put(dict(ref))
    held = part.get("properties")
    if isinstance(held, dict) and held and maker.chance(0.4):
        held[maker.random.choice(sorted(held))] = maker.random.choice(
            [dict(ref), {"anyOf": [dict(ref), {"type": "string"}]}, {"type": "array", "items": dict(ref)}]
        )
    return {**schema, **({"components": {"schemas": {"n": part}}} if openapi else {"$defs": {"n": part}})}


def pair(random: Random) -> tuple[str, Schema, Schema]:
    """A dialect and two schemas of it: mostly one and an edit of it, sometimes two unrelated ones."""
    dialect = random.choice((*DIALECTS, "2020-12", "2020-12"))
    maker = Maker(random, dialect)
    old = maker.schema()
    new = maker.schema() if maker.chance(0.06) else edited(maker, old)
    if maker.chance(0.15):
        state = random.getstate()
        old = referring(maker, old)
        if maker.chance(0.8):
            random.setstate(state)
            new = referring(maker, new)
    return dialect, old, new
