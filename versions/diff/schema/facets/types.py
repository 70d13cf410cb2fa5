"""The `type` keyword on both sides."""

from typing import Any

from versions.diff.findings import Effect
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.facets.visitor import Visitor
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import types_of


def compare_types(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """Types that went, came, or were swapped; null, and integer against number, have rules of their own."""
    before, after = types_of(old), types_of(new)
    lost, gained = set(before - after), set(after - before)
    _numbers(visitor, place, lost, gained)
    if "null" in lost and before - {"null"}:
        _type(visitor, place, "became-not-nullable", Effect.NARROWER, "null", None)
        lost.discard("null")
    if "null" in gained and after - {"null"}:
        _type(visitor, place, "became-nullable", Effect.WIDER, None, "null")
        gained.discard("null")
    if lost and gained and not (before & after - {"null"}):
        _type(visitor, place, "type-swapped", Effect.DIFFERENT, _listed(lost), _listed(gained))
        return
    if lost:
        _type(visitor, place, "type-removed", Effect.NARROWER, _listed(lost), None)
    if gained:
        _type(visitor, place, "type-added", Effect.WIDER, None, _listed(gained))


def _numbers(visitor: Visitor, place: SchemaPlace, lost: set[str], gained: set[str]) -> None:
    if "integer" in lost and "number" in gained:
        _type(visitor, place, "integer-to-number", Effect.WIDER, "integer", "number")
        lost.discard("integer")
        gained.discard("number")
    elif "number" in lost and "integer" in gained:
        _type(visitor, place, "number-to-integer", Effect.NARROWER, "number", "integer")
        lost.discard("number")
        gained.discard("integer")


def _type(visitor: Visitor, place: SchemaPlace, key: str, effect: Effect, old: Any, new: Any) -> None:
    visitor.add(DraftFinding(key, effect, place, place.name, old, new, keyword="type"))


def _listed(types: set[str]) -> str:
    return " or ".join(sorted(types))
