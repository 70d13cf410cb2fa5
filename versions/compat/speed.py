"""Latency and throughput of a candidate against the running release, on the same calls in turn."""

import asyncio
import statistics
import time
from dataclasses import dataclass
from typing import Any

from controlplane.base.messages import Sentence
from registry.canon import Request
from versions.compat.calling import CallBudget, Came, CandidateCaller, CaseOutcome, milliseconds

ROUNDS = 5
TOGETHER = 4
SLOWER = 2.0
MARGIN_MS = 50.0
"""A candidate is too slow if its median is twice the old one's and this much more."""
KIND = "speed"


@dataclass(frozen=True)
class SpeedReading:
    """Medians in milliseconds, answers a second, and what that comes to. None where nothing was measured."""

    outcome: CaseOutcome
    old_ms: float | None = None
    new_ms: float | None = None
    old_per_s: float | None = None
    new_per_s: float | None = None

    def data(self) -> dict[str, Any]:
        """The figures as JSON."""
        return {
            "old_ms": self.old_ms, "new_ms": self.new_ms, "old_per_s": self.old_per_s, "new_per_s": self.new_per_s,
            "calls": ROUNDS + TOGETHER,
        }  # fmt: skip


async def measured(
    old: CandidateCaller, new: CandidateCaller, old_request: Request, new_request: Request
) -> SpeedReading:
    """Call both in turn, then a few at once. The running release has a budget of its own."""
    before, after = [], []
    for _ in range(ROUNDS):
        before.append(await old.call(old_request))
        after.append(await new.call(new_request))
    old_ms, new_ms = milliseconds(before), milliseconds(after)
    if len(old_ms) < ROUNDS // 2 or len(new_ms) < ROUNDS // 2:
        why = Sentence("too few calls were answered to compare the time that they take")
        return SpeedReading(CaseOutcome(KIND, "latency", Came.SKIPPED, why))
    old_median, new_median = statistics.median(old_ms), statistics.median(new_ms)
    slow = new_median > SLOWER * old_median and new_median - old_median > MARGIN_MS
    why = Sentence("a call takes {new} ms instead of {old} ms", new=round(new_median), old=round(old_median))
    outcome = CaseOutcome(KIND, "latency", Came.FAILED if slow else Came.PASSED, why if slow else "")
    return SpeedReading(
        outcome, round(old_median, 1), round(new_median, 1), await _per_second(old, old_request),
        await _per_second(new, new_request),
    )  # fmt: skip


async def _per_second(caller: CandidateCaller, request: Request) -> float | None:
    begun = time.perf_counter()
    answered = milliseconds(await asyncio.gather(*(caller.call(request) for _ in range(TOGETHER))))
    seconds = time.perf_counter() - begun
    return round(len(answered) / seconds, 1) if answered else None


def budget_for_old(until: float) -> CallBudget:
    """What the running release may be asked for the comparison."""
    return CallBudget(ROUNDS + TOGETHER, until)
