"""Enumerations and constants: sets that can be compared value by value."""

from typing import Any

from versions.diff.findings import Effect
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.facets.visitor import Explaining
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import finite, types_of
from versions.diff.values import key_of, short, type_of, without


def compare_finite(visitor: Explaining, place: SchemaPlace, old: Node, new: Node) -> bool:
    """Compare enumerations; false if neither side is one, or more than the enumeration has to be compared."""
    if finite(old) is None and finite(new) is None:
        return False
    before, after = _values(visitor, old), _values(visitor, new)
    if before is not None and after is not None:
        _both(visitor, place, (old, new), before, after)
        return True
    if before is not None:
        return _dropped(visitor, place, before, new)
    return after is None or _introduced(visitor, place, old, after)


def _values(visitor: Explaining, node: Node) -> list[Any] | None:
    """The values of a node that is an enumeration, or that has no more than two values anyhow."""
    values = finite(node)
    if values is None:
        return _SMALL.get(types_of(node))
    return [value for value in values if visitor.judge.accepts(node, value) is not False]


_SMALL: dict[frozenset[str], list[Any]] = {frozenset({"boolean"}): [False, True], frozenset({"null"}): [None]}


def _both(
    visitor: Explaining, place: SchemaPlace, nodes: tuple[Node, Node], before: list[Any], after: list[Any]
) -> None:
    removed, added = without(before, after), without(after, before)
    constants = all(len(values) == 1 for values in (before, after))
    if constants and removed and (("const" in nodes[0]) or ("const" in nodes[1])):
        draft = DraftFinding("const-changed", Effect.DIFFERENT, place, place.name, before[0], after[0], keyword="const")
        draft.value, draft.has_value = visitor.pick(before, after)[0], True
        visitor.add(draft)
        return
    for value in removed:
        if value is None:
            _one(visitor, place, "became-not-nullable", Effect.NARROWER, value)
        else:
            _one(visitor, place, "enum-value-removed", Effect.NARROWER, value)
    open_enum = visitor.policy.is_open_enum(visitor.pointer(place), nodes[1])
    for value in added:
        if value is None:
            _one(visitor, place, "became-nullable", Effect.WIDER, value)
        elif open_enum:
            visitor.opened(nodes[0])
            _one(visitor, place, "open-enum-value-added", Effect.FACT, value)
        else:
            _one(visitor, place, "enum-value-added", Effect.WIDER, value)


def _one(visitor: Explaining, place: SchemaPlace, key: str, effect: Effect, value: Any) -> None:
    old, new = (value, None) if effect is Effect.NARROWER else (None, value)
    draft = DraftFinding(key, effect, place, place.name, old, new, keyword="enum")
    draft.value, draft.has_value = value, True
    visitor.add(draft)


def _dropped(visitor: Explaining, place: SchemaPlace, before: list[Any], new: Node) -> bool:
    refused = [value for value in before if visitor.judge.accepts(new, value) is False]
    if refused and len(refused) == len(before) and not ({type_of(v) for v in before} & set(types_of(new))):
        _swapped(visitor, place, before, sorted(types_of(new)))
        return True
    for value in refused:
        _one(
            visitor, place, "enum-value-removed" if value is not None else "became-not-nullable", Effect.NARROWER, value
        )
    if types_of(new):
        draft = DraftFinding("enum-dropped", Effect.WIDER, place, place.name, short(before), None, keyword="enum")
        visitor.add(draft)
    return True


def _introduced(visitor: Explaining, place: SchemaPlace, old: Node, after: list[Any]) -> bool:
    foreign = [value for value in after if visitor.judge.accepts(old, value) is False]
    if foreign and len(foreign) == len(after) and not ({type_of(v) for v in after} & set(types_of(old))):
        _swapped(visitor, place, sorted(types_of(old)), after)
        return True
    for value in foreign:
        _one(visitor, place, "enum-value-added" if value is not None else "became-nullable", Effect.WIDER, value)
    if types_of(old):
        visitor.add(DraftFinding("enum-added", Effect.NARROWER, place, place.name, None, short(after), keyword="enum"))
    return True


def _swapped(visitor: Explaining, place: SchemaPlace, old: list[Any], new: list[Any]) -> None:
    keys = [key_of(value) for value in (*old, *new)]
    if keys:
        visitor.add(
            DraftFinding("type-swapped", Effect.DIFFERENT, place, place.name, short(old), short(new), keyword="enum")
        )
