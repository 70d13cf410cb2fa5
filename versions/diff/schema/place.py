"""Where in two documents a difference lies, and what a comparison can ask of whoever runs it."""

from dataclasses import dataclass
from typing import Any, Protocol

from versions.diff.findings import Direction, Draft, Effect
from versions.diff.policy import Policy
from versions.diff.schema.normal import Normal
from versions.diff.schema.reader import Node
from versions.diff.schema.validity import Judge

NOTHING: Node = {"type": []}
ANYTHING: Node = {}


@dataclass(frozen=True, slots=True)
class Place:
    """A pair of nodes and the way to them. `kind` says how `up` holds this place.

    `kind`: "root", "property" (`key` is the name), "prefix" (`key` is the index), "items", "names" (undeclared names),
    or "member" (an alternative of the same value).
    """

    old: Node
    new: Node
    name: str
    kind: str = "root"
    key: Any = None
    up: "Place | None" = None
    depth: int = 0

    def down(self, old: Node, new: Node, kind: str, key: Any = None) -> "Place":
        """A place one step further down."""
        label = {"property": f".{key}", "prefix": f"[{key}]", "items": "[*]", "names": ".*", "member": ""}[kind]
        return Place(old, new, self.name + label if self.name else label.lstrip("."), kind, key, self, self.depth + 1)

    def steps(self) -> tuple[str, ...]:
        """The way from the root as names; `*` for every item or undeclared name."""
        way: list[str] = []
        place: Place | None = self
        while place is not None and place.kind != "root":
            if place.kind != "member":
                way.append("*" if place.kind in ("items", "names") else str(place.key))
            place = place.up
        return tuple(reversed(way))


class Visitor(Protocol):
    """What the comparisons of objects, arrays and scalars need; one visitor explains, another only proves.

    `hides` is the keyword of fields that do not travel: "readOnly" in a request, "writeOnly" in a response.
    """

    normal: Normal
    direction: Direction
    policy: Policy
    exact_one_of: bool
    hides: str
    drafts: list[Draft]

    def add(self, draft: Draft) -> None:
        """Take a difference."""

    def compare(self, place: Place) -> None:
        """Compare the two nodes of a place."""

    def settled(self, old: Node, new: Node) -> bool:
        """Whether nothing is left to say about two nodes."""

    def included(self, left: Node, right: Node) -> bool:
        """Whether every value of `left` is proved to be one of `right`."""

    def doubting(self, start: int) -> None:
        """Leave to a person what was said since the draft number `start`."""


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


def provable(draft: Draft) -> bool:
    """Whether inclusion of sets says anything about this difference."""
    return draft.keyword not in UNPROVABLE and not draft.doubtful


def is_nothing(node: Node) -> bool:
    """Whether a node visibly accepts no value."""
    return node.get("type") == []


class Explaining(Visitor, Protocol):
    """The visitor that explains, as the comparisons of enumerations, annotations and alternatives see it."""

    judge: Judge

    def source(self, place: Place) -> tuple[Node, Node]:
        """The side that makes the values and the side that must accept them."""

    def pick(self, old: Any, new: Any) -> Any:
        """What belongs to the side that makes the values."""

    def pointer(self, place: Place) -> str:
        """Where the newer node of a place stands in its document."""

    def named(self, node: Node) -> bool:
        """Whether a node stands among the named schemas of its document."""

    def title(self, node: Node) -> str:
        """What a person would call a node."""

    def plain(self, place: Place, old: Node, new: Node) -> None:
        """Compare two nodes without alternatives."""

    def opened(self, node: Node) -> None:
        """Readers accept values that an enumeration does not list."""

    def telling(self, left: Node, right: Node) -> tuple[Any, bool]:
        """A value that `left` accepts and `right` refuses, and whether one was found."""

    def apart(self, members: list[Node]) -> bool:
        """Whether no two of the nodes visibly share a value."""
