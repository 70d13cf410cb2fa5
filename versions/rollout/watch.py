"""The watch over rollouts: once a second it reads what gateways counted, steps on, pauses, or goes back.

Any number of processes may watch at once: one of them reads a rollout at a time (a lock in PostgreSQL that ends with
its transaction), and what it decides is a compare-and-swap. So a killed watcher is missed for a second at the most.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models.functions import Now

from controlplane.base import advisory_locks, events
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Refused
from registry.models import ModelState
from routing.models import Colour, Deployment
from versions.models import Rollout, UpdateState
from versions.rollout import goldens, guards, live_counts, verbs
from versions.rollout.guards import GuardEvidence, GuardLimits
from versions.rollout.live_counts import LiveCounts

APART_SECONDS = 0.8
PATIENCE = 3
SILENT_SECONDS = 30.0
MOST_POINTS = 240
LINES = {
    guards.FAILED: Sentence("failed calls"),
    guards.REFUSED: Sentence("refused calls"),
    guards.SLOW: Sentence("p95 to the first byte"),
    guards.LOSSY: Sentence("lost or clamped parameters"),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NextMove:
    """What is to happen to a rollout: nothing, "step", "live", "hold" or "back", and why."""

    what: str = ""
    why: str = ""
    broken: bool = False


def watch() -> int:
    """Look at every rollout once. Returns how many were moved."""
    rows = Rollout.objects.filter(ended_at=None, update__state__in=verbs.ROLLS).values_list("pk", flat=True)
    waiting = list(rows)
    if not waiting:
        return 0
    counts = live_counts.read()
    return sum(_look(number, counts) for number in waiting)


def _look(number: int, counts: LiveCounts) -> int:
    with transaction.atomic():
        if not _alone(number):
            return 0
        rollout = _read(number)
        if rollout is None:
            return 0
        move = _judged(rollout, counts)
    try:
        return _act(rollout, move)
    except Refused as refusal:
        log.info("rollout %s of %s was not moved: %s", number, rollout.update.model.name, refusal)
        return 0


def _act(rollout: Rollout, move: NextMove) -> int:
    """Raises Refused if somebody else moved it meanwhile."""
    update_id = rollout.update_id
    if move.what == "back":
        verbs.go_back(update_id, move.why, broken=move.broken)
    elif move.what == "hold":
        verbs.hold(update_id, move.why)
    elif move.what == "live":
        verbs.go_live(update_id, move.why)
    elif move.what == "step":
        verbs.advance(rollout)
    return 1 if move.what else 0


def _judged(rollout: Rollout, counts: LiveCounts) -> NextMove:
    """Take in the counts, keep them, and decide."""
    update = rollout.update
    if update.model.state == ModelState.DISABLED:
        return NextMove("back", Sentence("the model was disabled during the rollout"))
    if update.model.release_id != update.base_id:
        return NextMove("back", Sentence("a person changed the model during the rollout"))
    green = Deployment.objects.filter(model=update.model_id, colour=Colour.GREEN).first()
    if green is None:
        return NextMove("back", Sentence("the deployments of the rollout are gone"))
    limits = msgspec.convert(rollout.guards, GuardLimits)
    readings = dict(rollout.readings)
    evidence = msgspec.convert(readings.get("evidence", {}), GuardEvidence)
    now: datetime = rollout.now  # type: ignore[attr-defined]
    broken: tuple[str, ...] = ()
    found = counts.splits.get(green.pk)
    if found is not None:
        broken = guards.read(evidence, found, sticky=rollout.sticky, limits=limits)
        _keep(rollout, readings, evidence, limits, now)
    if broken:
        words = Sentence("guard line broken: {lines}", lines=_in_words(evidence, broken, limits))
        return NextMove("back", words, broken=True)
    if update.state != UpdateState.ROLLING:
        return NextMove()
    return _next(rollout, evidence, green.pk in counts.fresh, (now - rollout.step_at).total_seconds())


def _next(rollout: Rollout, evidence: GuardEvidence, told: bool, lasted: float) -> NextMove:
    """What follows once the bake time is over."""
    bake, limits = rollout.bake_seconds[rollout.position], msgspec.convert(rollout.guards, GuardLimits)
    pinned = not limits.golden or goldens.settled(rollout)
    if lasted < bake:
        return NextMove()
    late = lasted > PATIENCE * bake + SILENT_SECONDS
    if not pinned:
        words = Sentence("inconclusive: the golden answers were not given; a person must look")
        return NextMove("hold", words) if late else NextMove()
    if not told:
        words = Sentence("no gateway has told for {seconds} s what becomes of its calls", seconds=round(SILENT_SECONDS))
        return NextMove("hold", words) if late else NextMove()
    doubts = guards.doubtful(evidence, limits)
    if doubts:
        words = Sentence("inconclusive: {lines}; a person must look", lines=[LINES[name] for name in doubts])
        return NextMove("hold", words) if late else NextMove()
    begun = rollout.readings.get("step_calls", [0, 0])
    blue, green = evidence.seen.blue.calls - begun[0], evidence.seen.green.calls - begun[1]
    if blue + green and green < limits.least_calls and not late:
        return NextMove()
    return NextMove("step" if rollout.position + 1 < len(rollout.steps) else "live")


def _keep(
    rollout: Rollout, readings: dict[str, Any], evidence: GuardEvidence, limits: GuardLimits, now: datetime
) -> None:
    """Write down what was read, and tell open pages. An idle model's readings are left as they are."""
    seen = evidence.seen
    calls = [seen.blue.calls, seen.green.calls]
    if readings.get("position") != rollout.position:
        readings["position"], readings["step_calls"] = rollout.position, calls
    elif readings.get("calls") == calls and not any(seen.green.waiting):
        return
    lines = {name: guards.told(name, evidence, limits) for name in guards.LINES}
    point = [
        round(now.timestamp(), 1),
        rollout.steps[rollout.position],
        *(lines[name][colour] for name in (guards.FAILED, guards.SLOW) for colour in ("blue", "green")),
    ]
    series = [*readings.get("series", []), point]
    if len(series) > MOST_POINTS:
        series = series[::2]
    readings |= {"evidence": msgspec.to_builtins(evidence), "calls": calls, "lines": lines, "series": series}
    readings |= {"saved": seen.green.saved, "at": now.timestamp()}
    rollout.readings = readings
    Rollout.objects.filter(pk=rollout.pk).update(readings=readings)
    events.publish("updates", {"id": str(rollout.update_id), "model": rollout.update.model.name, "readings": True})


def _in_words(evidence: GuardEvidence, broken: tuple[str, ...], limits: GuardLimits) -> list[Sentence]:
    """Each broken line with both colours' figures."""
    told = {name: guards.told(name, evidence, limits) for name in broken}
    figures = {
        name: {
            key: f"{line[key] or 0:.4g} {'ms' if name == guards.SLOW else '%'}" for key in ("blue", "green", "limit")
        }
        for name, line in told.items()
    }
    return [
        Sentence("{line} {green} (old {blue}, limit {limit})", line=LINES[name], **shown)
        for name, shown in figures.items()
    ]


def _alone(number: int) -> bool:
    """Whether no other process looks at this rollout in this moment."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s, %s)", [advisory_locks.ROLLOUT, number % 2**31])
        return bool(cursor.fetchone()[0])


def _read(number: int) -> Rollout | None:
    """The rollout, unless it ended, or another process looked at it just now."""
    rows = Rollout.objects.select_related("update__model", "update__base", "update__release").annotate(now=Now())
    rollout = rows.filter(pk=number, ended_at=None, update__state__in=verbs.ROLLS).first()
    # A reading that lies ahead was written before the clock was set back: it holds nothing up.
    recent = rollout is not None and 0 <= rollout.now.timestamp() - rollout.readings.get("at", 0.0) < APART_SECONDS
    return None if recent else rollout
