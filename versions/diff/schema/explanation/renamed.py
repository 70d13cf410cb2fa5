"""Removed and added fields of one object that are probably one field with a new name."""

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
    gone: set[int] = set()
    for lost, gained in holders.values():
        first = [_named(explainer, draft, "old") for draft in lost]
        second = [_named(explainer, draft, "new") for draft in gained]
        for i, j, score in pairs(first, second):
            _rename(explainer, lost[i], gained[j], score)
            gone |= {id(d) for d in gained if d.place.key == gained[j].place.key}
            gone |= {id(d) for d in lost if d.place.key == lost[i].place.key and d is not lost[i]}
    return [draft for draft in drafts if id(draft) not in gone]


def _named(explainer: Explainer, draft: DraftFinding, side: str) -> NamedField:
    holder = explainer.normal.form(getattr(draft.place.up, side))
    names = list(holder.get("properties", {}))
    name = draft.place.key
    index = names.index(name) / max(len(names) - 1, 1) if name in names else 0.5
    return NamedField(name, explainer.normal.form(getattr(draft.place, side)), index)


def _rename(explainer: Explainer, lost: DraftFinding, gained: DraftFinding, score: float) -> None:
    """Let the first draft speak for both; a field whose schema changed too keeps no step: its value may not fit."""
    lost.key, lost.effect, lost.keyword, lost.score = "renamed", Effect.FACT, "removed", score
    lost.old, lost.new = lost.place.key, gained.place.key
    lost.severity, lost.proved_harmless = None, False
    lost.doubtful = not explainer.included(lost.place.old, gained.place.new)
