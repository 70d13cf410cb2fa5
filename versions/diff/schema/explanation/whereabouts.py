"""Where nodes stand in their two documents, and what a person would call them."""

from versions.diff.schema.facets.place import SchemaPlace
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import Normal
from versions.diff.values import short

NAMED = ("/components/schemas", "/definitions", "/$defs")


class Whereabouts:
    """The pointers of the nodes of two documents, by identity; `old` and `new` are `SchemaReader.where` of both."""

    def __init__(self, normal: Normal) -> None:
        self.normal = normal
        self.old: dict[int, str] = {}
        self.new: dict[int, str] = {}

    def pointers(self, place: SchemaPlace) -> tuple[str, str]:
        """Where both nodes of a place stand; an empty one if the node is not written in its document."""
        return self._pointer(self.old, place.old), self._pointer(self.new, place.new)

    def named(self, node: Node) -> bool:
        """Whether a node stands among the named schemas of its document."""
        return self._any(node).rpartition("/")[0] in NAMED

    def title(self, node: Node) -> str:
        """What a person would call a node."""
        tail = self._any(node).rsplit("/", 1)[-1]
        if tail and not tail.isdigit() and tail not in ("schema", "items"):
            return tail
        form = self.normal.form(node)
        if form.get("type"):
            return " or ".join(form["type"])
        return short({word: value for word, value in form.items() if word in ("const", "enum", "required")})

    def _any(self, node: Node) -> str:
        return self._pointer(self.old, node) or self._pointer(self.new, node)

    def _pointer(self, where: dict[int, str], node: Node) -> str:
        if id(node) in where:
            return where[id(node)]
        source = self.normal.source.get(id(node))
        return where.get(id(source), "") if source is not None else ""
