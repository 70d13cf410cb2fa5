"""Where in two documents a difference lies, and a difference while it is being weighed."""

from dataclasses import dataclass, field
from typing import Any

from versions.diff.findings import AdaptationStep, Direction, Effect, Severity
from versions.diff.schema.reading.node import Node


@dataclass(frozen=True, slots=True)
class SchemaPlace:
    """A pair of nodes and the way to them. `kind` says how `up` holds this place.

    `kind`: "root", "property" (`key` is the name), "prefix" (`key` is the index), "items", "names" (undeclared names),
    or "member" (an alternative of the same value).
    """

    old: Node
    new: Node
    name: str
    kind: str = "root"
    key: Any = None
    up: "SchemaPlace | None" = None
    depth: int = 0

    def down(self, old: Node, new: Node, kind: str, key: Any = None) -> "SchemaPlace":
        """A place one step further down."""
        label = {"property": f".{key}", "prefix": f"[{key}]", "items": "[*]", "names": ".*", "member": ""}[kind]
        return SchemaPlace(
            old, new, self.name + label if self.name else label.lstrip("."), kind, key, self, self.depth + 1
        )

    def steps(self) -> tuple[str, ...]:
        """The way from the root as names; `*` for every item or undeclared name."""
        way: list[str] = []
        place: SchemaPlace | None = self
        while place is not None and place.kind != "root":
            if place.kind != "member":
                way.append("*" if place.kind in ("items", "names") else str(place.key))
            place = place.up
        return tuple(reversed(way))


@dataclass(slots=True)
class DraftFinding:
    """A difference while it is being weighed; `Finding` is its final form."""

    key: str
    effect: Effect
    place: SchemaPlace
    name: str
    old: Any = None
    new: Any = None
    keyword: str = ""
    severity: Severity | None = None
    value: Any = None
    has_value: bool = False
    step: AdaptationStep | None = None
    score: float | None = None
    proved_harmless: bool = False
    doubtful: bool = False
    use: str = ""
    also: list[str] = field(default_factory=list)


def harmful(effect: Effect, direction: Direction) -> bool:
    """Whether a movement of the set of values can break the reader: a request may widen, a response may narrow."""
    if effect is Effect.FACT:
        return False
    if effect is Effect.NARROWER:
        return direction is Direction.REQUEST
    return direction is Direction.RESPONSE if effect is Effect.WIDER else True


UNPROVABLE = frozenset({
    "format", "contentEncoding", "contentMediaType", "contentSchema", "x-extensible-enum", "xml",
})  # fmt: skip


def provable(draft: DraftFinding) -> bool:
    """Whether inclusion of sets says anything about this difference."""
    return draft.keyword not in UNPROVABLE and not draft.doubtful
