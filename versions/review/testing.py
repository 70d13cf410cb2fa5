"""What was tested of an update, and how it would go live, as the review page shows them."""

from dataclasses import dataclass
from typing import Any

from registry.models import Model
from versions.models import Update
from versions.rollout import plans
from versions.rollout.in_words import rules


@dataclass(frozen=True)
class TestedKind:
    """How the cases of one kind came out."""

    kind: str
    passed: int
    failed: int
    skipped: int


@dataclass(frozen=True)
class RolloutAhead:
    """Steps as (share in per cent, seconds at least), what ends the rollout, and how it begins."""

    steps: tuple[tuple[int, int], ...]
    rules: tuple[str, ...]
    automatic: bool
    sticky: bool


def tested(update: Update) -> list[TestedKind]:
    """The kinds of cases, in the order of testing."""
    kinds: dict[str, Any] = update.tests.get("kinds", {})
    return [TestedKind(kind, *(counts.get(name, 0) for name in ("passed", "failed", "skipped")))
            for kind, counts in kinds.items()]  # fmt: skip


def rollout_ahead(model: Model) -> RolloutAhead:
    """How an approved update of this model would go live."""
    plan = plans.of(model)
    steps = tuple(zip(plan.steps, plan.bake_seconds, strict=True))
    return RolloutAhead(steps, tuple(rules(plan.guards)), plan.automatic, plan.sticky)
