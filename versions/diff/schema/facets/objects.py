"""Two objects: which names exist, which are required, and what values each name may have."""

from versions.diff.findings import Direction, Effect
from versions.diff.schema.facets.limits import OBJECT_BOUNDS, bounds
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.facets.visitor import Visitor
from versions.diff.schema.reading.node import ANYTHING, Node, is_nothing
from versions.diff.schema.sets.members import matches
from versions.diff.schema.sets.scalars import decide
from versions.diff.work import spend


def object_facets(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """Compare everything that two nodes say about objects."""
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in [*before, *(name for name in after if name not in before)]:
        if name in before and name in after:
            _shared(visitor, place, old, new, name)
        elif name in before:
            _removed(visitor, place, old, new, name)
        else:
            _added(visitor, place, old, new, name)
    _required_without_schema(visitor, place, old, new)
    _unknown_names(visitor, place, old, new)
    _patterns(visitor, place, old, new)
    if any(name in node for name in ("minProperties", "maxProperties") for node in (old, new)):
        bounds(visitor, place, _counted(old), _counted(new), OBJECT_BOUNDS)
    _dependencies(visitor, place, old, new)
    if "propertyNames" in old or "propertyNames" in new:
        visitor.compare(place.down(old.get("propertyNames", ANYTHING), new.get("propertyNames", ANYTHING), "names"))


def hidden_word(direction: Direction) -> str:
    """The keyword of fields that do not travel in a direction."""
    return "readOnly" if direction is Direction.REQUEST else "writeOnly"


def is_closed(node: Node) -> bool:
    """Whether unknown names are refused."""
    return any(is_nothing(node[name]) for name in ("additionalProperties", "unevaluatedProperties") if name in node)


def schema_of(node: Node, name: str) -> Node | None:
    """What an undeclared name must fit by `patternProperties` or `additionalProperties`; None if nothing is said."""
    for pattern, schema in node.get("patternProperties", {}).items():
        if _matches(pattern, name):
            ruled: Node = schema
            return ruled
    rest = node.get("additionalProperties", node.get("unevaluatedProperties"))
    return None if rest is None or rest == ANYTHING else rest


def _shared(visitor: Visitor, place: SchemaPlace, old: Node, new: Node, name: str) -> None:
    spend(2 + (len(old.get("required", ())) + len(new.get("required", ()))) // 40)
    before, after = old["properties"][name], new["properties"][name]
    required_before, required_after = name in old.get("required", ()), name in new.get("required", ())
    if required_before == required_after and visitor.settled(before, after):
        return
    direction = visitor.direction
    was_hidden, is_hidden = before.get(visitor.hides) is True, after.get(visitor.hides) is True
    below = place.down(before, after, "property", name)
    if was_hidden and is_hidden:
        start = len(visitor.drafts)
        visitor.compare(below)
        visitor.doubting(start)
        return
    if is_hidden:
        key = "became-read-only" if direction is Direction.REQUEST else "became-write-only"
        visitor.add(DraftFinding(key, Effect.FACT, below, below.name, keyword="readOnly"))
        return
    if was_hidden:
        key = "required-access-widened" if required_after else "access-widened"
        visitor.add(DraftFinding(key, Effect.FACT, below, below.name, keyword="readOnly"))
        return
    if required_after and not required_before:
        default = visitor.normal.form(after).get("default")
        key = "became-required" if default is None else "became-required-with-default"
        visitor.add(DraftFinding(key, Effect.NARROWER, below, below.name, None, default, keyword="required"))
    elif required_before and not required_after:
        visitor.add(DraftFinding("became-optional", Effect.WIDER, below, below.name, keyword="required"))
    visitor.compare(below)


def _removed(visitor: Visitor, place: SchemaPlace, old: Node, new: Node, name: str) -> None:
    before = old["properties"][name]
    if before.get(visitor.hides) is True or is_nothing(before):
        return
    rest = schema_of(new, name)
    below = place.down(before, rest if rest is not None else ANYTHING, "property", name)
    required = name in old.get("required", ())
    if rest is not None and not is_nothing(rest):
        if required and name not in new.get("required", ()):
            visitor.add(DraftFinding("became-optional", Effect.WIDER, below, below.name, keyword="required"))
        visitor.compare(below)
        return
    if visitor.direction is Direction.RESPONSE:
        key = "response-required-removed" if required else "response-optional-removed"
        effect = Effect.FACT
    elif rest is not None:
        key, effect = "removed-closed", Effect.NARROWER
    else:
        key, effect = "required-removed" if required else "optional-removed", Effect.FACT
    visitor.add(DraftFinding(key, effect, below, below.name, old=visitor.normal.form(before), keyword="removed"))


def _added(visitor: Visitor, place: SchemaPlace, old: Node, new: Node, name: str) -> None:
    after = new["properties"][name]
    if after.get(visitor.hides) is True:
        return
    rest = schema_of(old, name)
    below = place.down(rest if rest is not None else ANYTHING, after, "property", name)
    form = visitor.normal.form(after)
    required_after, required_before = name in new.get("required", ()), name in old.get("required", ())
    if required_after and not required_before:
        key = "required-added" if form.get("default") is None else "required-added-with-default"
        visitor.add(
            DraftFinding(key, Effect.NARROWER, below, below.name, None, form.get("default"), keyword="required")
        )
    if rest is None:
        if is_nothing(form):
            visitor.add(DraftFinding("keyword-narrowed", Effect.NARROWER, below, below.name, "anything", "nothing"))
        elif not required_after:
            visitor.add(DraftFinding("optional-added", Effect.FACT, below, below.name, None, form, keyword="added"))
        elif required_before:
            visitor.compare(below)
    elif is_nothing(rest):
        visitor.add(DraftFinding("optional-added-closed", Effect.WIDER, below, below.name, None, form, keyword="added"))
    else:
        visitor.compare(below)


def _required_without_schema(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """Names that are required by themselves: the new side does not declare them, or the old one did not."""
    before, after = dict.fromkeys(old.get("required", ())), dict.fromkeys(new.get("required", ()))
    for name in after:
        if name not in before and name not in new.get("properties", {}):
            _undeclared(visitor, place, name, "became-required", Effect.NARROWER)
    for name in before:
        if name not in after and name not in old.get("properties", {}):
            _undeclared(visitor, place, name, "became-optional", Effect.WIDER)


def _undeclared(visitor: Visitor, place: SchemaPlace, name: str, key: str, effect: Effect) -> None:
    below = place.down(ANYTHING, ANYTHING, "property", name)
    visitor.add(DraftFinding(key, effect, below, below.name, keyword="required"))


def _counted(node: Node) -> Node:
    """The node with the least number of names that its required ones imply."""
    return {**node, "minProperties": max(node.get("minProperties", 0), len(node.get("required", ())))}


def _unknown_names(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """`additionalProperties` and `unevaluatedProperties`."""
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        before, after = old.get(keyword, ANYTHING), new.get(keyword, ANYTHING)
        shut_before, shut_after = is_nothing(before), is_nothing(after)
        if shut_before and shut_after:
            continue
        if shut_after and not is_closed(old):
            visitor.add(DraftFinding("closed", Effect.NARROWER, place, place.name, keyword=keyword))
        elif shut_before and not is_closed(new):
            key = "opened" if not after else "unknown-names-untyped"
            visitor.add(DraftFinding(key, Effect.WIDER, place, place.name, "nothing", keyword=keyword))
        elif (before or after) and not shut_before and not shut_after:
            visitor.compare(place.down(before, after, "names"))


def _patterns(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    """`patternProperties`: the same pattern is compared; a new or lost one may follow from what else is said."""
    before, after = old.get("patternProperties", {}), new.get("patternProperties", {})
    for pattern in before:
        if pattern in after:
            visitor.compare(place.down(before[pattern], after[pattern], "names", pattern))
    lost = [p for p in before if p not in after and not _implied(visitor, new, p, before[p])]
    gained = [p for p in after if p not in before and not _implied(visitor, old, p, after[p])]
    for patterns, key, effect in (
        (lost, "keyword-widened", Effect.WIDER),
        (gained, "keyword-narrowed", Effect.NARROWER),
    ):
        for pattern in patterns:
            draft = DraftFinding(key, effect, place, place.name, keyword="patternProperties")
            draft.old, draft.new = (pattern, None) if effect is Effect.WIDER else (None, pattern)
            visitor.add(draft)


def _implied(visitor: Visitor, node: Node, pattern: str, schema: Node) -> bool:
    """Whether a node already says that every name which matches a pattern has a value that fits a schema."""
    declared = [name for name in node.get("properties", {}) if _matches(pattern, name)]
    if not all(visitor.included(node["properties"][name], schema) for name in declared):
        return False
    names: Node = {"pattern": pattern}
    if declared and decide(names, {"enum": declared}, "string", 1).included:
        return True
    others = node.get("patternProperties", {})
    for other, said in others.items():
        if decide(names, {"pattern": other}, "string", 1).included and visitor.included(said, schema):
            return True
    return not others and visitor.included(node.get("additionalProperties", ANYTHING), schema)


def _matches(pattern: str, name: str) -> bool:
    return matches(pattern, name) is not False


def _dependencies(visitor: Visitor, place: SchemaPlace, old: Node, new: Node) -> None:
    before, after = old.get("dependentRequired", {}), new.get("dependentRequired", {})
    for name in [*before, *(name for name in after if name not in before)]:
        lost = [item for item in before.get(name, ()) if item not in after.get(name, ())]
        gained = [item for item in after.get(name, ()) if item not in before.get(name, ())]
        for items, key, effect in (
            (lost, "keyword-widened", Effect.WIDER),
            (gained, "keyword-narrowed", Effect.NARROWER),
        ):
            if items:
                draft = DraftFinding(
                    key, effect, place, place.name, before.get(name), after.get(name), keyword="dependentRequired"
                )
                visitor.add(draft)
    schemas_before, schemas_after = old.get("dependentSchemas", {}), new.get("dependentSchemas", {})
    for name in {**schemas_before, **schemas_after}:
        left, right = schemas_before.get(name), schemas_after.get(name)
        if left is not None and right is not None:
            visitor.compare(place.down(left, right, "member"))
        else:
            draft = DraftFinding("keyword-undecided", Effect.UNKNOWN, place, place.name, *_dependent(name, left, right))
            draft.keyword = "dependentSchemas"
            if (right is None and visitor.direction is Direction.REQUEST) or (
                left is None and visitor.direction is Direction.RESPONSE
            ):
                draft.key, draft.effect = (
                    ("keyword-widened", Effect.WIDER) if right is None else ("keyword-narrowed", Effect.NARROWER)
                )
            visitor.add(draft)


def _dependent(name: str, left: Node | None, right: Node | None) -> tuple[str | None, str | None]:
    return (f"more where {name} is present" if left is not None else None), (
        f"more where {name} is present" if right is not None else None
    )
