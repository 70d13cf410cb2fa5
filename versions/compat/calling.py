"""Calls to a candidate: few at once, within a budget of calls and seconds, each with what came of it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from controlplane.base.messages import Sentence, cut
from registry.canon import FailureKind, Reply, Request, context_of
from registry.transports.http import Client
from registry.upstreams.binding import Upstream
from registry.upstreams.exchange import Exchange, client_timeouts, exchange
from versions.compat.cases import CompatCase, Expected

AT_ONCE = 4
LONGEST_SECONDS = 20.0
LONGEST_WORDS = 300
PASSING = frozenset({FailureKind.UPSTREAM_RATE_LIMITED, FailureKind.RATE_LIMITED})
"""Failures that say nothing of a candidate."""
OURS = frozenset({FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED, FailureKind.TOO_LARGE})
REFUSED = OURS | {FailureKind.UPSTREAM_REFUSED, FailureKind.UNREADABLE}


class Came(StrEnum):
    """What a case came to."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CaseOutcome:
    """One case, what it came to, and why if it did not pass."""

    kind: str
    name: str
    came: Came
    why: str = ""


@dataclass
class CallBudget:
    """How many calls may still be made, and until when (on the monotonic clock)."""

    calls: int
    until: float
    made: int = 0

    def take(self) -> bool:
        """Take one call; False if there is none left."""
        if self.made >= self.calls or time.monotonic() >= self.until:
            return False
        self.made += 1
        return True

    def give_back(self) -> None:
        """A call that was refused here never reached an upstream."""
        self.made -= 1


@dataclass
class CandidateCaller:
    """An upstream that is called within a budget."""

    client: Client
    upstream: Upstream
    budget: CallBudget
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def call(self, request: Request) -> Exchange | None:
        """Make one call; None if the budget is used up."""
        async with self.gate:
            if not self.budget.take():
                return None
            spec = self.upstream.spec
            context = context_of(request, spec.name, "compatibility-test", int(time.time()))
            timeouts = client_timeouts(spec.timeouts, LONGEST_SECONDS)
            told = await exchange(self.client, self.upstream, request, context, timeouts)
            if not told.request_line:
                self.budget.give_back()
            return told


async def run_cases(caller: CandidateCaller, found: Sequence[CompatCase]) -> list[CaseOutcome]:
    """Try every case, or as many as the budget allows; the others are skipped and say so."""
    return list(await asyncio.gather(*(_tried(caller, case) for case in found)))


async def _tried(caller: CandidateCaller, case: CompatCase) -> CaseOutcome:
    told = await caller.call(case.request)
    if told is None:
        return CaseOutcome(case.kind, case.name, Came.SKIPPED, Sentence("the budget of calls or time was used up"))
    came, why = _judged(case, told)
    return CaseOutcome(case.kind, case.name, came, cut(why, LONGEST_WORDS))


def _judged(case: CompatCase, told: Exchange) -> tuple[Came, str]:
    failure = told.failure
    if failure is not None and failure.kind in PASSING:
        return Came.SKIPPED, failure.message
    if case.expected is Expected.ANSWER:
        if failure is not None:
            return Came.FAILED, failure.message
        silent = case.request.stream and not _events(told.reply)
        return (Came.FAILED, Sentence("the stream had no event")) if silent else (Came.PASSED, "")
    if failure is None:
        return Came.SKIPPED, Sentence("the upstream takes it, so that no refusal was seen")
    if failure.kind in REFUSED:
        return Came.PASSED, ""
    return Came.FAILED, failure.message


def _events(reply: Reply | None) -> bool:
    return reply is not None and b"data: {" in reply.body


def milliseconds(exchanges: Sequence[Exchange | None]) -> list[float]:
    """How long the answered ones took."""
    return [item.duration_ms for item in exchanges if item is not None and item.failure is None]


def shown(outcome: CaseOutcome) -> dict[str, Any]:
    """An outcome as JSON."""
    return {"kind": outcome.kind, "name": outcome.name, "why": outcome.why}
