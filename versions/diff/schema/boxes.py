"""A node seen as a union of plain nodes, for one type: what inclusion of arrays and objects is decided on."""

from dataclasses import dataclass
from typing import Any

from versions.diff.schema.normal import Normal, finite, types_of
from versions.diff.schema.reader import Node
from versions.diff.schema.scalars import accepted
from versions.diff.values import SCALARS, type_of

MAX_BOXES = 48
MAX_DEPTH = 8
RESIDUAL = (
    "not",
    "if",
    "allOf",
    "unevaluatedProperties",
    "unevaluatedItems",
    "dependentSchemas",
    "contains",
    "x-unresolved",
)


@dataclass(frozen=True, slots=True)
class Box:
    """A node without alternatives. `exact` is false where the node left something out and so is too large."""

    node: Node
    exact: bool


class TooMany(ValueError):
    """The union has more plain parts than are worth comparing."""


class Boxes:
    """Splits nodes; remembers by identity."""

    def __init__(self, normal: Normal, exact_one_of: bool) -> None:
        self.normal = normal
        self.exact_one_of = exact_one_of
        self._memo: dict[tuple[int, str], tuple[Box, ...]] = {}

    def of(self, node: Node, kind: str, depth: int = 0) -> tuple[Box, ...]:
        """The plain parts of a node that accept values of one type. Raises TooMany."""
        key = (id(node), kind)
        if key not in self._memo:
            if depth > MAX_DEPTH:
                raise TooMany
            self._memo[key] = tuple(self._split(self.normal.form(node), kind, depth))
        return self._memo[key]

    def empty(self, node: Node, kind: str) -> bool:
        """Whether a node visibly accepts nothing of one type."""
        try:
            return not self.of(node, kind)
        except TooMany:
            return False

    def _split(self, node: Node, kind: str, depth: int) -> list[Box]:
        if not _may_be(node, kind):
            return []
        values = finite(node)
        if values is not None and not any(_is_kind(value, kind) for value in values):
            return []
        if "not" in node and self._is_all(node["not"], kind, depth):
            return []
        for name in ("anyOf", "oneOf"):
            if name in node:
                return self._alternatives(node, name, kind, depth)
        if any(self.empty(member, kind) for member in node.get("allOf", ())):
            return []
        if kind in SCALARS and any(word in node for word in ("not", "allOf", "if")) and not accepted(node, kind, 1):
            return []
        return [Box(node, exact=True)]

    def _alternatives(self, node: Node, name: str, kind: str, depth: int) -> list[Box]:
        rest = {key: value for key, value in node.items() if key != name}
        result: list[Box] = []
        live = [member for member in node[name] if self.of(member, kind, depth + 1)]
        exact = name == "anyOf" or not self.exact_one_of or self.disjoint(live, kind)
        base = self.normal.both(rest, {}) if rest else {}
        for member in live:
            joined = self.normal.both(base, member) if base else member
            result += [Box(box.node, box.exact and exact) for box in self.of(joined, kind, depth + 1)]
            if len(result) > MAX_BOXES:
                raise TooMany
        return result

    def _is_all(self, node: Node, kind: str, depth: int) -> bool:
        """Whether a node visibly accepts everything of one type."""
        boxes = self.of(node, kind, depth + 1)
        return any(not (set(box.node) - {"type", "title"}) for box in boxes if box.exact)

    def disjoint(self, members: list[Node], kind: str) -> bool:
        """Whether no two nodes visibly share a value of one type."""
        for index, left in enumerate(members):
            for right in members[index + 1 :]:
                if not self.apart(left, right, kind):
                    return False
        return True

    def apart(self, left: Node, right: Node, kind: str) -> bool:
        """Whether two nodes visibly share no value of one type."""
        try:
            ours, theirs = self.of(left, kind), self.of(right, kind)
        except TooMany:
            return False
        return all(self._apart(a.node, b.node, kind) for a in ours for b in theirs)

    def _apart(self, left: Node, right: Node, kind: str) -> bool:
        if kind in SCALARS:
            return not accepted({"allOf": [left, right]}, kind, 1)
        if kind == "array":
            return False
        shared = [name for name in left.get("required", ()) if name in right.get("required", ())]
        for name in shared:
            one, other = left.get("properties", {}).get(name), right.get("properties", {}).get(name)
            if one is not None and other is not None and one is not other and self._tags_apart(one, other):
                return True
        return any(_lacks(a, b) for a, b in ((left, right), (right, left)))

    def _tags_apart(self, one: Node, other: Node) -> bool:
        for kind in SCALARS:
            ours, theirs = self.normal.form(one), self.normal.form(other)
            if _may_be(ours, kind) and _may_be(theirs, kind) and accepted({"allOf": [ours, theirs]}, kind, 1):
                return False
        return all(self.empty(one, kind) or self.empty(other, kind) for kind in ("array", "object"))


def _lacks(closed: Node, other: Node) -> bool:
    """Whether a closed object cannot have a name that the other one requires."""
    rest = closed.get("additionalProperties")
    if rest is None or rest.get("type") != [] or closed.get("patternProperties"):
        return False
    return any(name not in closed.get("properties", {}) for name in other.get("required", ()))


def _may_be(node: Node, kind: str) -> bool:
    types = types_of(node)
    return kind in types or (kind == "number" and "integer" in types)


def _is_kind(value: Any, kind: str) -> bool:
    found = type_of(value)
    return found == kind or (kind == "number" and found == "integer")
