"""Removed and added fields of one object that are probably one field with a new name."""

from typing import Any

from versions.diff.findings import Effect
from versions.diff.renames import NamedField, pairs
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.facets.place import DraftFinding

LOST = frozenset({
    "optional-removed", "removed-closed", "required-removed", "response-required-removed", "response-optional-removed",
})  # fmt: skip
GAINED = frozenset({"optional-added", "optional-added-closed", "required-added", "required-added-with-default"})


def with_renames(explainer: Explainer, drafts: list[DraftFinding]) -> list[DraftFinding]:
    """The drafts, if a removal and an addition that belong together are one rename."""
    holders: dict[int, tuple[list[DraftFinding], list[DraftFinding]]] = {}
    for draft in drafts:
        place = draft.place
        if place.kind == "property" and place.up is not None and draft.key in LOST | GAINED:
            holders.setdefault(id(place.up), ([], []))[draft.key in GAINED].append(draft)
    replaced: dict[int, DraftFinding] = {}
    gone: set[int] = set()
    for lost, gained in holders.values():
        first = [_named(explainer, draft, "old") for draft in lost]
        second = [_named(explainer, draft, "new") for draft in gained]
        for i, j, score in pairs(first, second):
            renamed = _rename(explainer, lost[i], gained[j], score)
            replaced[id(lost[i])] = renamed
            gone |= {id(d) for d in gained if d.place.key == gained[j].place.key}
            gone |= {id(d) for d in lost if d.place.key == lost[i].place.key and d is not lost[i]}
    return [replaced.get(id(draft), draft) for draft in drafts if id(draft) not in gone]


def _named(explainer: Explainer, draft: DraftFinding, side: str) -> NamedField:
    holder = explainer.normal.form(getattr(draft.place.up, side))
    names = list(holder.get("properties", {}))
    name = draft.place.key
    index = names.index(name) / max(len(names) - 1, 1) if name in names else 0.5
    return NamedField(name, explainer.normal.form(getattr(draft.place, side)), index)


def _rename(explainer: Explainer, lost: DraftFinding, gained: DraftFinding, score: float) -> DraftFinding:
    """One draft for both; a field whose schema changed too keeps no step, since the value may not fit."""
    old: Any = lost.place.old
    draft = DraftFinding(
        "renamed", Effect.FACT, lost.place, lost.name, lost.place.key, gained.place.key, keyword="removed"
    )
    draft.use, draft.score = lost.use, score
    draft.doubtful = not explainer.included(old, gained.place.new)
    return draft
