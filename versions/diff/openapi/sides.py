"""The two documents of a comparison with an explainer for each direction, and the findings gathered so far."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from versions.diff.findings import DiffFinding, Direction, Severity
from versions.diff.openapi.read import ApiDocument
from versions.diff.policy import DiffPolicy
from versions.diff.rules import fact
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.explanation.weigh import findings
from versions.diff.schema.facets.place import SchemaPlace
from versions.diff.schema.reading.node import Node

TURNED = {
    "body-required": "became-required", "body-optional": "became-optional", "body-removed": "response-required-removed",
    "request-content-type-removed": "response-content-type-removed",
    "request-content-type-added": "response-content-type-added",
    "response-content-type-removed": "request-content-type-removed",
    "response-content-type-added": "request-content-type-added",
    "response-content-type-specialised": "request-content-type-removed",
    "header-became-required": "became-required", "header-became-optional": "became-optional",
    "required-header-removed": "required-removed", "optional-header-removed": "optional-removed",
    "header-added": "keyword-undecided",
}  # fmt: skip
"""What a difference is called where the server calls."""


class Sides:
    """What the judges of parameters, bodies and security share."""

    def __init__(self, old: ApiDocument, new: ApiDocument, policy: DiffPolicy) -> None:
        self.old = old
        self.new = new
        self.policy = policy
        self._uses: list[str] = []
        self._turned = False
        self._unstable: set[str] = set()
        self._facts: list[DiffFinding] = []
        self._explainers = {direction: self._explainer(direction) for direction in Direction}

    def _explainer(self, direction: Direction) -> Explainer:
        explainer = Explainer(direction, self.policy)
        explainer.where.old = self.old.readers[direction].where
        explainer.where.new = self.new.readers[direction].where
        return explainer

    @contextmanager
    def use(self, name: str, unstable: bool) -> Iterator[None]:
        """Everything said inside is said of one operation."""
        self._uses.append(name)
        if unstable:
            self._unstable.add(name)
        yield
        self._uses.pop()

    @contextmanager
    def turned(self) -> Iterator[None]:
        """Inside, the server calls: it sends what is called a request, and reads what is called a response."""
        self._turned = not self._turned
        yield
        self._turned = not self._turned

    def _way(self, direction: Direction) -> Direction:
        if not self._turned:
            return direction
        return Direction.RESPONSE if direction is Direction.REQUEST else Direction.REQUEST

    def fact(
        self,
        key: str,
        name: str,
        change: tuple[Any, Any],
        pointers: tuple[str, str],
        direction: Direction = Direction.REQUEST,
    ) -> None:
        """A finding that no schema stands behind; `change` is what was and what is."""
        use = self._uses[-1] if self._uses else name
        key, direction = TURNED.get(key, key) if self._turned else key, self._way(direction)
        self._facts.append(fact(key, direction, use, name, change, pointers))

    def schemas(self, direction: Direction, name: str, old: tuple[Any, str], new: tuple[Any, str]) -> None:
        """Compare two raw schemas, each with its pointer."""
        direction = self._way(direction)
        explainer = self._explainers[direction]
        explainer.use = self._uses[-1] if self._uses else ""
        before = self.old.readers[direction].schema(*old)
        after = self.new.readers[direction].schema(*new)
        explainer.compare(SchemaPlace(before, after, name))

    def nodes(self, direction: Direction, old: tuple[Any, str], new: tuple[Any, str]) -> tuple[Node, Node]:
        """The nodes of two raw schemas."""
        return self.old.readers[direction].schema(*old), self.new.readers[direction].schema(*new)

    def included(self, direction: Direction, left: Node, right: Node) -> bool:
        """Whether one node is proved to lie inside another."""
        return self._explainers[direction].included(left, right)

    def findings(self) -> list[DiffFinding]:
        """Everything found, with unstable operations forgiven."""
        found = [*self._facts]
        for explainer in self._explainers.values():
            found += findings(explainer)
        return [self._forgiven(finding) for finding in found]

    def _forgiven(self, finding: DiffFinding) -> DiffFinding:
        """An operation that promised nothing may change; the finding stays as a notice."""
        if finding.use not in self._unstable or finding.also or finding.rule in (3, 6):
            return finding
        return replace(finding, severity=Severity.COMPATIBLE, notice=True)
