"""Proves that every value of one node is one of another. What it says is true; what it cannot prove may be too.

The accepting node is a conjunction, and each of its groups of keywords must be proved with all of its own keywords
(see owned.py). By convention nobody sends a name that an open object does not declare; `strict` says that the
convention does not count, as inside negations.
"""

from dataclasses import replace

from versions.diff.schema.facets.limits import scalar_fits
from versions.diff.schema.proof.groups import GROUPS
from versions.diff.schema.reading.equal import alike
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.boxes import KINDS, Box, Boxes, TooMany, is_kind, may_be
from versions.diff.schema.sets.normal import Normal, finite
from versions.diff.schema.sets.owned import foreign
from versions.diff.schema.sets.scalars import decide
from versions.diff.schema.sets.validity import Judge
from versions.diff.values import SCALARS, same
from versions.diff.work import spend

MAX_STEPS = 6000
MAX_DEPTH = 40
PROVED, REFUTED = -1, 1 << 30
Question = tuple[int, int, bool, tuple[int, ...]]


class Prover:
    """Inclusion by structure and by representatives; recursion into smaller values is assumed to hold until refuted."""

    def __init__(self, normal: Normal, judge: Judge, hides: str, conventions: bool) -> None:
        self.normal = normal
        self.judge = judge
        self.hides = hides
        self.conventions = conventions
        self.boxes = Boxes(normal, judge)
        self._open_enums: set[int] = set()
        self._known: dict[Question, int] = {}
        self._trail: list[Question] = []
        self._kept: list[Node] = []
        self._opened: dict[int, Node] = {}
        self._steps = 0
        self._depth = 0
        self._level = 0

    def open_enum(self, node: Node) -> None:
        """From now on the enumeration of a node accepts values that it does not list."""
        form = self.normal.form(node)
        if id(form) not in self._open_enums:
            self._open_enums.add(id(form))
            self._known.clear()

    def proves(self, left: Node, right: Node) -> bool:
        """A fresh question with a fresh allowance of steps."""
        self._steps = self._depth = self._level = 0
        return self.included(left, right)

    def below(self, left: Node, right: Node, strict: bool, rivals: tuple[Node, ...] = ()) -> bool:
        """Inclusion one step further down in the value; `rivals` may describe the same part otherwise."""
        self._level += 1
        holds = self.included(left, right, strict, tuple(rival for rival in rivals if rival and rival is not left))
        self._level -= 1
        return holds

    def included(self, left: Node, right: Node, strict: bool = False, rivals: tuple[Node, ...] = ()) -> bool:
        """Whether every value of `left` is proved to be one of `right`."""
        if left is right or not right:
            return True
        question = (id(left), id(right), strict, tuple(map(id, rivals)))
        if question in self._known:
            return self._known[question] < self._level
        self._kept += [left, right, *rivals]
        mark = len(self._trail)
        self._known[question] = self._level
        self._trail.append(question)
        self._depth += 1
        holds = self._depth <= MAX_DEPTH and (self._holds(left, right, strict, rivals) or alike(left, right))
        self._depth -= 1
        if holds:
            self._known[question] = PROVED
            return True
        for assumed in self._trail[mark:]:
            self._known.pop(assumed, None)
        del self._trail[mark:]
        self._known[question] = REFUTED
        return False

    def apart(self, members: list[Node]) -> bool:
        """Whether no two of the nodes share a value, as far as that is proved."""
        pairs = [(a, b) for index, a in enumerate(members) for b in members[index + 1 :]]
        try:
            return all(self._empty_both(a, b, kind) for a, b in pairs for kind in KINDS)
        except TooMany:
            return False

    def _holds(self, left: Node, right: Node, strict: bool, rivals: tuple[Node, ...]) -> bool:
        if "x-unresolved" in left or "x-unresolved" in right:
            return bool(left.get("x-unresolved", 0) == right.get("x-unresolved", 1))
        target = self._form(right)
        form = self.normal.form(left)
        values = finite(form)
        if values is not None and "nullable" not in form:
            return all(self._value_fits(left, target, value) for value in values)
        try:
            others = {kind: tuple(box for rival in rivals for box in self.boxes.of(rival, kind)) for kind in GROUPS}
            return all(self.kind_fits(left, target, kind, strict, others.get(kind, ())) for kind in KINDS)
        except TooMany:
            return False

    def _form(self, node: Node) -> Node:
        """The normal form of an accepting node; an open enumeration accepts values that it does not list."""
        form = self.normal.form(node)
        if id(form) not in self._open_enums:
            return form
        if id(form) not in self._opened:
            self._opened[id(form)] = {name: value for name, value in form.items() if name not in ("enum", "const")}
        return self._opened[id(form)]

    def _value_fits(self, left: Node, right: Node, value: object) -> bool:
        if self.judge.surely(right, value) is True or self.judge.surely(left, value) is False:
            return True
        kind = next(kind for kind in KINDS if is_kind(value, kind))
        return kind in SCALARS and decide(left, right, kind, 1).included is True

    def kind_fits(self, left: Node, right: Node, kind: str, strict: bool, rivals: tuple[Box, ...] = ()) -> bool:
        """Whether every value of one type that fits `left` is proved to fit `right`."""
        self._steps += 1
        spend()
        if self._steps > MAX_STEPS:
            return False
        a, b = self.normal.form(left), self._form(right)
        if not may_be(a, kind):
            return True
        if kind in SCALARS:
            decision = decide(a, b, kind, 1)
            if decision.included is not None or kind == "null":
                return decision.included is True
        boxes = self.boxes.with_rivals(self.boxes.of(a, kind), rivals, kind)
        return all(self._fits(box, b, kind, strict) for box in boxes)

    def _fits(self, box: Box, node: Node, kind: str, strict: bool) -> bool:
        """Whether every value of a box fits a node: each of its conjuncts by itself."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            return False
        if any(part is node for part in box.parts):
            return True
        values = finite(box.node)
        if values is not None:
            return all(self._value_fits(box.node, node, value) for value in values if is_kind(value, kind))
        if not may_be(node, kind) or finite(node) is not None:
            return False
        if not all(any(_says(part, name, value) for part in box.parts) for name, value in foreign(node).items()):
            return False
        self._depth += 1
        holds = self._depth <= MAX_DEPTH and self._applicators_fit(box, node, kind, strict)
        self._depth -= 1
        return holds and self._group_fits(box, node, kind, strict)

    def _group_fits(self, box: Box, node: Node, kind: str, strict: bool) -> bool:
        if kind in GROUPS:
            return GROUPS[kind](self, box, node, strict)
        return scalar_fits(box.parts, node, kind)

    def _applicators_fit(self, box: Box, node: Node, kind: str, strict: bool) -> bool:
        form = self._form
        if not all(self._fits(box, form(member), kind, strict) for member in node.get("allOf", ())):
            return False
        if "anyOf" in node and not any(self._fits(box, form(member), kind, strict) for member in node["anyOf"]):
            return False
        if "oneOf" in node and not self._one_fits(box, node["oneOf"], kind, strict):
            return False
        if "not" in node and not self._excludes(box, node["not"], kind):
            return False
        return "if" not in node or self._condition_fits(box, node, kind)

    def _one_fits(self, box: Box, members: list[Node], kind: str, strict: bool) -> bool:
        """Exactly one member: the box lies in it, and outside all the others."""
        for index, member in enumerate(members):
            if not self._fits(box, self._form(member), kind, strict):
                continue
            others = [other for i, other in enumerate(members) if i != index]
            if all(self._excludes(box, other, kind) for other in others):
                return True
        return False

    def _excludes(self, box: Box, node: Node, kind: str) -> bool:
        """Whether no value of a box fits a node: what fits it was excluded already, or nothing fits both."""
        if any(self.kind_fits(node, other, kind, strict=True) for other in box.excluded):
            return True
        return self._empty_both(self._joined(box), node, kind)

    def _condition_fits(self, box: Box, node: Node, kind: str) -> bool:
        """What fits `if` fits `then`, and what does not fit it fits `else`, siblings included on the making side."""
        test = node["if"]
        if "then" in node and not self._excludes(box, test, kind):
            fitting = self.normal.both(self._joined(box), test)
            if not self.kind_fits(fitting, node["then"], kind, strict=True):
                return False
        if "else" not in node or self._fits(box, self.normal.form(test), kind, strict=True):
            return True
        escaping = replace(box, excluded=(*box.excluded, test))
        return self._fits(escaping, self._form(node["else"]), kind, strict=True)

    def _joined(self, box: Box) -> Node:
        joined = box.node
        for part in box.parts[1:]:
            joined = self.normal.both(joined, part)
        return joined

    def _empty_both(self, left: Node, right: Node, kind: str) -> bool:
        return self.boxes.empty(self.normal.both(left, right), kind)


def _says(part: Node, name: str, value: object) -> bool:
    return name in part and same(part[name], value)
