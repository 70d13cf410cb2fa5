"""Values that a node accepts, and values that may tell two nodes apart."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from versions.diff.schema.facets.arrays import item_at, with_length
from versions.diff.schema.facets.objects import is_closed, schema_of
from versions.diff.schema.reading.node import ANYTHING, Node
from versions.diff.schema.sets.normal import Normal, finite, types_of
from versions.diff.schema.sets.scalars import accepted, decide
from versions.diff.schema.sets.validity import Judge
from versions.diff.values import SCALARS, key_of
from versions.diff.work import spend

FORMAT_EXAMPLES: dict[str, str] = {
    "date": "2024-01-31", "date-time": "2024-01-31T12:00:00Z", "time": "12:00:00Z", "email": "a@example.org",
    "uri": "https://example.org/a", "url": "https://example.org/a", "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "hostname": "example.org", "byte": "YQ==", "binary": "a",
    "uri-reference": "/a", "regex": "a", "duration": "P1D", "json-pointer": "/a",
}  # fmt: skip
KINDS = (*SCALARS, "array", "object")
MAX_DEPTH = 7
EXTRA = "x-unknown"


class Examples:
    """Makes values; `judge` decides which of them are kept."""

    def __init__(self, normal: Normal, judge: Judge) -> None:
        self.normal = normal
        self.judge = judge
        self._first: dict[int, list[Any]] = {}
        self._checked_memo: dict[int, list[Any]] = {}
        self._kept: list[Node] = []

    def first(self, node: Node) -> tuple[Any, bool]:
        """One accepted value, and whether there is one."""
        if id(node) not in self._first:
            self._kept.append(node)
            self._first[id(node)] = []
            found = next((v for v in self.some(node, 0) if self.judge.accepts(node, v) is not False), _NONE)
            self._first[id(node)] = [] if found is _NONE else [found]
        kept = self._first[id(node)]
        return (kept[0], True) if kept else (None, False)

    def first_object(self, node: Node) -> tuple[dict[str, Any], bool]:
        """One object that a node accepts, or an empty one."""
        return next(((value, True) for value in self._checked(node) if isinstance(value, dict)), ({}, False))

    def first_array(self, node: Node) -> tuple[list[Any], bool]:
        """One array that a node accepts, or an empty one."""
        return next(((value, True) for value in self._checked(node) if isinstance(value, list)), ([], False))

    def item(self, node: Node, index: int) -> Node:
        """What the item at an index of an array must fit."""
        return item_at(self.normal.form(node), index)

    def _checked(self, node: Node) -> Iterator[Any]:
        if id(node) not in self._checked_memo:
            self._kept.append(node)
            values = (value for value in self.some(node, 0) if self.judge.accepts(node, value) is True)
            self._checked_memo[id(node)] = list(islice(values, 4))
        yield from self._checked_memo[id(node)]

    def several(self, node: Node, most: int) -> list[Any]:
        """Up to `most` accepted values of different kinds."""
        result: dict[Any, Any] = {}
        for value in self.some(node, 0):
            if self.judge.accepts(node, value) is True:
                result.setdefault(key_of(value), value)
            if len(result) >= most:
                break
        return list(result.values())

    def some(self, node: Node, depth: int) -> Iterator[Any]:
        """Likely values, simplest first."""
        spend(4)
        form = self.normal.form(node)
        values = finite(form)
        if values is not None:
            yield from values
            return
        if depth > MAX_DEPTH:
            return
        for name in ("anyOf", "oneOf"):
            if name in form:
                rest = {key: value for key, value in form.items() if key != name}
                for member in form[name]:
                    yield from self.some(self.normal.both(rest, member) if rest else member, depth + 1)
                return
        types = types_of(form)
        for kind in ("object", "array", "string", "number", "boolean", "null"):
            if kind in types or (kind == "number" and "integer" in types):
                yield from self._of_kind(form, kind, depth)

    def _of_kind(self, form: Node, kind: str, depth: int) -> Iterator[Any]:
        if kind == "string" and form.get("format") in FORMAT_EXAMPLES:
            yield FORMAT_EXAMPLES[form["format"]]
        if kind in SCALARS:
            yield from (sample.json for sample in accepted(form, kind, 4))
        elif kind == "array":
            yield from self._arrays(form, depth)
        else:
            yield from self._objects(form, depth)

    def _arrays(self, form: Node, depth: int) -> Iterator[Any]:
        least = form.get("minItems", 0)
        if "contains" in form:
            least = max(least, form.get("minContains", 1))
        if least > 3000:
            return
        longest = with_length(form).get("maxItems", least + 1)
        for length in dict.fromkeys((least, max(least, min(longest, max(len(form.get("prefixItems", ())), 1))))):
            value = [self._item(form, index, depth) for index in range(length)]
            if not any(item is _NONE for item in value):
                yield value

    def _item(self, form: Node, index: int, depth: int) -> Any:
        node = item_at(form, index)
        if "contains" in form and index < form.get("minContains", 1):
            node = self.normal.both(node, form["contains"])
        options = self.some(node, depth + 1)
        if form.get("uniqueItems") is not True:
            return next(options, _NONE)
        choices = list(options)
        return choices[index % len(choices)] if choices else _NONE

    def _objects(self, form: Node, depth: int) -> Iterator[Any]:
        required = self._filled(form, list(form.get("required", ())), depth)
        if required is not None:
            yield required
        everything = self._filled(
            form, list(dict.fromkeys([*form.get("required", ()), *form.get("properties", {})])), depth
        )
        if everything is not None and everything != required:
            yield everything
        triggers = [*form.get("dependentRequired", {}), *form.get("dependentSchemas", {})]
        for name in triggers:
            value = self._filled(form, [*form.get("required", ()), name], depth)
            if value is not None:
                yield value

    def _filled(self, form: Node, names: list[str], depth: int) -> dict[str, Any] | None:
        properties = form.get("properties", {})
        value: dict[str, Any] = {}
        for name in names:
            node = properties.get(name)
            if node is None:
                node = schema_of(form, name) or ANYTHING
            options = self.some(node, depth + 1)
            chosen = next(options, _NONE)
            if chosen is not _NONE:
                value[name] = chosen
            elif name in form.get("required", ()):
                return None
        least = form.get("minProperties", 0)
        spare = [name for name in properties if name not in value]
        if not is_closed(form):
            spare += [f"{EXTRA}-{index}" for index in range(min(least, 50))]
        for name in spare[: max(0, least - len(value))]:
            node = properties.get(name) or schema_of(form, name) or ANYTHING
            value[name] = next(self.some(node, depth + 1), "a")
        return value

    def telling(self, left: Node, right: Node, most: int = 60) -> Iterator[Any]:
        """Values, mostly of `left`, that `right` may refuse."""
        yield from islice(self._telling(left, right, 0), most)

    def _telling(self, left: Node, right: Node, depth: int) -> Iterator[Any]:
        a, b = self.normal.form(left), self.normal.form(right)
        if depth > 3:
            return
        for kind in SCALARS:
            yield from (sample.json for sample in decide(a, b, kind, 3).counterexamples)
        yield from self.some(a, depth)
        for name in ("anyOf", "oneOf"):
            for member in a.get(name, ()):
                yield from self._telling(member, right, depth + 1)
        types = types_of(a)
        if "object" in types:
            yield from self._telling_objects(a, b, depth)
        if "array" in types:
            yield from self._telling_arrays(a, b, depth)
        for word in ("not", "if"):
            for side in (b, a):
                if word in side:
                    yield from self.some(self.normal.both(a, side[word]), depth)
        for member in (*b.get("anyOf", ()), *b.get("oneOf", ()), *b.get("allOf", ())):
            yield from self.some(self.normal.both(a, member), depth)

    def _telling_objects(self, a: Node, b: Node, depth: int) -> Iterator[Any]:
        base = self._filled(a, list(a.get("required", ())), depth)
        if base is None:
            return
        if not is_closed(a):
            yield {**base, EXTRA: next(self.some(schema_of(a, EXTRA) or ANYTHING, depth + 1), "a")}
        for name, node in a.get("properties", {}).items():
            other = b.get("properties", {}).get(name) or schema_of(b, name) or ANYTHING
            for value in self._telling(node, other, depth + 1):
                yield {**base, name: value}
        for pattern in {**a.get("patternProperties", {}), **b.get("patternProperties", {})}:
            for name in (sample.value for sample in accepted({"type": ["string"], "pattern": pattern}, "string", 2)):
                left, right = (n.get("properties", {}).get(name) or schema_of(n, name) or ANYTHING for n in (a, b))
                for value in self._telling(left, right, depth + 1):
                    yield {**base, name: value}
        for name in (*b.get("dependentRequired", {}), *b.get("dependentSchemas", {})):
            if name in a.get("properties", {}):
                yield {**base, name: next(self.some(a["properties"][name], depth + 1), "a")}

    def _telling_arrays(self, a: Node, b: Node, depth: int) -> Iterator[Any]:
        for length in (0, 1, 2, 3):
            value = [self._item(a, index, depth) for index in range(length)]
            if not any(item is _NONE for item in value):
                yield value
        for item in self._telling(item_at(a, 0), item_at(b, 0), depth + 1):
            yield [item]
            yield [item, item]


_NONE: Any = object()
