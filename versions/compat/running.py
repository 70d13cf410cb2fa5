"""All compatibility tests of an update: the candidate is called through its real adapter, and the result told."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from controlplane.base.messages import Sentence, cut, message_of
from controlplane.base.secrets import SecretError
from registry import guard
from registry.access import credentials
from registry.canon import Failure
from registry.models import Credential, Release
from registry.protocols.adapter import CompileError
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid
from registry.transports.egress import Egress, EndpointInvalid
from registry.transports.http import Client
from registry.upstreams.binding import Upstream, bind
from registry.upstreams.exchange import probe_request
from versions.compat import golden, speed
from versions.compat.calling import CallBudget, Came, CandidateCaller, CaseOutcome, run_cases, shown
from versions.compat.cases import SMALLEST, CompatCase, cases
from versions.compat.replay import Replayed, ReplayedCall, recent, replayed
from versions.compat.speed import SpeedReading
from versions.models import GoldenAnswer, Update
from versions.update_policy import UpdatePolicy

MOST_SHOWN = 50
Answers = Sequence[GoldenAnswer]


class Untestable(Exception):
    """A release that cannot be called; the message says why."""


@dataclass(frozen=True)
class CompatTrial:
    """What is tested: the candidate's endpoints, those of the release that serves, and the documents of both."""

    new: tuple[Upstream, ...]
    old: tuple[Upstream, ...]
    new_document: Mapping[str, Any]
    old_document: Mapping[str, Any]
    answers: Answers
    kept: Sequence[ReplayedCall]


def run(update: Update, policy: UpdatePolicy) -> dict[str, Any]:
    """Test an update's release against the one that serves. The result as JSON; `green` if nothing failed."""
    begun = time.monotonic()
    budget = CallBudget(policy.test_calls, begun + policy.test_seconds)
    assert update.release is not None
    assert update.base is not None
    try:
        trial = CompatTrial(
            upstreams_of(update.release), _or_none(update.base), update.release.spec, update.base.spec,
            list(update.model.golden_answers.order_by("name")), recent(update.model, policy.replay_calls),
        )  # fmt: skip
    except Untestable as error:
        return result([CaseOutcome("call", SMALLEST, Came.FAILED, message_of(error))], budget, begun)
    tried = asyncio.run(_all(trial, guard.egress(), budget))
    more = {} if tried.speed is None else {"speed": tried.speed.data()}
    more |= {} if tried.replay is None else {"replay": tried.replay.data()}
    return result(tried.outcomes, budget, begun) | more


def golden_answers(release: Release, answers: Answers, budget: CallBudget) -> list[CaseOutcome]:
    """What a release answers to pinned requests. Raises Untestable."""
    first, *_ = upstreams_of(release)
    return asyncio.run(_asked(first, answers, guard.egress(), budget))


async def _asked(upstream: Upstream, answers: Answers, egress: Egress, budget: CallBudget) -> list[CaseOutcome]:
    client = Client(lambda: egress)
    try:
        return await _golden(CandidateCaller(client, upstream, budget), answers)
    finally:
        await client.close()


def upstreams_of(release: Release) -> tuple[Upstream, ...]:
    """The endpoints of a release, ready to be called. Raises Untestable."""
    try:
        spec = spec_file.read(release.spec)
        row = Credential.objects.filter(name=spec.credential).first() if spec.credential else None
        if spec.credential and row is None:
            raise Untestable(Sentence("there is no credential named {name}", name=repr(spec.credential)))
        secret = credentials.reveal(row) if row is not None else None
        found = bind(spec, compile_adapter(spec), secret)
    except (SpecInvalid, CompileError, EndpointInvalid, SecretError, ValueError) as error:
        raise Untestable(cut(message_of(error), 1000)) from error
    if row is not None and any(upstream.target.origin != row.origin for upstream in found):
        raise Untestable(Sentence("the credential {name} is for {origin}", name=repr(row.name), origin=row.origin))
    return found


def _or_none(release: Release) -> tuple[Upstream, ...]:
    try:
        return upstreams_of(release)
    except Untestable:
        return ()


@dataclass
class Tried:
    """What all tests of one candidate came to."""

    outcomes: list[CaseOutcome]
    speed: SpeedReading | None = None
    replay: Replayed | None = None


async def _all(trial: CompatTrial, egress: Egress, budget: CallBudget) -> Tried:
    client = Client(lambda: egress)
    try:
        first, *others = trial.new
        caller = CandidateCaller(client, first, budget)
        found = cases(trial.old_document, first.spec, trial.new_document, first.adapter)
        outcomes = await run_cases(caller, found[:1])
        for other in others:
            outcomes += await _endpoint(CandidateCaller(client, other, budget), found[0])
        if outcomes[0].came is not Came.PASSED:
            why = Sentence("the smallest call was not answered")
            return Tried([*outcomes, *(CaseOutcome(case.kind, case.name, Came.SKIPPED, why) for case in found[1:])])
        tried = Tried(outcomes + await _golden(caller, trial.answers))
        if trial.old:
            tried.speed = await _compared(client, trial, caller)
            tried.outcomes.append(tried.speed.outcome)
        if trial.old and trial.kept:
            tried.replay = await _replayed(client, trial, budget.until)
            tried.outcomes += tried.replay.outcomes
        tried.outcomes += await run_cases(caller, found[1:])
        return tried
    finally:
        await client.close()


async def _endpoint(caller: CandidateCaller, case: CompatCase) -> list[CaseOutcome]:
    (told,) = await run_cases(caller, [case])
    return [CaseOutcome("call", caller.upstream.target.origin, told.came, told.why)]


async def _golden(caller: CandidateCaller, answers: Answers) -> list[CaseOutcome]:
    return list(await asyncio.gather(*(_pinned(caller, row) for row in answers)))


async def _pinned(caller: CandidateCaller, row: GoldenAnswer) -> CaseOutcome:
    """One golden answer. A request that the candidate refuses has failed: it was answered when it was pinned."""
    try:
        request = golden.to_request(caller.upstream.spec, row.request)
    except Failure as failure:
        return CaseOutcome("golden", row.name, Came.FAILED, failure.message)
    plain = structs.replace(request, stream=False)
    told = await caller.call(plain)
    if told is None:
        return CaseOutcome("golden", row.name, Came.SKIPPED, Sentence("the budget of calls or time was used up"))
    if told.reply is None:
        why = told.failure.message if told.failure is not None else ""
        return CaseOutcome("golden", row.name, Came.FAILED, why)
    why = golden.differs(row.expected, plain.task, told.reply)
    return CaseOutcome("golden", row.name, Came.FAILED if why else Came.PASSED, why)


async def _compared(client: Client, trial: CompatTrial, new: CandidateCaller) -> SpeedReading:
    old = CandidateCaller(client, trial.old[0], speed.budget_for_old(new.budget.until))
    requests = [probe_request(caller.upstream.spec, caller.upstream.adapter) for caller in (old, new)]
    return await speed.measured(old, new, *requests)


async def _replayed(client: Client, trial: CompatTrial, until: float) -> Replayed:
    """Kept calls against both releases, each with a budget of its own."""
    most = len(trial.kept)
    sides = [CandidateCaller(client, found[0], CallBudget(most, until)) for found in (trial.old, trial.new)]
    return await replayed(trial.kept, *sides)


def result(outcomes: Iterable[CaseOutcome], budget: CallBudget, begun: float) -> dict[str, Any]:
    """Outcomes as JSON: counts by kind, what failed, and what was not tested and why."""
    outcomes = list(outcomes)
    kinds: dict[str, dict[str, int]] = {}
    for item in outcomes:
        counts = kinds.setdefault(item.kind, {came.value: 0 for came in Came})
        counts[item.came.value] += 1
    failed = [shown(item) for item in outcomes if item.came is Came.FAILED]
    skipped = Counter((item.kind, item.why) for item in outcomes if item.came is Came.SKIPPED)
    passed = any(item.came is Came.PASSED for item in outcomes)
    return {
        "green": passed and not failed,
        "kinds": kinds,
        "failed": failed[:MOST_SHOWN],
        "not_tested": [
            {"kind": kind, "why": why, "count": count} for (kind, why), count in skipped.most_common(MOST_SHOWN)
        ],
        "calls": budget.made,
        "budget": budget.calls,
        "seconds": round(time.monotonic() - begun, 2),
    }
