"""Proves that every value of one node is one of another. What it says is true; what it cannot prove may be too."""

from typing import Any

from versions.diff.findings import Direction, Draft, Effect
from versions.diff.policy import Policy
from versions.diff.schema.arrays import array_facets
from versions.diff.schema.boxes import RESIDUAL, Box, Boxes, TooMany
from versions.diff.schema.equal import alike
from versions.diff.schema.keywords import is_unknown
from versions.diff.schema.limits import WIDENING_FORMATS, formats, number_facets, string_facets
from versions.diff.schema.normal import Normal, finite, types_of
from versions.diff.schema.objects import object_facets
from versions.diff.schema.place import Place
from versions.diff.schema.reader import Node
from versions.diff.schema.scalars import decide
from versions.diff.schema.validity import Judge
from versions.diff.values import SCALARS, type_of

MAX_STEPS = 6000
MAX_DEPTH = 40


class NotProved(Exception):
    """A difference was met that may let a value escape."""


class Prover:
    """Inclusion by structure and by representatives; recursion is assumed to hold until refuted."""

    direction = Direction.REQUEST

    def __init__(self, normal: Normal, judge: Judge, exact_one_of: bool, hides: str) -> None:
        self.normal = normal
        self.policy = Policy()
        self.judge = judge
        self.exact_one_of = exact_one_of
        self.hides = hides
        self.boxes = Boxes(normal, exact_one_of)
        self.drafts: list[Draft] = []
        self._known: dict[tuple[int, int], bool] = {}
        self._trail: list[tuple[int, int]] = []
        self._kept: list[Node] = []
        self._steps = 0
        self._depth = 0

    def proves(self, left: Node, right: Node) -> bool:
        """A fresh question with a fresh allowance of steps."""
        self._steps = 0
        return self.included(left, right)

    def included(self, left: Node, right: Node) -> bool:
        """Whether every value of `left` is proved to be one of `right`."""
        if left is right:
            return True
        pair = (id(left), id(right))
        if pair in self._known:
            return self._known[pair]
        self._kept += [left, right]
        mark = len(self._trail)
        self._known[pair] = True
        self._trail.append(pair)
        self._depth += 1
        holds = self._depth <= MAX_DEPTH and (self._holds(left, right) or alike(left, right))
        self._depth -= 1
        if holds:
            return True
        for assumed in self._trail[mark:]:
            self._known.pop(assumed, None)
        del self._trail[mark:]
        self._known[pair] = False
        return False

    def add(self, draft: Draft) -> None:
        """Every possible escape ends the attempt."""
        if draft.effect in (Effect.NARROWER, Effect.DIFFERENT, Effect.UNKNOWN):
            raise NotProved

    def settled(self, old: Node, new: Node) -> bool:
        """Whether inclusion is known, or assumed while it is being proved."""
        return old is new or self._known.get((id(old), id(new))) is True

    def doubting(self, start: int) -> None:
        """A proof does not doubt."""

    def compare(self, place: Place) -> None:
        """The visitor's descent: children must be included too."""
        if not self.included(place.old, place.new):
            raise NotProved

    def _holds(self, left: Node, right: Node) -> bool:
        self._steps += 1
        if self._steps > MAX_STEPS or "x-unresolved" in left or "x-unresolved" in right:
            return left.get("x-unresolved", 0) == right.get("x-unresolved", 1) if self._steps <= MAX_STEPS else False
        a, b = self.normal.form(left), self.normal.form(right)
        if any(a.get(name) != value for name, value in b.items() if is_unknown(name)):
            return False
        values = finite(a)
        if values is not None:
            return all(self._value_fits(left, right, value) for value in values)
        try:
            return all(self._kind_holds(a, b, kind) for kind in (*SCALARS, "array", "object"))
        except (NotProved, TooMany):
            return False

    def _value_fits(self, left: Node, right: Node, value: Any) -> bool:
        return self.judge.accepts(right, value) is True or self.judge.accepts(left, value) is False

    def _kind_holds(self, left: Node, right: Node, kind: str) -> bool:
        types = types_of(left)
        if kind not in types and not (kind == "number" and "integer" in types):
            return True
        if kind in SCALARS:
            decision = decide(left, right, kind, 1)
            if decision.included is not None:
                return decision.included and _annotated_alike(left, right, kind)
        theirs = self.boxes.of(right, kind)
        return all(any(self._box_fits(ours, box, kind) for box in theirs) for ours in self.boxes.of(left, kind))

    def _box_fits(self, left: Box, right: Box, kind: str) -> bool:
        if not right.exact:
            return left.node is right.node
        a, b = left.node, right.node
        if a is b:
            return True
        values = finite(a)
        if values is not None:
            return all(self._value_fits(a, b, value) for value in values if type_of(value) == kind)
        if finite(b) is not None:
            return False
        for name in RESIDUAL:
            if name in b and not self._residual_fits(a, b, name, kind):
                return False
        try:
            _FACETS[kind](self, Place(a, b, ""), _without_residue(a), _without_residue(b))
        except NotProved:
            return False
        return True

    def _residual_fits(self, left: Node, right: Node, name: str, kind: str) -> bool:
        if name == "allOf":
            return all(self.included(left, member) for member in right["allOf"])
        if name == "not":
            if "not" in left and self.included(right["not"], left["not"]):
                return True
            return self.boxes.apart(left, right["not"], kind)
        if name == "if":
            same = all(self._same(left.get(word), right.get(word)) for word in ("if", "then", "else"))
            return same or (self.included(left, right.get("then", {})) and self.included(left, right.get("else", {})))
        if name in ("unevaluatedProperties", "unevaluatedItems"):
            return "if" not in left and self._same(left.get(name), right[name])
        return name != "x-unresolved"

    def _same(self, left: Node | None, right: Node | None) -> bool:
        if left is None or right is None:
            return left is right
        return self.included(left, right) and self.included(right, left)


def _annotated_alike(left: Node, right: Node, kind: str) -> bool:
    """What representatives do not see: the format of numbers, the content of strings."""
    if kind == "number":
        before, after = left.get("format"), right.get("format")
        return after is None or before == after or (before, after) in WIDENING_FORMATS or "type" not in right
    words = ("contentEncoding", "contentMediaType", "contentSchema") if kind == "string" else ()
    return all(word not in right or left.get(word) == right[word] for word in words)


def _without_residue(node: Node) -> Node:
    return {name: value for name, value in node.items() if name not in ("unevaluatedProperties", "unevaluatedItems")}


def _scalar_string(visitor: Prover, place: Place, old: Node, new: Node) -> None:
    string_facets(visitor, place, old, new)
    formats(visitor, place, old, new)


def _nothing_to_say(_visitor: Prover, _place: Place, _old: Node, _new: Node) -> None:
    """Null and boolean have no facets."""


_FACETS = {
    "null": _nothing_to_say,
    "boolean": _nothing_to_say,
    "number": number_facets,
    "string": _scalar_string,
    "array": array_facets,
    "object": object_facets,
}
