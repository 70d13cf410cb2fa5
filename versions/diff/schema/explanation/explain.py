"""Walks two schemas side by side and says what differs, where, and how the set of values moved."""

from typing import Any

from versions.diff.findings import Direction, Effect, Severity
from versions.diff.policy import DiffPolicy
from versions.diff.rules import table
from versions.diff.schema.explanation.rewriting import note_rewriting
from versions.diff.schema.explanation.whereabouts import Whereabouts
from versions.diff.schema.facets.arrays import array_facets
from versions.diff.schema.facets.finite import compare_finite
from versions.diff.schema.facets.limits import formats, number_facets, string_facets
from versions.diff.schema.facets.notes import annotations
from versions.diff.schema.facets.objects import hidden_word, object_facets
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace, harmful, provable
from versions.diff.schema.facets.types import compare_types
from versions.diff.schema.facets.unions import align, compare_unions, has_union
from versions.diff.schema.proof.examples import Examples
from versions.diff.schema.proof.prover import Prover
from versions.diff.schema.reading.equal import alike
from versions.diff.schema.reading.keywords import ANNOTATIONS, FLAT, KNOWN, is_unknown
from versions.diff.schema.reading.node import Node, is_nothing
from versions.diff.schema.sets.normal import TYPE_KEYWORDS, Normal, types_of
from versions.diff.schema.sets.scalars import Decision, decide
from versions.diff.schema.sets.validity import Judge
from versions.diff.values import SCALARS, same, short
from versions.diff.work import spend

UNDECIDED = ("not", "if", "then", "else")
MAX_FINDINGS = 3000
DEEP = 14


class Explainer:
    """One comparison in one direction. `drafts` grows as places are compared; a pair of nodes is compared once."""

    def __init__(self, direction: Direction, policy: DiffPolicy) -> None:
        self.direction = direction
        self.policy = policy
        self.hides = hidden_word(direction)
        self.normal = Normal()
        self.judge = Judge()
        self.examples = Examples(self.normal, self.judge)
        self.prover = Prover(self.normal, self.judge, self.hides, policy.unknown_fields_tolerated)
        self.drafts: list[DraftFinding] = []
        self.roots: dict[tuple[int, int], tuple[SchemaPlace, str]] = {}
        self._seen: dict[tuple[int, int], tuple[int, int]] = {}
        self._kept: list[SchemaPlace] = []
        self._deferred: list[tuple[SchemaPlace, str]] = []
        self.use = ""
        self.where = Whereabouts(self.normal)

    def add(self, draft: DraftFinding) -> None:
        """Take a difference."""
        spend(4)
        if len(self.drafts) < MAX_FINDINGS:
            draft.use = self.use
            self.drafts.append(draft)

    def included(self, left: Node, right: Node) -> bool:
        """Whether inclusion is proved."""
        return self.prover.proves(left, right)

    def source(self, place: SchemaPlace) -> tuple[Node, Node]:
        """The side that makes the values and the side that must accept them."""
        return (place.old, place.new) if self.direction is Direction.REQUEST else (place.new, place.old)

    def pick(self, old: Any, new: Any) -> Any:
        """What belongs to the side that makes the values."""
        return old if self.direction is Direction.REQUEST else new

    def pointer(self, place: SchemaPlace) -> str:
        """Where the newer node of a place stands in its document."""
        return self.where.pointers(place)[1]

    def named(self, node: Node) -> bool:
        """Whether a node stands among the named schemas of its document."""
        return self.where.named(node)

    def title(self, node: Node) -> str:
        """What a person would call a node."""
        return self.where.title(node)

    def telling(self, left: Node, right: Node) -> tuple[Any, bool]:
        """A value that `left` accepts and `right` refuses, and whether one was found."""
        for value in self.examples.telling(left, right):
            if self.judge.accepts(left, value) is True and self.judge.accepts(right, value) is False:
                return value, True
        return None, False

    def apart(self, members: list[Node]) -> bool:
        """Whether no two of the nodes visibly share a value."""
        return self.prover.apart(members)

    def compare(self, place: SchemaPlace) -> None:
        """Compare the two nodes of a place, unless this pair was compared before."""
        spend(4)
        if place.depth == 0:
            self.roots.setdefault((id(place.old), id(place.new)), (place, self.use))
        if self.settled(place.old, place.new):
            return
        pair = (id(place.old), id(place.new))
        if place.depth >= DEEP:
            self._deferred.append((place, self.use))
        else:
            self._compare_once(place, pair)
        if place.depth == 0:
            self._drain()

    def settled(self, old: Node, new: Node) -> bool:
        """Whether two nodes are visibly the same, or were compared before."""
        pair = (id(old), id(new))
        if pair in self._seen:
            self._also(pair)
            return True
        return old is new or (old.keys() <= FLAT and alike(old, new))

    def _drain(self) -> None:
        """Compare what lay too deep, each pair as a body of its own; so ways stay short whatever refers to whatever."""
        while self._deferred:
            place, self.use = self._deferred.pop()
            pair = (id(place.old), id(place.new))
            if pair not in self._seen:
                self._compare_once(SchemaPlace(place.old, place.new, self.title(place.old)), pair)

    def _compare_once(self, place: SchemaPlace, pair: tuple[int, int]) -> None:
        start = len(self.drafts)
        self._seen[pair] = (start, start)
        self._kept.append(place)
        old, new = self.normal.form(place.old), self.normal.form(place.new)
        if old is not new:
            self._differences(place, old, new)
        self._settle(place, start)
        self._vacuous(place, start)
        if len(self.drafts) == start:
            note_rewriting(self, place)
        self._seen[pair] = (start, len(self.drafts))

    def _vacuous(self, place: SchemaPlace, start: int) -> None:
        """Of a side without values everything is true: what was said of it is worth nothing, and a person must look."""
        if len(self.drafts) == start:
            return
        for key, node in (("unsatisfiable-before", place.old), ("unsatisfiable-after", place.new)):
            if not is_nothing(self.normal.form(node)) and self.prover.boxes.nothing(node):
                draft = DraftFinding(key, Effect.FACT, place, place.name)
                draft.doubtful = True
                self.add(draft)

    def said_of(self, place: SchemaPlace) -> list[DraftFinding]:
        """What was said of a root and of everything below it."""
        start, end = self._seen.get((id(place.old), id(place.new)), (0, 0))
        return self.drafts[start:end]

    def opened(self, node: Node) -> None:
        """Readers accept values that an enumeration does not list."""
        self.prover.open_enum(node)

    def _also(self, pair: tuple[int, int]) -> None:
        start, end = self._seen[pair]
        for draft in self.drafts[start:end]:
            if self.use and self.use not in draft.also and len(draft.also) < 50:
                draft.also.append(self.use)

    def _differences(self, place: SchemaPlace, old: Node, new: Node) -> None:
        if "x-unresolved" in old or "x-unresolved" in new:
            if old.get("x-unresolved") != new.get("x-unresolved"):
                words = old.get("x-unresolved", "a schema"), new.get("x-unresolved", "a schema")
                self.add(DraftFinding("keyword-undecided", Effect.UNKNOWN, place, place.name, *words, keyword="$ref"))
            return
        annotations(self, place, old, new)
        if has_union(old) or has_union(new):
            compare_unions(self, place, old, new)
        else:
            self.plain(place, old, new)

    def plain(self, place: SchemaPlace, old: Node, new: Node) -> None:
        """Compare two nodes without alternatives."""
        start = len(self.drafts)
        if not compare_finite(self, place, old, new):
            compare_types(self, place, old, new)
            shared = _number_once(types_of(old)) & _number_once(types_of(new))
            for kind, facets in _FACETS:
                if kind in shared:
                    facets(self, place, old, new)
            if shared & {"string", "number"}:
                formats(self, place, old, new)
            else:
                self._idle_format(place, old, new)
        self._unused(place, old, new, _number_once(types_of(old) | types_of(new)))
        self._residue(place, old, new)
        self._settle_scalars(place, old, new, start)

    def _residue(self, place: SchemaPlace, old: Node, new: Node) -> None:
        """Keywords that only inclusion as a whole can judge, and keywords that nobody knows."""
        self._all_of(place, old.get("allOf", []), new.get("allOf", []))
        self._named_all_of(place)
        undecided = [word for word in UNDECIDED if word in old or word in new]
        changed = [word for word in undecided if not self._same(old.get(word), new.get(word))]
        if changed:
            before = {word: old[word] for word in UNDECIDED if word in old}
            after = {word: new[word] for word in UNDECIDED if word in new}
            self.undecided(place, "/".join(changed), before, after)
        for name in sorted((old.keys() | new.keys()) - KNOWN):
            if is_unknown(name) and not same(old.get(name), new.get(name)):
                draft = DraftFinding("unknown-keyword", Effect.UNKNOWN, place, f"{place.name} {name}".strip())
                draft.old, draft.new, draft.keyword = short(old.get(name)), short(new.get(name)), name
                draft.doubtful = True
                self.add(draft)

    def undecided(self, place: SchemaPlace, keyword: str, before: Node, after: Node) -> None:
        """A part that is compared as one set: proved, refuted by a witness, or left to a person."""
        forth, back = self.included(before, after), self.included(after, before)
        key, effect = {
            (True, True): ("rewritten", Effect.FACT),
            (True, False): ("keyword-widened", Effect.WIDER),
            (False, True): ("keyword-narrowed", Effect.NARROWER),
            (False, False): ("keyword-undecided", Effect.UNKNOWN),
        }[forth, back]
        draft = DraftFinding(key, effect, place, place.name, short(before), short(after), keyword=keyword)
        self.add(draft)

    def _all_of(self, place: SchemaPlace, before: list[Node], after: list[Node]) -> None:
        pairs, lost, gained = align(self._same, before, after)
        for left, right in pairs:
            self.compare(place.down(left, right, "member"))
        for node in lost:
            self.add(
                DraftFinding("all-of-removed", Effect.WIDER, place, place.name, short(node), None, keyword="allOf")
            )
        for node in gained:
            if set(node) - ANNOTATIONS:
                self.add(
                    DraftFinding("all-of-added", Effect.NARROWER, place, place.name, None, short(node), keyword="allOf")
                )

    def _named_all_of(self, place: SchemaPlace) -> None:
        """A named part came to `allOf` or left it beside others, without a visible effect; code may differ."""
        before, after = (
            [self.title(m) for m in side.get("allOf", ()) if self.named(m)] for side in (place.old, place.new)
        )
        lost = [name for name in before if name not in after]
        gained = [name for name in after if name not in before]
        if not (before and after) or bool(lost) == bool(gained):
            return
        draft = DraftFinding(
            "all-of-added" if gained else "all-of-removed", Effect.FACT, place, place.name, keyword="allOf"
        )
        draft.old, draft.new = next(iter(lost), None), next(iter(gained), None)
        draft.severity, draft.doubtful = Severity.REVIEW, True
        self.add(draft)

    def _same(self, left: Node | None, right: Node | None) -> bool:
        if left is None or right is None:
            return left is right
        return alike(left, right) or (self.included(left, right) and self.included(right, left))

    def doubting(self, start: int) -> None:
        """What was said since `start` concerns values that should not occur: a person decides."""
        for draft in self.drafts[start:]:
            if table()[draft.key].severity(self.direction) is not Severity.COMPATIBLE:
                draft.severity, draft.doubtful = Severity.REVIEW, True

    def _unused(self, place: SchemaPlace, old: Node, new: Node, kinds: frozenset[str]) -> None:
        """Keywords of types that neither side allows: they mean nothing, and somebody changed them."""
        spoken = {TYPE_KEYWORDS[word] for word in (old.keys() | new.keys()) & TYPE_KEYWORDS.keys()}
        if spoken <= kinds or "type" not in old or "type" not in new:
            return
        start = len(self.drafts)
        for kind, facets in _FACETS:
            words = [word for word in {**old, **new} if TYPE_KEYWORDS.get(word) == kind]
            if kind not in kinds and words:
                facets(self, place, {w: old[w] for w in words if w in old}, {w: new[w] for w in words if w in new})
        self.doubting(start)

    def _idle_format(self, place: SchemaPlace, old: Node, new: Node) -> None:
        """`format` of a type that it does not apply to: it means nothing, and somebody wrote it."""
        start = len(self.drafts)
        formats(self, place, old, new)
        for draft in self.drafts[start:]:
            draft.severity, draft.doubtful = Severity.REVIEW, True

    def _settle(self, place: SchemaPlace, start: int) -> None:
        """What was claimed here is harmless if inclusion of the whole node is proved all the same."""
        mine = [
            d for d in self.drafts[start:] if d.place is place and provable(d) and harmful(d.effect, self.direction)
        ]
        if any(not draft.proved_harmless for draft in mine) and self.included(*self.source(place)):
            for draft in mine:
                draft.proved_harmless = True

    def _settle_scalars(self, place: SchemaPlace, old: Node, new: Node, start: int) -> None:
        """Let representatives decide what the facets of scalars claimed."""
        mine = [d for d in self.drafts[start:] if d.place is place and harmful(d.effect, self.direction)]
        if not mine:
            return
        source, target = (old, new) if self.direction is Direction.REQUEST else (new, old)
        shared = _number_once(types_of(source))
        for kind in SCALARS:
            if kind not in shared:
                continue
            decision = decide(source, target, kind)
            for draft in mine:
                spoken = KINDS_OF.get(draft.keyword, kind if draft.keyword in ("enum", "type") else "")
                if spoken == kind:
                    self._decided(draft, decision, target)

    def _decided(self, draft: DraftFinding, decision: Decision, target: Node) -> None:
        """What representatives say about one difference."""
        if decision.included and draft.keyword not in ("format", "type", "enum"):
            draft.proved_harmless = True
        values = [sample.json for sample in decision.counterexamples]
        telling = [value for value in values if not draft.has_value and self.tells(draft, target, value)]
        if telling:
            draft.value, draft.has_value = telling[0], True

    def tells(self, draft: DraftFinding, target: Node, value: Any) -> bool:
        """Whether a value is refused because of this draft's keyword."""
        words = {"minimum": ("minimum", "exclusiveMinimum"), "maximum": ("maximum", "exclusiveMaximum")}
        part = {word: target[word] for word in words.get(draft.keyword, (draft.keyword,)) if word in target}
        return self.judge.accepts(part, value) is False


def _number_once(types: frozenset[str]) -> frozenset[str]:
    return types | {"number"} if "integer" in types else types


KINDS_OF = {
    "minimum": "number", "maximum": "number", "multipleOf": "number", "minLength": "string", "maxLength": "string",
    "pattern": "string",
}  # fmt: skip
_FACETS = (("number", number_facets), ("string", string_facets), ("array", array_facets), ("object", object_facets))
