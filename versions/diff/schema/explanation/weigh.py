"""From drafts to findings: look for witnesses, let them settle severities, and put rules into words."""

from typing import Any

from versions.diff.findings import DiffFinding, Direction, Effect, Severity, Witness, fingerprint
from versions.diff.rules import table
from versions.diff.schema.explanation.adapt import adaptable, suggest
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.explanation.renamed import with_renames
from versions.diff.schema.explanation.unproved import unproved
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace, harmful
from versions.diff.schema.proof.examples import EXTRA, FORMAT_EXAMPLES
from versions.diff.schema.reading.node import Node
from versions.diff.values import short

MAX_WITNESSES = 60
_LENIENT = {Severity.BREAKING: 0, Severity.REVIEW: 1, Severity.COMPATIBLE: 2}


def findings(explainer: Explainer) -> list[DiffFinding]:
    """The findings of everything that an explainer has seen."""
    scale = _Scale(explainer)
    for draft in with_renames(explainer, explainer.drafts):
        scale.put(draft)
    for draft in unproved(explainer, {id(draft) for draft, severity, _w in scale.weighed if _waits(severity)}):
        scale.put(draft)
    good = _adaptable_roots(explainer, scale.weighed)
    return [
        _finding(explainer, draft, severity, witness, id(_root(draft.place)) in good)
        for draft, severity, witness in scale.weighed
    ]


class _Scale:
    """Weighs drafts one by one; witnesses are looked for until there are enough."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer
        self.weighed: list[tuple[DraftFinding, Severity, Witness | None]] = []
        self.asked = 0

    def put(self, draft: DraftFinding) -> None:
        """Weigh one draft."""
        severity = _severity(self.explainer, draft)
        witness = None
        wanted = (
            _waits(severity)
            and not draft.doubtful
            and draft.key != "unknown-keyword"
            and harmful(draft.effect, self.explainer.direction)
        )
        if wanted and self.asked < MAX_WITNESSES:
            self.asked += 1
            witness = _witness(self.explainer, draft)
            severity = _settled(draft, severity, witness)
        draft.step = suggest(self.explainer, draft)
        self.weighed.append((draft, severity, witness))


def _waits(severity: Severity) -> bool:
    return severity is not Severity.COMPATIBLE


def _root(place: SchemaPlace) -> SchemaPlace:
    while place.up is not None:
        place = place.up
    return place


def _adaptable_roots(explainer: Explainer, weighed: list[tuple[DraftFinding, Severity, Witness | None]]) -> set[int]:
    """The bodies and parameters whose old values all fit again after the suggested steps."""
    groups: dict[int, list[tuple[DraftFinding, Severity]]] = {}
    roots: dict[int, SchemaPlace] = {}
    for draft, severity, _witness_found in weighed:
        root = _root(draft.place)
        roots[id(root)] = root
        groups.setdefault(id(root), []).append((draft, severity))
    return {key for key, drafts in groups.items() if adaptable(explainer, roots[key], drafts)}


def _severity(explainer: Explainer, draft: DraftFinding) -> Severity:
    rule = table()[draft.key]
    if draft.proved_harmless:
        return Severity.COMPATIBLE
    severity = rule.severity(explainer.direction)
    if draft.severity is not None:
        severity = (
            min(severity, draft.severity, key=_LENIENT.__getitem__)
            if severity is Severity.COMPATIBLE
            else draft.severity
        )
    bounds = rule.number in (31, 33, 34, 37, 40)
    if bounds and explainer.direction is Direction.RESPONSE and not explainer.policy.readers_depend_on_bounds:
        return Severity.COMPATIBLE
    if rule.number == 9 and not explainer.policy.unknown_fields_tolerated:
        return Severity.REVIEW
    return severity


def _settled(draft: DraftFinding, severity: Severity, witness: Witness | None) -> Severity:
    """A witness makes a doubt a break; inside alternatives a claim without a witness stays a doubt."""
    if witness is not None:
        return Severity.BREAKING if draft.effect is Effect.UNKNOWN else severity
    inside = _inside_union(draft.place)
    return Severity.REVIEW if inside and severity is Severity.BREAKING else severity


def _inside_union(place: SchemaPlace | None) -> bool:
    while place is not None:
        if place.kind == "member":
            return True
        place = place.up
    return False


def _witness(explainer: Explainer, draft: DraftFinding) -> Witness | None:
    place = draft.place
    formats = draft.keyword == "format"
    if formats:
        source_format = explainer.pick(draft.old, draft.new)
        if source_format not in FORMAT_EXAMPLES:
            return None
        draft.value, draft.has_value = FORMAT_EXAMPLES[source_format], True
    if draft.has_value:
        found = _confirmed(explainer, place, draft.value, formats)
        if found is not None:
            return found
    if draft.keyword in ("required", "removed", "added") and place.kind == "property" and place.up is not None:
        value, ok = _presence(explainer, draft, place)
        return _confirmed(explainer, place.up, value, formats=False) if ok else None
    if formats:
        return None
    value, ok = explainer.telling(*explainer.source(place))
    return _confirmed(explainer, place, value, formats=False) if ok else None


def _presence(explainer: Explainer, draft: DraftFinding, place: SchemaPlace) -> tuple[Any, bool]:
    """An object of the making side with or without the name in question."""
    holder = place.up or place
    source, target = explainer.source(holder)
    base, ok = explainer.examples.first(source)
    if not ok or not isinstance(base, dict):
        return explainer.telling(source, target)
    if draft.keyword == "required":
        return {name: value for name, value in base.items() if name != place.key}, True
    part, found = explainer.examples.first(explainer.source(place)[0])
    return {**base, place.key: part if found else "a"}, True


def _confirmed(explainer: Explainer, place: SchemaPlace, value: Any, formats: bool) -> Witness | None:
    """The value as a whole body if possible, else as the part at its place; None if `jsonschema` disagrees."""
    whole, ok = _embedded(explainer, place, value)
    root = place
    while root.up is not None:
        root = root.up
    for candidate, at, is_whole in ((whole, root, True), (value, place, place is root)):
        if at is root and not ok:
            continue
        if _told_apart(explainer, at, candidate, formats) and (is_whole or not _inside_union(place)):
            sides = ("old", "new") if explainer.direction is Direction.REQUEST else ("new", "old")
            return Witness(candidate, *sides, is_whole)
    return None


def _told_apart(explainer: Explainer, place: SchemaPlace, value: Any, formats: bool) -> bool:
    source, target = explainer.source(place)
    judge = explainer.judge
    return judge.accepts(source, value, formats) is True and judge.accepts(target, value, formats) is False


def _embedded(explainer: Explainer, place: SchemaPlace, value: Any) -> tuple[Any, bool]:
    """The value inside an example of everything around it."""
    while place.up is not None:
        holder = place.up
        if place.kind != "member":
            value, ok = _held(explainer, explainer.source(holder)[0], place, value)
            if not ok:
                return None, False
        place = holder
    return value, True


def _held(explainer: Explainer, holder: Node, place: SchemaPlace, value: Any) -> tuple[Any, bool]:
    if place.kind in ("property", "names"):
        base, ok = explainer.examples.first_object(holder)
        name = place.key if place.kind == "property" else EXTRA
        return {**base, name: value}, ok
    array, ok = explainer.examples.first_array(holder)
    index = place.key or 0
    items = list(array)
    while len(items) < index:
        extra, found = explainer.examples.first(explainer.examples.item(holder, len(items)))
        if not found:
            return None, False
        items.append(extra)
    return [*items[:index], value, *items[index + 1 :]], ok


def _finding(
    explainer: Explainer, draft: DraftFinding, severity: Severity, witness: Witness | None, adapted: bool
) -> DiffFinding:
    rule = table()[draft.key]
    name = draft.name or "the value"
    en, zh = rule.words(name=name, old=_word(draft.old), new=_word(draft.new))
    place = draft.place
    old_pointer, new_pointer = explainer.where.pointers(place)
    use = draft.use
    mark = fingerprint(
        draft.key, explainer.direction.value, use, draft.name, draft.keyword, _mark(draft.old), _mark(draft.new)
    )
    return DiffFinding(
        rule=rule.number, key=draft.key, severity=severity, effect=draft.effect, direction=explainer.direction, use=use,
        path=draft.name, old_pointer=old_pointer, new_pointer=new_pointer, en=en,
        zh=zh if draft.name else zh.replace("the value", "该值"),
        fingerprint=mark, notice=rule.notice, old=draft.old, new=draft.new, keyword=draft.keyword, witness=witness,
        step=draft.step, adapted=adapted, score=draft.score, also=tuple(draft.also),
    )  # fmt: skip


def _word(value: Any) -> str:
    return "—" if value is None else short(value)


def _mark(value: Any) -> str:
    return short(value, 200) if not isinstance(value, dict) else ",".join(sorted(map(str, value)))
