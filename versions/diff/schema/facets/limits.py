"""Bounds, divisors, lengths, patterns and formats: facets whose movement is seen by comparing two values."""

from dataclasses import dataclass
from typing import Any

from versions.diff.findings import Effect, Severity
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.facets.visitor import Visitor
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.scalars import WIDENING_FORMATS, decide, exact


@dataclass(frozen=True, slots=True)
class Bound:
    """A pair of keywords for one end of a range. `sign` is 1 for a lower end and -1 for an upper end."""

    keyword: str
    exclusive: str
    sign: int
    tightened: str
    loosened: str
    floor: int | None = None


NUMBER_BOUNDS = (
    Bound("minimum", "exclusiveMinimum", 1, "bound-tightened", "bound-loosened"),
    Bound("maximum", "exclusiveMaximum", -1, "bound-tightened", "bound-loosened"),
)
STRING_BOUNDS = (
    Bound("minLength", "", 1, "bound-tightened", "bound-loosened", 0),
    Bound("maxLength", "", -1, "bound-tightened", "bound-loosened"),
)
ARRAY_BOUNDS = (
    Bound("minItems", "", 1, "items-tightened", "items-loosened", 0),
    Bound("maxItems", "", -1, "items-tightened", "items-loosened"),
)
OBJECT_BOUNDS = (
    Bound("minProperties", "", 1, "property-count-tightened", "property-count-loosened", 0),
    Bound("maxProperties", "", -1, "property-count-tightened", "property-count-loosened"),
)


def bounds(visitor: Visitor, place: SchemaPlace, old: Node, new: Node, table: tuple[Bound, ...]) -> None:
    """Compare both ends of a range."""
    for bound in table:
        before, after = _end(old, bound), _end(new, bound)
        if before != after:
            key, effect = _movement(bound, before, after)
            words = _words(old, bound, before), _words(new, bound, after)
            visitor.add(DraftFinding(key, effect, place, place.name, *words, keyword=bound.keyword))


def _end(node: Node, bound: Bound) -> tuple[Any, int] | None:
    """The effective end, larger meaning tighter: (sign * value, exclusive)."""
    ends = []
    if bound.keyword in node:
        ends.append((bound.sign * exact(node[bound.keyword]), 0))
    if bound.exclusive and bound.exclusive in node:
        ends.append((bound.sign * exact(node[bound.exclusive]), 1))
    end = max(ends) if ends else None
    return None if end is not None and end[1] == 0 and end[0] == bound.floor else end


def _movement(bound: Bound, before: tuple[Any, int] | None, after: tuple[Any, int] | None) -> tuple[str, Effect]:
    if before is None or after is None:
        added = before is None
        return ("bound-added", Effect.NARROWER) if added else ("bound-removed", Effect.WIDER)
    tighter = after > before
    if after[0] == before[0]:
        key = "bound-became-exclusive" if tighter else "bound-became-inclusive"
    else:
        key = bound.tightened if tighter else bound.loosened
    return key, Effect.NARROWER if tighter else Effect.WIDER


def _words(node: Node, bound: Bound, end: tuple[Any, int] | None) -> str | None:
    if end is None:
        return None
    keyword = bound.exclusive if end[1] else bound.keyword
    return f"{keyword} {node[keyword]}"


def number_facets(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """Bounds and divisor of numbers."""
    bounds(visitor, place, old, new, NUMBER_BOUNDS)
    before, after = old.get("multipleOf"), new.get("multipleOf")
    if before == after:
        return
    if before is None or after is None:
        key, effect = (
            ("multiple-of-narrowed", Effect.NARROWER) if before is None else ("multiple-of-widened", Effect.WIDER)
        )
    elif (exact(after) / exact(before)).denominator == 1:
        key, effect = "multiple-of-narrowed", Effect.NARROWER
    elif (exact(before) / exact(after)).denominator == 1:
        key, effect = "multiple-of-widened", Effect.WIDER
    else:
        key, effect = "multiple-of-changed", Effect.DIFFERENT
    draft = DraftFinding(key, effect, place, place.name, before, after, keyword="multipleOf")
    if (
        before is not None
        and after is not None
        and effect is not Effect.DIFFERENT
        and not (binary(before) and binary(after))
    ):
        draft.effect, draft.severity = Effect.UNKNOWN, Severity.REVIEW
    visitor.add(draft)


def binary(divisor: float) -> bool:
    """Whether floating point divides by this number without rounding; servers differ about 33 / 0.3."""
    denominator = exact(divisor).denominator
    return denominator & (denominator - 1) == 0


def string_facets(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """Lengths, pattern and content of strings."""
    bounds(visitor, place, old, new, STRING_BOUNDS)
    _pattern(visitor, place, old.get("pattern"), new.get("pattern"))
    for keyword in ("contentEncoding", "contentMediaType"):
        before, after = old.get(keyword), new.get(keyword)
        if before != after:
            visitor.add(
                DraftFinding("content-changed", Effect.DIFFERENT, place, place.name, before, after, keyword=keyword)
            )
    before, after = old.get("contentSchema"), new.get("contentSchema")
    if before is not None and after is not None:
        visitor.compare(place.down(before, after, "member"))
    elif before is not after:
        key, effect = ("keyword-narrowed", Effect.NARROWER) if before is None else ("keyword-widened", Effect.WIDER)
        visitor.add(DraftFinding(key, effect, place, place.name, None, None, keyword="contentSchema"))


def _pattern(visitor: Visitor, place: SchemaPlace, before: Any, after: Any) -> None:
    if before == after:
        return
    if before is None or after is None:
        key, effect = ("pattern-added", Effect.NARROWER) if before is None else ("pattern-removed", Effect.WIDER)
    else:
        forth = decide({"pattern": before}, {"pattern": after}, "string", 1).included
        back = decide({"pattern": after}, {"pattern": before}, "string", 1).included
        key, effect = _PATTERN_CASES.get((forth, back), ("pattern-undecided", Effect.UNKNOWN))
    visitor.add(DraftFinding(key, effect, place, place.name, before, after, keyword="pattern"))


_PATTERN_CASES = {
    (True, True): ("rewritten", Effect.FACT),
    (True, False): ("pattern-widened", Effect.WIDER),
    (False, True): ("pattern-narrowed", Effect.NARROWER),
    (False, False): ("pattern-changed", Effect.DIFFERENT),
    (False, None): ("pattern-narrowed", Effect.DIFFERENT),
    (None, False): ("pattern-widened", Effect.DIFFERENT),
}


def formats(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """`format`, a check for some servers and an annotation for others."""
    before, after = old.get("format"), new.get("format")
    if before == after:
        return
    if before is None:
        key, effect = "format-added", Effect.NARROWER
    elif after is None:
        key, effect = "format-removed", Effect.WIDER
    elif (before, after) in WIDENING_FORMATS:
        key, effect = "format-widened", Effect.WIDER
    elif (after, before) in WIDENING_FORMATS:
        key, effect = "format-narrowed", Effect.NARROWER
    else:
        key, effect = "format-swapped", Effect.DIFFERENT
    visitor.add(DraftFinding(key, effect, place, place.name, before, after, keyword="format"))


def scalar_fits(parts: tuple[Node, ...], node: Node, kind: str) -> bool:
    """Whether numbers or strings that fit every part fit the number or string keywords of a node, one by one."""
    table, words = _SCALAR_GROUPS.get(kind, ((), ()))
    for bound in table:
        end = _end(node, bound)
        if end is not None and not any((_end(part, bound) or _LOOSEST) >= end for part in parts):
            return False
    return all(word not in node or any(_implies(part, node, word) for part in parts) for word in words)


def _implies(part: Node, node: Node, word: str) -> bool:
    """Whether a keyword of a part is at least as strict as the same one of a node."""
    if word not in part:
        return False
    before, after = part[word], node[word]
    if word == "multipleOf":
        divides = (exact(before) / exact(after)).denominator == 1
        return before == after or (divides and binary(before) and binary(after))
    if not isinstance(before, str) or not isinstance(after, str):
        return before is after
    return before == after or (word == "format" and (before, after) in WIDENING_FORMATS)


_LOOSEST = (float("-inf"), 0)
_SCALAR_GROUPS = {
    "number": (NUMBER_BOUNDS, ("multipleOf", "format")),
    "string": (STRING_BOUNDS, ("pattern", "format", "contentEncoding", "contentMediaType", "contentSchema")),
}
