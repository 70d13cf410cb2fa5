"""The groups of keywords of arrays and objects: does every value of a plain part fit one group of another node?

Each rule reads the whole group (see owned.py) and nothing else of the accepting node.
"""

from collections.abc import Callable
from math import inf
from typing import Protocol

from versions.diff.schema.reading.node import Node, is_nothing
from versions.diff.schema.sets.boxes import Box, Boxes
from versions.diff.schema.sets.members import ArrayItems, ObjectNames, asked, item_of, rest_of, speaks_of_others, spoken
from versions.diff.schema.sets.normal import Normal
from versions.diff.schema.sets.owned import looks_around, unchanged
from versions.diff.schema.sets.scalars import decide
from versions.diff.schema.sets.validity import Judge

TEXT: Node = {"type": ["string"]}


class Proving(Protocol):
    """What the rules ask of the prover. `hides` is the keyword of fields that do not travel."""

    normal: Normal
    judge: Judge
    boxes: Boxes
    hides: str
    conventions: bool

    def below(self, left: Node, right: Node, strict: bool, rivals: tuple[Node, ...] = ()) -> bool:
        """Whether the parts of values that `left` describes are proved to fit `right`."""

    def kind_fits(self, left: Node, right: Node, kind: str, strict: bool, rivals: tuple[Box, ...] = ()) -> bool:
        """Whether values of one type that fit `left` are proved to fit `right`."""


def array_fits(prover: Proving, box: Box, node: Node, strict: bool) -> bool:
    """Whether arrays of a box fit the array keywords of a node."""
    ours = ArrayItems(prover.normal, box.parts)
    if ours.least < node.get("minItems", 0) or ours.most > node.get("maxItems", inf):
        return False
    if node.get("uniqueItems") is True and not (ours.unique or ours.most <= 1):
        return False
    rivals = [ArrayItems(prover.normal, rival.parts) for rival in box.rivals]
    return _items_fit(prover, (ours, rivals), node, strict) and _contains_fits(prover, ours, node)


def _items_fit(prover: Proving, sides: tuple[ArrayItems, list[ArrayItems]], node: Node, strict: bool) -> bool:
    ours, rivals = sides
    if looks_around(node, "unevaluatedItems"):
        if not any(unchanged(part, node, "unevaluatedItems") for part in ours.parts):
            return False
        node = {name: value for name, value in node.items() if name != "unevaluatedItems"}
    count = max(ours.fixed, len(node.get("prefixItems", ())))
    places = range(int(min(count + 1, ours.most)))
    return all(
        prover.below(ours.at(index), item_of(node, index), strict, tuple(rival.at(index) for rival in rivals))
        for index in places
    )


def _contains_fits(prover: Proving, ours: ArrayItems, node: Node) -> bool:
    """At least `minContains` (1) items fit, and at most `maxContains`."""
    if "contains" not in node:
        return True
    wanted, least, most = node["contains"], node.get("minContains", 1), node.get("maxContains", inf)
    holders = [part for part in ours.parts if "contains" in part]
    enough = (
        least == 0
        or (ours.least >= least and _every_item(prover, ours, wanted))
        or any(
            part.get("minContains", 1) >= least and prover.below(part["contains"], wanted, strict=True)
            for part in holders
        )
    )
    if not enough:
        return False
    return ours.most <= most or any(
        part.get("maxContains", inf) <= most and prover.below(wanted, part["contains"], strict=True) for part in holders
    )


def _every_item(prover: Proving, ours: ArrayItems, wanted: Node) -> bool:
    places = range(int(min(ours.fixed + 1, ours.most)))
    return all(prover.below(ours.at(index), wanted, strict=True) for index in places)


def object_fits(prover: Proving, box: Box, node: Node, strict: bool) -> bool:
    """Whether objects of a box fit the object keywords of a node."""
    ours = ObjectNames(prover.normal, box.parts, tuple(ObjectNames(prover.normal, rival.parts) for rival in box.rivals))
    heard = [node for side in (box, *box.rivals) for node in side.heard]
    ours.heard = {name for node in heard for name in spoken(node)}
    ours.others_heard = any(map(speaks_of_others, heard))
    if not ours.required.keys() >= set(node.get("required", ())):
        return False
    if max(ours.least, len(ours.required)) < node.get("minProperties", 0):
        return False
    if ours.highest() > node.get("maxProperties", inf):
        return False
    return (
        _values_fit(prover, ours, node, strict)
        and _names_fit(prover, ours, node, strict)
        and _dependencies_fit(prover, ours, node, strict)
        and _dependent_schemas_fit(prover, box, ours, node)
    )


def _values_fit(prover: Proving, ours: ObjectNames, node: Node, strict: bool) -> bool:
    """`properties`, `patternProperties`, `additionalProperties`, and `unevaluatedProperties` if it is the last."""
    if looks_around(node, "unevaluatedProperties"):
        if not any(unchanged(part, node, "unevaluatedProperties") for part in ours.parts):
            return False
        node = {name: value for name, value in node.items() if name != "unevaluatedProperties"}
    for name in {**ours.declared, **node.get("properties", {})}:
        if not _value_fits(prover, ours, node, name, strict):
            return False
    return all(_group_fits(prover, ours, node, pattern, strict) for pattern in (*ours.patterns, None))


def _value_fits(prover: Proving, ours: ObjectNames, node: Node, name: str, strict: bool) -> bool:
    """One name that either side declares."""
    wanted = node.get("properties", {}).get(name)
    declared = [part["properties"][name] for part in ours.parts if name in part.get("properties", {})]
    if any(_hidden(prover, schema) for schema in (*declared, *([wanted] if wanted is not None else ()))):
        return True
    tolerated = wanted is not None and prover.conventions and not strict and ours.silent(name)
    value = ours.value(name)
    rivals = tuple(rival.value(name) for rival in ours.rivals)
    return all(
        prover.below(value, schema, strict, rivals)
        for schema in asked(node, name)
        if not (tolerated and schema is wanted)
    )


def _hidden(prover: Proving, schema: Node) -> bool:
    return schema.get(prover.hides) is True or prover.normal.form(schema).get(prover.hides) is True


def _group_fits(prover: Proving, ours: ObjectNames, node: Node, pattern: str | None, strict: bool) -> bool:
    """Undeclared names that match a pattern of ours, or none (`pattern` is None)."""
    value = ours.rest() if pattern is None else ours.under(pattern)
    if is_nothing(prover.normal.form(value)):
        return True
    names = prover.normal.keep({**TEXT, **({"pattern": pattern} if pattern is not None else {})})
    for limit in ours.names:
        names = prover.normal.both(names, limit)
    schemas = node.get("patternProperties", {})
    for other, schema in schemas.items():
        meeting = prover.normal.both(names, prover.normal.keep({"pattern": other}))
        looked_at = prover.boxes.empty(meeting, "string") or _covered(prover, ours, meeting, pattern)
        if not looked_at and not prover.below(value, schema, strict, _rival_rests(ours)):
            return False
    rest = rest_of(node)
    if not set(rest) or any(_always(prover, names, other) for other in schemas):
        return True
    return prover.below(value, rest, strict, _rival_rests(ours))


def _rival_rests(ours: ObjectNames) -> tuple[Node, ...]:
    """What the rivals say about names that ours do not declare."""
    named = [rival.value(name) for rival in ours.rivals for name in rival.declared if name not in ours.declared]
    return (
        *named,
        *(rival.under(p) for rival in ours.rivals for p in rival.patterns),
        *(r.rest() for r in ours.rivals),
    )


def _covered(prover: Proving, ours: ObjectNames, names: Node, pattern: str | None) -> bool:
    """Whether names are all declared, or belong to a pattern of ours that is looked at by itself."""
    others = [other for other in ours.patterns if pattern is None and other != pattern]
    known = [name for name in ours.declared if isinstance(name, str)]
    alternatives: list[Node] = [{"pattern": other} for other in others]
    if known:
        alternatives.append({"enum": known})
    return bool(alternatives) and decide(names, {"anyOf": alternatives}, "string", 1).included is True


def _always(prover: Proving, names: Node, pattern: str) -> bool:
    return prover.kind_fits(names, prover.normal.keep({"pattern": pattern}), "string", True)


def _names_fit(prover: Proving, ours: ObjectNames, node: Node, strict: bool) -> bool:
    """`propertyNames`."""
    if "propertyNames" not in node:
        return True
    limit = node["propertyNames"]
    for name in ours.declared:
        possible = not is_nothing(prover.normal.form(ours.value(name)))
        if possible and prover.judge.surely(limit, name) is not True:
            return False
    for pattern, value in (*((p, ours.under(p)) for p in ours.patterns), (None, ours.rest())):
        names = prover.normal.keep({**TEXT, **({"pattern": pattern} if pattern is not None else {})})
        for known in ours.names:
            names = prover.normal.both(names, known)
        if not is_nothing(prover.normal.form(value)) and not prover.kind_fits(names, limit, "string", strict):
            return False
    return True


def _dependencies_fit(prover: Proving, ours: ObjectNames, node: Node, strict: bool) -> bool:
    """`dependentRequired`: who has the name has the others, or cannot have the name."""
    for name, others in node.get("dependentRequired", {}).items():
        if _unsent(prover, ours, node, name, strict):
            continue
        if not set(others) <= ours.implied([*ours.required, name]).keys():
            return False
    return True


def _dependent_schemas_fit(prover: Proving, box: Box, ours: ObjectNames, node: Node) -> bool:
    """`dependentSchemas`, to the letter: the convention is about names that are always declared."""
    for name, schema in node.get("dependentSchemas", {}).items():
        if _unsent(prover, ours, node, name, strict=True):
            continue
        there = box.node
        for part in (*box.parts[1:], prover.normal.keep({"required": [name]})):
            there = prover.normal.both(there, part)
        if not prover.kind_fits(there, schema, "object", strict=True):
            return False
    return True


def _unsent(prover: Proving, ours: ObjectNames, node: Node, name: str, strict: bool) -> bool:
    """Whether objects of ours never have a name: it is forbidden, or by convention nobody sends it."""
    if is_nothing(prover.normal.form(ours.value(name))):
        return True
    known = name in node.get("properties", {})
    return known and prover.conventions and not strict and ours.silent(name)


GROUPS: dict[str, Callable[[Proving, Box, Node, bool], bool]] = {"array": array_fits, "object": object_fits}
