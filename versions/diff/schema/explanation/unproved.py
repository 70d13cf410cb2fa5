"""The last gate: whatever is about to be called compatible must be proved as a whole, or a person looks at it.

The comparison of two nodes says what moved, keyword by keyword; this asks whether the whole moved the harmless way.
"""

from collections.abc import Iterator

from versions.diff.findings import Direction, Effect
from versions.diff.rules import table
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace

BOUNDS = (31, 33, 34, 37, 40)
"""Rules about the limits of what readers get, which the policy may forgive."""


def unproved(explainer: Explainer, waiting: set[int]) -> Iterator[DraftFinding]:
    """One draft for each root of which nothing waits for a person (`waiting`: ids of drafts) and nothing is proved."""
    for place, use in list(explainer.roots.values()):
        said = explainer.said_of(place)
        if any(id(draft) in waiting for draft in said) or _forgiven(explainer, said):
            continue
        if not explainer.included(*explainer.source(place)):
            yield _draft(place, use)


def _draft(place: SchemaPlace, use: str) -> DraftFinding:
    draft = DraftFinding("unproved", Effect.UNKNOWN, place, place.name)
    draft.use = use
    return draft


def _forgiven(explainer: Explainer, said: list[DraftFinding]) -> bool:
    """Whether the policy says that readers live with a wider limit, which no proof could show."""
    if explainer.policy.readers_depend_on_bounds or explainer.direction is Direction.REQUEST:
        return False
    return any(table()[draft.key].number in BOUNDS for draft in said)
