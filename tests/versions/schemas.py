"""Random schemas and values for the oracle tests: small, and full of neighbouring limits."""

from itertools import combinations
from typing import Any

from hypothesis import strategies as st

NUMBERS = st.one_of(st.integers(-3, 6), st.sampled_from([0.5, 1.5, 2.25, -0.5]))
STRINGS = st.text("ab1", max_size=4)
LEVELS = (("a", "b", "c"), ("d", "e", "f"), ("g", "h", "i"))


def _optional(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keywords)


def _typed(name: str, keywords: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return keywords.map(lambda found: {"type": name, **found})


numbers = st.one_of(
    *(
        _typed(
            name,
            _optional(
                minimum=st.integers(-2, 4), maximum=st.integers(0, 5), exclusiveMinimum=st.integers(-2, 3),
                exclusiveMaximum=st.integers(1, 6), multipleOf=st.sampled_from([1, 2, 3, 0.5]),
            ),
        )
        for name in ("integer", "number")
    )
)  # fmt: skip
strings = _typed(
    "string",
    _optional(
        minLength=st.integers(0, 3), maxLength=st.integers(0, 4),
        pattern=st.sampled_from(["a", "^a", "b$", "^[ab]*$", "^a+$", "^(a|b1)$", "^.{2,3}$", "1"]),
    ),
)  # fmt: skip
finite = st.one_of(
    st.lists(st.one_of(STRINGS, NUMBERS, st.none(), st.booleans()), min_size=1, max_size=3).map(lambda v: {"enum": v}),
    st.sampled_from([{"const": "a"}, {"const": 1}, {"type": "null"}, {"type": "boolean"}, {}, True]),
)
scalars = st.one_of(numbers, strings, finite)


def arrays(items: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Array schemas over item schemas."""
    return _typed(
        "array",
        _optional(
            items=items, prefixItems=st.lists(items, min_size=1, max_size=2), minItems=st.integers(0, 2),
            maxItems=st.integers(0, 3), uniqueItems=st.booleans(), contains=items,
        ),
    )  # fmt: skip


@st.composite
def objects(draw: st.DrawFn, parts: st.SearchStrategy[Any], level: int, closed: bool) -> dict[str, Any]:
    """Object schemas whose names belong to one level, so that a name means one place."""
    names = LEVELS[level]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": draw(st.dictionaries(st.sampled_from(names), parts, max_size=3)),
    }
    wanted = draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
    if wanted:
        schema["required"] = [name for name in wanted if name in schema["properties"] or closed]
    schema |= draw(_optional(minProperties=st.integers(0, 2), maxProperties=st.integers(1, 3)))
    if closed:
        schema["additionalProperties"] = draw(st.sampled_from([False, False, {"type": "integer"}, {"type": "string"}]))
        schema |= draw(
            _optional(dependentRequired=st.just({names[0]: [names[1]]}), propertyNames=st.just({"maxLength": 1}))
        )
    return schema


def unions(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Combinations of schemas."""
    several = st.lists(parts, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda found: {"anyOf": found}),
        several.map(lambda found: {"oneOf": found}),
        several.map(lambda found: {"allOf": found}),
        parts.map(lambda found: {"not": found}),
        st.tuples(parts, parts).map(lambda pair: {"allOf": [pair[0], {"not": pair[1]}]}),
        st.tuples(parts, parts, parts).map(lambda found: {"if": found[0], "then": found[1], "else": found[2]}),
    )


def closed(level: int = 0) -> st.SearchStrategy[Any]:
    """Schemas without open objects: pure sets of values."""
    if level >= 2:
        return scalars
    below = closed(level + 1)
    plain = st.one_of(scalars, arrays(below), objects(below, level, True))
    return st.one_of(plain, unions(plain))


def open_objects(level: int = 0) -> st.SearchStrategy[Any]:
    """Object schemas that are open by silence, without alternatives."""
    below = scalars if level >= 1 else st.one_of(scalars, arrays(scalars), open_objects(level + 1))
    return objects(below, level, False)


FEW: list[Any] = [None, True, 0, 1, 2, 0.5, "", "a", "ab", "b1"]
MANY: list[Any] = [*FEW, False, -1, 3, 4, 5, 6, -2, 1.5, 2.25, -0.5, "b", "1", "aa", "bb", "aab", "bbb", "abab"]
ARRAYS: list[Any] = [[], *([one] for one in FEW), *([one, two] for one in FEW for two in FEW), ["a", "a", 1]]


def _objects(names: str, few: list[Any], many: list[Any]) -> list[Any]:
    single = [{name: value} for name in names for value in many]
    double = [{one: left, two: right} for one, two in combinations(names, 2) for left in few for right in few]
    return [{}, *single, *double]


BELOW = _objects("def", FEW[3:7], FEW[3:9])
VALUES: list[Any] = [
    *MANY, *ARRAYS, *_objects("abc", FEW[:8], MANY), *({"a": value} for value in (*ARRAYS[:40], *BELOW)),
    *({"b": value, "c": 1} for value in BELOW), *([value] for value in BELOW[:20]),
]  # fmt: skip
"""Values over the same vocabulary: every generated pair is tried with all of them."""


@st.composite
def edited(draw: st.DrawFn, schemas: st.SearchStrategy[Any]) -> tuple[Any, Any]:
    """A schema and a version of it with one part changed, or two unrelated schemas."""
    old = draw(schemas)
    if draw(st.integers(0, 3)) == 0:
        return old, draw(schemas)
    return old, draw(_changed(old))


def _changed(schema: Any) -> st.SearchStrategy[Any]:
    if not isinstance(schema, dict) or not schema:
        return scalars
    return st.sampled_from(sorted(schema)).flatmap(lambda word: _with(schema, word))


def _with(schema: dict[str, Any], word: str) -> st.SearchStrategy[Any]:
    value = schema[word]
    without = st.just({name: held for name, held in schema.items() if name != word})
    if word == "properties" and value:
        return st.sampled_from(sorted(value)).flatmap(lambda name: _property(schema, name))
    if word in ("items", "not", "contains"):
        return st.one_of(_changed(value).map(lambda part: {**schema, word: part}), without)
    if word in ("anyOf", "oneOf", "allOf", "prefixItems", "enum") and value:
        more = NUMBERS if word == "enum" else scalars
        longer = more.map(lambda part: {**schema, word: [*value, part]})
        return st.one_of(st.just({**schema, word: value[:-1] or value}), longer, without)
    if isinstance(value, int) and not isinstance(value, bool):
        least = {"minimum": -9, "exclusiveMinimum": -9, "multipleOf": 1}.get(word, 0)
        return st.sampled_from([value - 1, value + 1]).map(lambda near: {**schema, word: max(near, least)})
    return st.one_of(without, scalars)


def _property(schema: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    held = schema["properties"]
    kept = {other: part for other, part in held.items() if other != name}
    parts = st.one_of(_changed(held[name]), scalars).map(lambda part: {**schema, "properties": {**held, name: part}})
    return st.one_of(parts, parts, st.just({**schema, "properties": kept}))
