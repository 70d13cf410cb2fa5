"""Alternatives: which members of `anyOf` and `oneOf` correspond, and whether the union as a whole moved."""

from collections.abc import Callable

from versions.diff.findings import Direction, Effect, Severity
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace, harmful, provable
from versions.diff.schema.facets.visitor import Explaining
from versions.diff.schema.reading.keywords import ANNOTATIONS
from versions.diff.schema.reading.node import Node
from versions.diff.schema.sets.normal import TYPE_KEYWORDS, types_of
from versions.diff.work import spend

UNIONS = ("anyOf", "oneOf")
MAX_PAIRS = 900


def has_union(node: Node) -> bool:
    """Whether a node has alternatives."""
    return "anyOf" in node or "oneOf" in node


def compare_unions(visitor: Explaining, place: SchemaPlace, old: Node, new: Node) -> None:
    """Compare two nodes of which at least one has alternatives."""
    start = len(visitor.drafts)
    if has_union(old) and has_union(new):
        visitor.plain(place, _rest(old), _rest(new))
        before, after = _members(old), _members(new)
        changed = _compare_members(visitor, place, before, after)
    else:
        before, after = _distributed(visitor, old), _distributed(visitor, new)
        changed = _compare_members(visitor, place, before, after)
    source, target = visitor.source(place)
    if "oneOf" in visitor.pick(new, old) and (changed or "oneOf" not in visitor.pick(old, new)):
        _check_exactness(visitor, place, visitor.pick(after, before))
    _settle(visitor, start, source, target)


def _rest(node: Node) -> Node:
    return {name: value for name, value in node.items() if name not in UNIONS and name not in ANNOTATIONS}


def _members(node: Node) -> list[Node]:
    """The alternatives; if both keywords are there, every combination."""
    if "anyOf" in node and "oneOf" in node:
        return [{"allOf": [left, right]} for left in node["anyOf"] for right in node["oneOf"]]
    members: list[Node] = node.get("anyOf") or node.get("oneOf") or []
    return members


def _distributed(visitor: Explaining, node: Node) -> list[Node]:
    if not has_union(node):
        return [node]
    rest = _rest(node)
    return [visitor.normal.both(rest, member) if rest else member for member in _members(node)]


def _compare_members(visitor: Explaining, place: SchemaPlace, before: list[Node], after: list[Node]) -> bool:
    """Compare lists of alternatives; says whether they differ at all."""
    source, target = visitor.pick(before, after), visitor.pick(after, before)
    pairs, lone, spare = _paired(visitor, source, target)
    changed = bool(lone or spare)
    for left, right, equal in pairs:
        if not equal:
            changed = True
        _compare_pair(visitor, place, (left, right), target, equal)
        if equal and visitor.named(left) and visitor.named(right) and visitor.title(left) != visitor.title(right):
            _report_silence(visitor, place, left)
    for node in lone:
        if not _covered(visitor, node, target):
            _report(visitor, place, node, gone=True)
        elif visitor.named(node) or not _spoken_for(visitor, node, target):
            _report_silence(visitor, place, node)
    for node in spare:
        _report(visitor, place, node, gone=False)
    return changed


def _paired(
    visitor: Explaining, source: list[Node], target: list[Node]
) -> tuple[list[tuple[Node, Node, bool]], list[Node], list[Node]]:
    """Members that correspond: equal ones, those of one name, those of one type; then what is left on either side."""
    lone, spare = list(source), list(target)
    pairs: list[tuple[Node, Node, bool]] = []
    small = len(source) * len(target) <= MAX_PAIRS
    matchers = (_same_name_and_values, _same_values, _same_name, _same_tag, _same_type)
    for matcher in matchers if small else (_same_name,):
        equal = matcher in (_same_name_and_values, _same_values)
        for left in list(lone):
            spend(1 + len(lone) + len(spare))
            right = next((node for node in spare if matcher(visitor, left, node)), None)
            if right is None or (matcher is _same_type and len(lone) != len(spare)):
                continue
            pairs.append((left, right, equal))
            lone = [node for node in lone if node is not left]
            spare = [node for node in spare if node is not right]
    return pairs, lone, spare


def _same_values(visitor: Explaining, left: Node, right: Node) -> bool:
    """Equal sets with the same declared names; open objects of other names hold each other only by silence."""
    ours, theirs = (set(visitor.normal.form(node).get("properties", ())) for node in (left, right))
    return ours == theirs and visitor.included(left, right) and visitor.included(right, left)


def _same_name_and_values(visitor: Explaining, left: Node, right: Node) -> bool:
    return _same_name(visitor, left, right) and visitor.included(left, right) and visitor.included(right, left)


def _same_name(visitor: Explaining, left: Node, right: Node) -> bool:
    title = visitor.title(left)
    return title == visitor.title(right) and title[:1].isupper()


def _same_tag(visitor: Explaining, left: Node, right: Node) -> bool:
    """One property that each fixes to the same constant."""
    ours, theirs = (visitor.normal.form(node).get("properties", {}) for node in (left, right))
    for name, node in ours.items():
        if name in theirs and ("const" in node or len(node.get("enum", ())) == 1):
            other = theirs[name]
            return bool(node.get("const", node.get("enum")) == other.get("const", other.get("enum")))
    return False


def _same_type(visitor: Explaining, left: Node, right: Node) -> bool:
    ours, theirs = types_of(visitor.normal.form(left)), types_of(visitor.normal.form(right))
    return bool(ours & theirs) and len(ours) == len(theirs)


def _compare_pair(
    visitor: Explaining, place: SchemaPlace, pair: tuple[Node, Node], target: list[Node], equal: bool
) -> None:
    """Compare a member with its counterpart; of equal sets only what is not about sets remains."""
    left, right = pair
    old, new = (left, right) if visitor.direction is Direction.REQUEST else (right, left)
    start = len(visitor.drafts)
    visitor.compare(place.down(old, new, "member"))
    mine = [
        d
        for d in visitor.drafts[start:]
        if harmful(d.effect, visitor.direction) and provable(d) and not d.proved_harmless
    ]
    if equal:
        for draft in mine:
            draft.proved_harmless = True
    elif mine and _covered(visitor, left, target):
        for draft in mine:
            draft.severity, draft.doubtful = Severity.REVIEW, True


def _covered(visitor: Explaining, node: Node, target: list[Node]) -> bool:
    spend(len(target))
    return any(visitor.included(node, other) for other in target)


def _report(visitor: Explaining, place: SchemaPlace, node: Node, gone: bool) -> None:
    """A member without a counterpart: `gone` if the accepting side lacks it."""
    removed = gone == (visitor.direction is Direction.REQUEST)
    title = visitor.title(node)
    if removed:
        draft = DraftFinding("member-removed", Effect.NARROWER, place, place.name, title, None, keyword="anyOf")
    else:
        draft = DraftFinding("member-added", Effect.WIDER, place, place.name, None, title, keyword="anyOf")
    visitor.add(draft)
    if not gone:
        return
    _source, target = visitor.source(place)
    for value in [visitor.telling(node, target)]:
        if value[1]:
            draft.value, draft.has_value = value[0], True


def _spoken_for(visitor: Explaining, node: Node, target: list[Node]) -> bool:
    """Whether a member that means the same types takes this one's values."""
    return any(visitor.included(node, other) for other in target if _speaks(visitor, node, other))


def _speaks(visitor: Explaining, node: Node, other: Node) -> bool:
    """Whether a node means the types of another, rather than accepting them because it names no type."""
    form = visitor.normal.form(other)
    if "type" in form or "enum" in form or "const" in form or any(word in form for word in (*UNIONS, "allOf", "not")):
        return True
    subjects = {TYPE_KEYWORDS[word] for word in form if word in TYPE_KEYWORDS}
    return not subjects or bool(subjects & types_of(visitor.normal.form(node)))


def _report_silence(visitor: Explaining, place: SchemaPlace, node: Node) -> None:
    """A member that only an untyped one covers: silence is not consent."""
    title = visitor.title(node)
    draft = DraftFinding("member-removed", Effect.FACT, place, place.name, title, None, keyword="anyOf")
    if visitor.direction is Direction.RESPONSE:
        draft = DraftFinding("member-added", Effect.FACT, place, place.name, None, title, keyword="anyOf")
    draft.severity, draft.doubtful = Severity.REVIEW, True
    visitor.add(draft)


def _check_exactness(visitor: Explaining, place: SchemaPlace, target: list[Node]) -> None:
    """`oneOf` refuses what two members accept: fine only if they are seen to be apart."""
    if visitor.apart(target):
        return
    source, accepting = visitor.source(place)
    if visitor.included(source, accepting):
        return
    draft = DraftFinding(
        "keyword-undecided",
        Effect.UNKNOWN,
        place,
        place.name,
        "alternatives apart",
        "alternatives that overlap",
        keyword="oneOf",
    )
    value, found = visitor.telling(source, accepting)
    if found:
        draft.value, draft.has_value = value, True
    visitor.add(draft)


def _settle(visitor: Explaining, start: int, source: Node, target: Node) -> None:
    """What was claimed of members holds for the union only if no other member takes the value."""
    mine = [
        draft
        for draft in visitor.drafts[start:]
        if harmful(draft.effect, visitor.direction) and not draft.proved_harmless and provable(draft)
    ]
    if not mine:
        return
    if visitor.included(source, target):
        for draft in mine:
            draft.proved_harmless = True
        return
    value, found = visitor.telling(source, target)
    for draft in mine:
        if not draft.has_value and found:
            draft.value, draft.has_value = value, True
        if not found and not draft.has_value:
            draft.severity = Severity.REVIEW


def align(
    same: Callable[[Node, Node], bool], before: list[Node], after: list[Node]
) -> tuple[list[tuple[Node, Node]], list[Node], list[Node]]:
    """Drops members that are the same, then pairs those of the same rank; the rest is lost or gained."""
    lost, gained = list(before), list(after)
    pairs: list[tuple[Node, Node]] = []
    for left in before:
        spend(1 + len(lost) + len(gained))
        match = next((right for right in gained if same(left, right)), None)
        if match is not None:
            lost = [node for node in lost if node is not left]
            gained = [node for node in gained if node is not match]
    while lost and gained and len(lost) == len(gained):
        pairs.append((lost.pop(0), gained.pop(0)))
    return pairs, lost, gained
