"""A rollout as pages, programs and gates read it: shares, figures beside their limits, and what happens next."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import QuerySet

from controlplane.base import access
from routing.models import Deployment
from versions.models import Rollout, Update, UpdateState
from versions.rollout import guards, verbs
from versions.rollout.guards import GuardLimits


@dataclass(frozen=True)
class RolloutStep:
    """One step: green's share in per cent and how long it lasts at least. `state` is past, running or ahead."""

    number: int
    share: int
    seconds: int
    state: str


@dataclass(frozen=True)
class RolloutState:
    """A rollout now. `shares` is empty once it is over; `next_at` while a person or nothing is waited for.

    `lines` are the guard lines as versions.rollout.guards tells them, by name, empty until gateways told.
    """

    update: Update
    rollout: Rollout
    shares: Mapping[str, int]
    steps: Sequence[RolloutStep]
    lines: Mapping[str, Mapping[str, Any]]
    limits: GuardLimits
    calls: Sequence[int]
    saved: int
    next_at: datetime | None

    @property
    def running(self) -> bool:
        """Whether it is not over: it goes on or waits for a person."""
        return self.update.state in verbs.ROLLS

    @property
    def last(self) -> bool:
        """Whether it is at its last step."""
        return self.rollout.position + 1 == len(self.rollout.steps)

    @property
    def healthy(self) -> bool:
        """Whether no guard line is broken or in doubt."""
        return all(line["state"] == "kept" for line in self.lines.values())


def state(actor: Any, update_id: uuid.UUID) -> RolloutState:
    """The rollout of an update. Raises Forbidden, Missing."""
    access.require(actor, "update.read")
    return state_of(verbs.found(update_id))


def state_of(rollout: Rollout) -> RolloutState:
    """What is to be told of a rollout."""
    update = rollout.update
    running = update.state in verbs.ROLLS
    shares = Deployment.objects.filter(model=update.model_id).values_list("colour", "weight") if running else ()
    ends = rollout.step_at + timedelta(seconds=rollout.bake_seconds[rollout.position])
    return RolloutState(
        update=update,
        rollout=rollout,
        shares=dict(shares),
        steps=_steps(rollout, over=update.state == UpdateState.LIVE),
        lines={name: rollout.readings["lines"][name] for name in guards.LINES if "lines" in rollout.readings},
        limits=msgspec.convert(rollout.guards, GuardLimits),
        calls=rollout.readings.get("calls", (0, 0)),
        saved=rollout.readings.get("saved", 0),
        next_at=ends if update.state == UpdateState.ROLLING else None,
    )


def rollouts(actor: Any) -> QuerySet[Rollout]:
    """All rollouts, the newest first. Raises Forbidden."""
    access.require(actor, "update.read")
    rows = Rollout.objects.select_related("update__model", "update__base", "update__release")
    return rows.order_by("-started_at")


def paused(actor: Any) -> QuerySet[Rollout]:
    """Those that wait for a person. Raises Forbidden."""
    return rollouts(actor).filter(update__state=UpdateState.PAUSED)


def newest(actor: Any, model: str) -> Update | None:
    """The update of a model that gates ask about: the one that rolls, else the newest that is not superseded.

    Raises Forbidden.
    """
    access.require(actor, "update.read")
    rows = Update.objects.filter(model__name=model).exclude(state=UpdateState.SUPERSEDED)
    rows = rows.select_related("model", "base", "release")
    return rows.filter(state__in=verbs.ROLLS).first() or rows.order_by("-created_at").first()


def _steps(rollout: Rollout, *, over: bool) -> list[RolloutStep]:
    return [
        RolloutStep(
            number + 1,
            share,
            seconds,
            "past" if over or number < rollout.position else "running" if number == rollout.position else "ahead",
        )
        for number, (share, seconds) in enumerate(zip(rollout.steps, rollout.bake_seconds, strict=True))
    ]
