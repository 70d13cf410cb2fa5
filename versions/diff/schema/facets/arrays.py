"""Two arrays: how many items, of what kind, and whether they may repeat."""

from versions.diff.findings import Effect
from versions.diff.schema.facets.limits import ARRAY_BOUNDS, bounds
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.facets.visitor import Visitor
from versions.diff.schema.reading.node import ANYTHING, NOTHING, Node, is_nothing
from versions.diff.values import short


def array_facets(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """Compare everything that two nodes say about arrays."""
    bounds(visitor, place, with_length(old), with_length(new), ARRAY_BOUNDS)
    before, after = old.get("uniqueItems") is True, new.get("uniqueItems") is True
    if before != after:
        key, effect = ("unique-items-on", Effect.NARROWER) if after else ("unique-items-off", Effect.WIDER)
        visitor.add(DraftFinding(key, effect, place, place.name, before, after, keyword="uniqueItems"))
    _items(visitor, place, old, new)
    _contains(visitor, place, old, new)
    if "unevaluatedItems" in old or "unevaluatedItems" in new:
        pair = old.get("unevaluatedItems", ANYTHING), new.get("unevaluatedItems", ANYTHING)
        visitor.compare(place.down(*pair, "items"))


def with_length(node: Node) -> Node:
    """The node with the greatest length that a closed tuple implies."""
    if not is_nothing(node.get("items", ANYTHING)):
        return node
    longest = len(node.get("prefixItems", ()))
    return {**node, "maxItems": min(longest, node.get("maxItems", longest))}


def item_at(node: Node, index: int) -> Node:
    """What the item at an index must fit."""
    prefix = node.get("prefixItems", [])
    if index >= with_length(node).get("maxItems", index + 1):
        return NOTHING
    item: Node = prefix[index] if index < len(prefix) else node.get("items", ANYTHING)
    return item


def _items(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    count = max(len(old.get("prefixItems", ())), len(new.get("prefixItems", ())))
    for index in range(count):
        before, after = item_at(old, index), item_at(new, index)
        if not is_nothing(before) and not is_nothing(after):
            visitor.compare(place.down(before, after, "prefix", index))
    before, after = item_at(old, count), item_at(new, count)
    if (before or after) and not is_nothing(before) and not is_nothing(after):
        visitor.compare(place.down(before, after, "items", count))


def _contains(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """`contains` with its counts: at least `minContains` (1), at most `maxContains` items that fit."""
    if "contains" not in old and "contains" not in new:
        return
    if "contains" not in old or "contains" not in new:
        added = "contains" in new
        key, effect = ("keyword-narrowed", Effect.NARROWER) if added else ("keyword-widened", Effect.WIDER)
        visitor.add(DraftFinding(key, effect, place, place.name, None, None, keyword="contains"))
        return
    for keyword, start, sign in (("minContains", 1, 1), ("maxContains", float("inf"), -1)):
        before, after = old.get(keyword, start), new.get(keyword, start)
        if before != after:
            tighter = sign * after > sign * before
            key, effect = ("keyword-narrowed", Effect.NARROWER) if tighter else ("keyword-widened", Effect.WIDER)
            visitor.add(DraftFinding(key, effect, place, place.name, before, after, keyword=keyword))
    left, right = old["contains"], new["contains"]
    forth, back = visitor.included(left, right), visitor.included(right, left)
    if forth and back:
        return
    counted = "maxContains" in old or "maxContains" in new
    key, effect = "keyword-undecided", Effect.UNKNOWN
    if not counted and (forth or back):
        key, effect = ("keyword-widened", Effect.WIDER) if forth else ("keyword-narrowed", Effect.NARROWER)
    visitor.add(DraftFinding(key, effect, place, place.name, short(left), short(right), keyword="contains"))
