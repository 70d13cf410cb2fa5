"""The boundary matrix of a contract: values at, just inside and just outside each limit, ready to send."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from versions.diff.findings import Direction
from versions.diff.schema.proof.examples import Examples
from versions.diff.schema.reading.dialect import Dialect, dialect_of
from versions.diff.schema.reading.node import Node
from versions.diff.schema.reading.reader import SchemaReader
from versions.diff.schema.sets.normal import Normal, finite, types_of
from versions.diff.schema.sets.scalars import exact
from versions.diff.schema.sets.validity import Judge
from versions.diff.values import join

WRONG: tuple[tuple[str, Any], ...] = (
    ("string", "wrong-type"), ("integer", 7), ("boolean", True), ("array", []), ("object", {}), ("null", None),
)  # fmt: skip
MAX_CASES = 2000
LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Boundary:
    """One request to send: the whole value, which limit it tries, and what `jsonschema` says about it."""

    pointer: str
    what: str
    value: Any
    valid: bool


def matrix(schema: Any, dialect: Dialect | None = None) -> list[Boundary]:
    """Limits, their neighbours, options, a wrong type, missing names and pairs of limits, part by part."""
    reader = SchemaReader(schema, dialect or dialect_of(schema), Direction.REQUEST)
    root = reader.schema(schema, "")
    normal, judge = Normal(), Judge()
    examples = Examples(normal, judge)
    base, ok = examples.first(root)
    result: list[Boundary] = []
    if not ok:
        return result
    for pointer, what, value in _of(_Maker(normal, examples), root, base, "", 0):
        verdict = judge.accepts(root, value)
        if verdict is not None:
            result.append(Boundary(pointer, what, value, verdict))
        if len(result) >= MAX_CASES:
            break
    return result


@dataclass(frozen=True, slots=True)
class _Maker:
    normal: Normal
    examples: Examples


def _of(maker: _Maker, node: Node, base: Any, pointer: str, depth: int) -> Iterator[tuple[str, str, Any]]:
    """Cases for one node; `base` is a valid value for it."""
    form = maker.normal.form(node)
    values = finite(form)
    if values is not None:
        yield from ((pointer, f"option {value!r}", value) for value in values)
    else:
        yield from (
            (pointer, what, value) for what, value in (*_numbers(form), *_lengths(form), *_counts(maker, form, base))
        )
    types = types_of(form)
    for kind, value in WRONG:
        if kind not in types and not (kind == "integer" and "number" in types):
            yield pointer, f"wrong type {kind}", value
            break
    if isinstance(base, dict) and depth < 4:
        yield from _fields(maker, form, base, pointer, depth)


def _fields(
    maker: _Maker, form: Node, base: dict[str, Any], pointer: str, depth: int
) -> Iterator[tuple[str, str, Any]]:
    for name in form.get("required", ()):
        yield join(pointer, name), "missing", {key: value for key, value in base.items() if key != name}
    extremes: dict[str, list[Any]] = {}
    for name, child in form.get("properties", {}).items():
        inner, ok = (base[name], True) if name in base else maker.examples.first(child)
        if not ok:
            continue
        for where, what, value in _of(maker, child, inner, join(pointer, name), depth + 1):
            if what in ("minimum", "maximum"):
                extremes.setdefault(name, []).append(value)
            yield where, what, {**base, name: value}
    names = list(extremes)
    for first, second in pairwise(names):
        for one in extremes[first]:
            for other in extremes[second]:
                yield pointer, f"{first} and {second} at their limits", {**base, first: one, second: other}
    if form.get("additionalProperties") == {"type": []}:
        yield pointer, "unknown name", {**base, "x-unknown": 1}


def _numbers(form: Node) -> Iterator[tuple[str, Any]]:
    if not types_of(form) & {"integer", "number"}:
        return
    step = exact(form["multipleOf"]) if "multipleOf" in form else Fraction(1)
    for keyword, sign in (("minimum", -1), ("maximum", 1)):
        limit = form.get(keyword, form.get(f"exclusive{keyword.capitalize()}"))
        if limit is not None:
            label = "min-1" if sign < 0 else "max+1"
            yield keyword, limit
            yield label, _json(exact(limit) + sign * step)
            yield f"inside {keyword}", _json(exact(limit) - sign * step)
    if "multipleOf" in form:
        yield "no multiple", _json(step + step / 2)


def _json(value: Fraction) -> Any:
    return int(value) if value.denominator == 1 else float(value)


def _lengths(form: Node) -> Iterator[tuple[str, Any]]:
    if "string" not in types_of(form) or "pattern" in form:
        return
    for keyword, sign in (("minLength", -1), ("maxLength", 1)):
        limit = form.get(keyword)
        if limit is not None and 0 <= limit + sign <= LONGEST:
            yield keyword, "a" * limit
            yield ("min-1" if sign < 0 else "max+1"), "a" * (limit + sign)


def _counts(maker: _Maker, form: Node, base: Any) -> Iterator[tuple[str, Any]]:
    if "array" not in types_of(form):
        return
    item, ok = maker.examples.first(maker.examples.item(form, 0))
    for keyword, sign in (("minItems", -1), ("maxItems", 1)):
        limit = form.get(keyword)
        if ok and limit is not None and 0 <= limit + sign <= 3000:
            yield keyword, base if isinstance(base, list) and len(base) == limit else [item] * limit
            yield ("min-1" if sign < 0 else "max+1"), [item] * (limit + sign)
