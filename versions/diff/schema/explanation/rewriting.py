"""Equal meanings in other words (rules 28 and 35)."""

from versions.diff.findings import Effect
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.facets.visitor import Visitor
from versions.diff.schema.reading.node import Node


def note_rewriting(visitor: Visitor, place: SchemaPlace) -> None:
    """Say that a node is written differently and means the same, if its keywords show it."""
    if not _rewritten(place.old, place.new):
        return
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    only_bounds = all(place.old.get(n) == place.new.get(n) for n in {**place.old, **place.new} if n not in bounds)
    key = "same-integer-bound" if only_bounds else "rewritten"
    visitor.add(DraftFinding(key, Effect.FACT, place, place.name))


def _rewritten(old: Node, new: Node) -> bool:
    shape = (
        "allOf",
        "anyOf",
        "oneOf",
        "type",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
    )
    for name in shape:
        left, right = old.get(name), new.get(name)
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return True
        elif left != right:
            return True
    return False
