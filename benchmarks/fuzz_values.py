"""Values that a schema probably accepts, and close neighbours of them."""

from copy import deepcopy
from random import Random
from typing import Any

from benchmarks.fuzz_schemas import LEVELS, SCALARS

DEPTH = 6
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


def values(random: Random, schemas: tuple[Any, ...], count: int) -> list[Any]:
    """Some values for each schema, mutated ones of them, and simple ones."""
    found: list[Any] = []
    for schema in schemas:
        made = [_value(random, schema, 0, 0) for _ in range(count)]
        found += made
        found += [_mutated(random, value) for value in made]
    return [*found, *random.sample(SCALARS, 6), {}, []]


def _value(random: Random, schema: Any, level: int, depth: int) -> Any:
    if not isinstance(schema, dict) or not schema or depth > DEPTH or random.random() < 0.06:
        return _any(random, level, depth)
    schema = _flat(random, schema, 0)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return random.choice(schema["enum"])
    return _typed(random, schema, _type(random, schema), level, depth)


def _flat(random: Random, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    """One way through the alternatives, laid into one schema."""
    if depth > DEPTH:
        return schema
    result = dict(schema)
    chosen = list(result.pop("allOf", ()))
    for word in ("anyOf", "oneOf"):
        members = result.pop(word, None)
        if members:
            chosen.append(random.choice(members))
    if "if" in result:
        test = result.pop("if")
        branches = [[result.pop("then", {}), test], [result.pop("else", {})], [test]]
        chosen += random.choice(branches)
    inner = result.get("not")
    if isinstance(inner, dict) and random.random() < 0.5:
        chosen.append(inner.get("not", inner))
    for name, extra in _dependent(result):
        if random.random() < 0.5:
            result["required"] = [*result.get("required", ()), name]
            chosen.append(extra)
    for part in chosen:
        if isinstance(part, dict):
            _lay(result, _flat(random, part, depth + 1))
    return result


def _dependent(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    tables = [schema.get(word) or {} for word in ("dependentSchemas", "dependencies", "dependentRequired")]
    return [
        (name, value if isinstance(value, dict) else {"required": value})
        for table in tables
        for name, value in table.items()
        if isinstance(value, dict | list)
    ]


def _lay(result: dict[str, Any], part: dict[str, Any]) -> None:
    for word, value in part.items():
        if word == "properties" and isinstance(result.get(word), dict):
            result[word] = {**value, **result[word]}
        elif word == "required" and isinstance(result.get(word), list):
            result[word] = [*result[word], *value]
        else:
            result.setdefault(word, value)


def _type(random: Random, schema: dict[str, Any]) -> str:
    types = schema.get("type")
    if isinstance(types, str):
        return "null" if schema.get("nullable") and random.random() < 0.2 else types
    if types:
        return str(random.choice(types))
    for word, kind in (("properties", "object"), ("required", "object"), ("items", "array"), ("pattern", "string")):
        if word in schema and random.random() < 0.8:
            return kind
    return random.choice(TYPES)


def _typed(random: Random, schema: dict[str, Any], kind: str, level: int, depth: int) -> Any:
    if kind in ("integer", "number"):
        near = [schema[w] for w in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if w in schema]
        base = random.choice([n for n in near if not isinstance(n, bool)] or [0])
        step = schema.get("multipleOf", 1)
        value = random.choice([base, base + 1, base - 1, random.randint(-3, 7), step * random.randint(-2, 4)])
        return value + 0.5 if kind == "number" and random.random() < 0.25 else value
    if kind == "string":
        sizes = [schema[word] for word in ("minLength", "maxLength") if word in schema]
        size = max(0, random.choice(sizes or [1]) + random.choice([0, 0, 1, -1]))
        return random.choice(["a" * size, "b" * size, ("ab1" * 3)[:size], ("b1" * 4)[:size], "a", "aa", "b1", ""])
    if kind == "boolean":
        return random.random() < 0.5
    if kind == "array":
        return _array(random, schema, level, depth)
    return _object(random, schema, level, depth) if kind == "object" else None


def _array(random: Random, schema: dict[str, Any], level: int, depth: int) -> list[Any]:
    items = schema.get("items")
    prefix = schema.get("prefixItems", items if isinstance(items, list) else [])
    rest = schema.get("additionalItems", {}) if isinstance(items, list) else items
    size = random.choice([schema.get("minItems", 0), schema.get("maxItems", 2), len(prefix), random.randint(0, 3)])
    parts = [prefix[i] if i < len(prefix) else rest for i in range(min(size, 4))]
    if "contains" in schema and parts and random.random() < 0.7:
        parts[-1] = schema["contains"]
    return [_value(random, {} if part is None else part, level, depth + 1) for part in parts]


def _object(random: Random, schema: dict[str, Any], level: int, depth: int) -> dict[str, Any]:
    names = LEVELS[min(level, 2)]
    properties = schema.get("properties") or {}
    chosen = dict.fromkeys(schema.get("required", ()) if random.random() < 0.9 else ())
    chosen |= dict.fromkeys(name for name in properties if random.random() < 0.6)
    if random.random() < 0.25:
        chosen[random.choice(names)] = None
    rest = schema.get("additionalProperties")
    patterns = list((schema.get("patternProperties") or {}).values())
    found = {}
    for name in chosen:
        other = random.choice([*patterns, rest, rest])
        part = properties.get(name, other if isinstance(other, dict) else {})
        found[name] = _value(random, part, level + 1, depth + 1)
    return found


def _any(random: Random, level: int, depth: int) -> Any:
    pick = random.random()
    if pick < 0.75 or depth > DEPTH:
        return random.choice(SCALARS)
    if pick < 0.87:
        return [random.choice(SCALARS) for _ in range(random.randint(0, 2))]
    return {name: random.choice(SCALARS) for name in LEVELS[min(level, 2)] if random.random() < 0.5}


def _mutated(random: Random, value: Any) -> Any:
    """A copy with one part changed, added or taken away."""
    value = deepcopy(value)
    if isinstance(value, dict) and value and random.random() < 0.9:
        name = random.choice(sorted(value))
        pick = random.random()
        if pick < 0.3:
            del value[name]
        elif pick < 0.65:
            value[name] = random.choice(SCALARS)
        else:
            value[name] = _mutated(random, value[name])
        return value
    if isinstance(value, list) and random.random() < 0.9:
        return [*value, *value[:1]] if random.random() < 0.5 else value[1:]
    return random.choice(SCALARS)
