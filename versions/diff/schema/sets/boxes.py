"""A node seen as a union of plain parts, for one type: what inclusion of arrays and objects is decided on.

The union may be larger than the node, never smaller: what is not owned is forgotten (see owned.py).
"""

from dataclasses import dataclass, replace
from typing import Any

from versions.diff.schema.reading.node import NOTHING, Node
from versions.diff.schema.sets.members import ArrayItems, ObjectNames
from versions.diff.schema.sets.normal import Normal, finite, types_of
from versions.diff.schema.sets.owned import FORGOTTEN_WITH_ALTERNATIVES, looks_around
from versions.diff.schema.sets.scalars import decide
from versions.diff.schema.sets.validity import Judge
from versions.diff.values import SCALARS, type_of
from versions.diff.work import spend

MAX_BOXES = 48
MAX_DEPTH = 8
KINDS = (*SCALARS, "array", "object")


@dataclass(frozen=True, slots=True)
class Box:
    """Values that fit every one of `parts` and none of `excluded`; the first part is the node itself.

    `rivals` are other alternatives that may describe the same value, and so declare names that this one does not;
    `heard` are conditions and negations, which declare names too.
    """

    parts: tuple[Node, ...]
    excluded: tuple[Node, ...] = ()
    rivals: "tuple[Box, ...]" = ()
    heard: tuple[Node, ...] = ()

    @property
    def node(self) -> Node:
        """The node without its alternatives."""
        return self.parts[0]


class TooMany(ValueError):
    """The union has more plain parts than are worth comparing."""


class Boxes:
    """Splits nodes and sees which of them are empty; remembers by identity."""

    def __init__(self, normal: Normal, judge: Judge) -> None:
        self.normal = normal
        self.judge = judge
        self._memo: dict[tuple[int, str], tuple[Box, ...]] = {}
        self._open: set[tuple[int, str]] = set()
        self._kept: list[Node] = []

    def of(self, node: Node, kind: str, depth: int = 0) -> tuple[Box, ...]:
        """The plain parts of a node that may accept values of one type. Raises TooMany."""
        key = (id(node), kind)
        if key not in self._memo:
            if depth > MAX_DEPTH or key in self._open:
                raise TooMany
            spend()
            self._open.add(key)
            try:
                boxes = self._split(self.normal.form(node), kind, depth)
            finally:
                self._open.discard(key)
            self._kept.append(node)
            self._memo[key] = tuple(boxes)
        return self._memo[key]

    def empty(self, node: Node, kind: str, depth: int = 0) -> bool:
        """Whether a node is proved to accept nothing of one type."""
        try:
            return not self.of(node, kind, depth)
        except TooMany:
            return False

    def nothing(self, node: Node, depth: int = 0) -> bool:
        """Whether a node is proved to accept no value at all."""
        return depth <= MAX_DEPTH and all(self.empty(node, kind, depth) for kind in KINDS)

    def with_rivals(self, boxes: tuple[Box, ...], more: tuple[Box, ...], kind: str) -> list[Box]:
        """The boxes, each with those others that no required constant keeps apart from it."""
        if kind in SCALARS or len(boxes) + len(more) < 2:
            return [replace(box, rivals=more) if more else box for box in boxes]
        return [
            replace(box, rivals=(*(r for r in boxes if r is not box and not self._tagged(box, r, kind)), *more))
            for box in boxes
        ]

    def _tagged(self, left: Box, right: Box, kind: str) -> bool:
        """Whether a name that both boxes require has scalar values that the two do not share."""
        if kind != "object":
            return False
        ours, theirs = ObjectNames(self.normal, left.parts), ObjectNames(self.normal, right.parts)
        shared = [name for name in ours.required if name in theirs.required]
        return any(self.nothing(self.normal.both(ours.value(name), theirs.value(name))) for name in shared)

    def _split(self, node: Node, kind: str, depth: int) -> list[Box]:
        if not may_be(node, kind):
            return []
        values = finite(node)
        if values is not None and not (kind == "null" and "nullable" in node):
            fitting = [v for v in values if is_kind(v, kind) and self.judge.surely(node, v) is not False]
            return [Box((node,))] if fitting else []
        if kind in SCALARS and decide(node, NOTHING, kind, 1).included is True:
            return []
        for name in ("anyOf", "oneOf"):
            if name in node:
                return self._alternatives(node, name, kind, depth)
        if "if" in node:
            return self._conditions(node, kind, depth)
        if kind == "object" and node.get("dependentSchemas"):
            return self._dependent(node, depth)
        return self._plain(node, kind, depth)

    def _plain(self, node: Node, kind: str, depth: int) -> list[Box]:
        members = [self.normal.form(member) for member in node.get("allOf", ())]
        if any(self.empty(member, kind, depth + 1) for member in members):
            return []
        parts = tuple(_owned_part(part) for part in (node, *members))
        excluded = tuple(part["not"] for part in parts if "not" in part)
        box = Box(parts, excluded, heard=excluded)
        if kind == "array" and self._array_empty(box, depth):
            return []
        if kind == "object" and self._object_empty(box, depth):
            return []
        return [] if any(self._is_all(inner, kind, depth) for inner in excluded) else [box]

    def _alternatives(self, node: Node, name: str, kind: str, depth: int) -> list[Box]:
        """Every alternative with what stands beside them; of `oneOf`, the others are excluded."""
        if any(self._one_way(member) for member in node[name]):
            raise TooMany
        base = _beside(node, (name,))
        result: list[Box] = []
        unheard: tuple[Node, ...] = ()
        for index, member in enumerate(node[name]):
            others = tuple(m for i, m in enumerate(node[name]) if i != index) if name == "oneOf" else ()
            found = self._with(base, member, others, kind, depth)
            result += found
            unheard += () if found else (member,)
        return [replace(box, heard=(*box.heard, *unheard)) for box in result] if unheard else result

    def _one_way(self, member: Node) -> bool:
        """Whether a field of an alternative travels one way only: then nobody knows which alternative a value fits.

        Its schema counts in one direction only, and a sender that means another alternative may send it all the same.
        """
        fields = self.normal.form(member).get("properties", {}).values()
        return any(field.get(word) is True for field in fields for word in ("readOnly", "writeOnly"))

    def _conditions(self, node: Node, kind: str, depth: int) -> list[Box]:
        """What fits the condition and its consequence, and what fits neither the condition nor escapes `else`."""
        base = _beside(node, ("if", "then", "else"))
        heard = tuple(node[word] for word in ("if", "then", "else") if word in node)
        fitting = self.normal.both(node["if"], node.get("then", {}))
        found = self._with(base, fitting, (), kind, depth)
        found += self._with(base, node.get("else", {}), (node["if"],), kind, depth)
        return [replace(box, heard=(*box.heard, *heard)) for box in found]

    def _dependent(self, node: Node, depth: int) -> list[Box]:
        """One dependency after another: the name is absent, or it is there with what depends on it."""
        name, schema = next(iter(node["dependentSchemas"].items()))
        rest = {key: value for key, value in node["dependentSchemas"].items() if key != name}
        base = {**_beside(node, ("dependentSchemas",)), **({"dependentSchemas": rest} if rest else {})}
        there = self.normal.both({"required": [name]}, schema)
        absent = self.normal.keep({"properties": {name: NOTHING}})
        found = self._with(base, there, (), "object", depth) + self._with(base, absent, (), "object", depth)
        return [replace(box, heard=(*box.heard, schema)) for box in found]

    def _with(self, base: Node, member: Node, excluded: tuple[Node, ...], kind: str, depth: int) -> list[Box]:
        joined = self.normal.both(self.normal.keep(base), member) if base else member
        found = [replace(box, excluded=(*box.excluded, *excluded)) for box in self.of(joined, kind, depth + 1)]
        if len(found) > MAX_BOXES:
            raise TooMany
        return [box for box in found if not any(self._is_all(inner, kind, depth) for inner in excluded)]

    def _is_all(self, node: Node, kind: str, depth: int) -> bool:
        """Whether a node visibly accepts everything of one type."""
        form = self.normal.form(node)
        if kind in SCALARS:
            return decide({"type": [kind]}, form, kind, 1).included is True
        return may_be(form, kind) and not (set(form) - {"type", "title", "description"})

    def _array_empty(self, box: Box, depth: int) -> bool:
        items = ArrayItems(self.normal, box.parts)
        if items.least > items.most:
            return True
        return any(self.nothing(items.at(index), depth + 1) for index in range(int(min(items.least, items.fixed + 1))))

    def _object_empty(self, box: Box, depth: int) -> bool:
        names = ObjectNames(self.normal, box.parts)
        if names.least > names.most or len(names.required) > names.most:
            return True
        if any(self.judge.surely(limit, name) is False for limit in names.names for name in names.required):
            return True
        return any(self.nothing(names.value(name), depth + 1) for name in names.required)


def _beside(node: Node, without: tuple[str, ...]) -> Node:
    left_out = (*without, *FORGOTTEN_WITH_ALTERNATIVES)
    return {name: value for name, value in node.items() if name not in left_out}


def _owned_part(part: Node) -> Node:
    """A part without what would need its alternatives to be understood."""
    lost = [word for word in FORGOTTEN_WITH_ALTERNATIVES if looks_around(part, word)]
    return {name: value for name, value in part.items() if name not in lost} if lost else part


def may_be(node: Node, kind: str) -> bool:
    """Whether `type` lets values of a kind pass."""
    types = types_of(node)
    return kind in types or (kind == "null" and "nullable" in node) or (kind == "number" and "integer" in types)


def is_kind(value: Any, kind: str) -> bool:
    """Whether a value is of a kind; integers are numbers."""
    found = type_of(value)
    return found == kind or (kind == "number" and found == "integer")
