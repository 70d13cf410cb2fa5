"""What the comparisons of facets ask of whoever runs them."""

from typing import Any, Protocol

from versions.diff.findings import Direction
from versions.diff.policy import DiffPolicy
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import Normal
from versions.diff.schema.sets.validity import Judge


class Visitor(Protocol):
    """What the comparisons of objects, arrays and scalars need; one visitor explains, another only proves.

    `hides` is the keyword of fields that do not travel: "readOnly" in a request, "writeOnly" in a response.
    """

    normal: Normal
    direction: Direction
    policy: DiffPolicy
    hides: str
    drafts: list[DraftFinding]

    def add(self, draft: DraftFinding) -> None:
        """Take a difference."""

    def compare(self, place: SchemaPlace) -> None:
        """Compare the two nodes of a place."""

    def settled(self, old: Node, new: Node) -> bool:
        """Whether nothing is left to say about two nodes."""

    def included(self, left: Node, right: Node) -> bool:
        """Whether every value of `left` is proved to be one of `right`."""

    def doubting(self, start: int) -> None:
        """Leave to a person what was said since the draft number `start`."""


class Explaining(Visitor, Protocol):
    """The visitor that explains, as the comparisons of enumerations, annotations and alternatives see it."""

    judge: Judge

    def source(self, place: SchemaPlace) -> tuple[Node, Node]:
        """The side that makes the values and the side that must accept them."""

    def pick(self, old: Any, new: Any) -> Any:
        """What belongs to the side that makes the values."""

    def pointer(self, place: SchemaPlace) -> str:
        """Where the newer node of a place stands in its document."""

    def named(self, node: Node) -> bool:
        """Whether a node stands among the named schemas of its document."""

    def title(self, node: Node) -> str:
        """What a person would call a node."""

    def plain(self, place: SchemaPlace, old: Node, new: Node) -> None:
        """Compare two nodes without alternatives."""

    def opened(self, node: Node) -> None:
        """Readers accept values that an enumeration does not list."""

    def telling(self, left: Node, right: Node) -> tuple[Any, bool]:
        """A value that `left` accepts and `right` refuses, and whether one was found."""

    def apart(self, members: list[Node]) -> bool:
        """Whether no two of the nodes visibly share a value."""
