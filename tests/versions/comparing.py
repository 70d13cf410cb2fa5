"""One comparison of two bare schemas, for tests of facets and of explanations."""

from collections.abc import Callable
from typing import Any

from tests.versions.nodes import read
from versions.diff.findings import Direction, Effect
from versions.diff.policy import DiffPolicy
from versions.diff.schema.explanation.explain import Explainer
from versions.diff.schema.facets.place import DraftFinding, SchemaPlace
from versions.diff.schema.reading.node import Node

SENT, READ = Direction.REQUEST, Direction.RESPONSE
Facet = Callable[[Explainer, SchemaPlace, Node, Node], object]


def explainer(direction: Direction = SENT, policy: DiffPolicy | None = None) -> Explainer:
    """Somebody who runs a comparison."""
    return Explainer(direction, policy or DiffPolicy())


def drafts(
    facet: Facet, old: Any, new: Any, direction: Direction = SENT, policy: DiffPolicy | None = None
) -> list[DraftFinding]:
    """What one facet says of two bare schemas, before anything is weighed."""
    visitor = explainer(direction, policy)
    before, after = (visitor.normal.form(read(side, direction)) for side in (old, new))
    facet(visitor, SchemaPlace(before, after, ""), before, after)
    return visitor.drafts


def said(facet: Facet, old: Any, new: Any, direction: Direction = SENT) -> list[tuple[str, str, str]]:
    """Key, place and effect of what one facet says."""
    return [(draft.key, draft.name, draft.effect.value) for draft in drafts(facet, old, new, direction)]


def keys(facet: Facet, old: Any, new: Any, direction: Direction = SENT) -> list[str]:
    """The keys of what one facet says."""
    return [draft.key for draft in drafts(facet, old, new, direction)]


def compared(old: Any, new: Any, direction: Direction = SENT, policy: DiffPolicy | None = None) -> list[DraftFinding]:
    """All that the walk over two bare schemas says, before anything is weighed."""
    visitor = explainer(direction, policy)
    visitor.compare(SchemaPlace(read(old, direction), read(new, direction), ""))
    return visitor.drafts


def explained(old: Any, new: Any, direction: Direction = SENT) -> list[tuple[str, str]]:
    """Key and place of all that the walk says."""
    return [(draft.key, draft.name) for draft in compared(old, new, direction)]


OPPOSITE = {Effect.NARROWER: Effect.WIDER, Effect.WIDER: Effect.NARROWER}
"""What an effect is if old and new change places; other effects stay."""
