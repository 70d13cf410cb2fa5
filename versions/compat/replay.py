"""Replay: recent calls whose owners agreed, made again against the old release and the new one, differences counted."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from msgspec import Raw

from controlplane.base.messages import Sentence, cut
from controlplane.base.secrets import SecretError, unseal
from registry.canon import Reply, Request, Task
from registry.models import Model
from registry.upstreams.exchange import Exchange
from routing.calls import kept
from routing.dataplane.keeping import bound_to
from routing.models import KeptCall
from versions.compat.calling import LONGEST_WORDS, PASSING, Came, CandidateCaller, CaseOutcome

KIND = "replay"
MOST_EXAMPLES = 10


class _Sealed(msgspec.Struct):
    stream: bool
    strict: bool
    fields: dict[str, Raw]


@dataclass(frozen=True)
class ReplayedCall:
    """One kept call, opened. `key` is its API key's name."""

    key: str
    request: Request


@dataclass(frozen=True)
class Replayed:
    """Kept calls against both releases. `same` and `differ` are of those that both answered."""

    counts: Mapping[str, int]
    examples: Sequence[Mapping[str, Any]]
    outcomes: Sequence[CaseOutcome]

    def data(self) -> dict[str, Any]:
        """The counts and masked examples as JSON."""
        return {**self.counts, "examples": list(self.examples)}


def recent(model: Model, most: int) -> list[ReplayedCall]:
    """The newest kept calls of a model whose owners still agree. What does not open any more is left out."""
    keys = dict(kept.agreeing().values_list("pk", "name"))
    rows = KeptCall.objects.filter(model=model.name, api_key_id__in=list(keys)).order_by("-at")[:most]
    return [ReplayedCall(keys[row.api_key_id], found) for row in rows if (found := opened(row)) is not None]


def opened(row: KeptCall) -> Request | None:
    """The call inside a row; None if it does not open with this installation's key."""
    try:
        text = unseal(bytes(row.body), settings.MASTER_KEY, bound_to(row.id.hex))
        found = msgspec.json.decode(text, type=_Sealed)
        return Request(Task(row.path), found.fields, found.stream, found.strict)
    except (SecretError, msgspec.MsgspecError, ValueError):
        return None


async def replayed(calls: Sequence[ReplayedCall], old: CandidateCaller, new: CandidateCaller) -> Replayed:
    """Make every call twice, as far as both budgets reach. Only what the old release answers and the new one does not
    counts as failed."""
    pairs = await asyncio.gather(*(_pair(call, old, new) for call in calls))
    counts: Counter[str] = Counter()
    examples: list[dict[str, Any]] = []
    outcomes: list[CaseOutcome] = []
    for call, (before, after) in zip(calls, pairs, strict=True):
        came, why = _compared(call, before, after)
        counts[came] += 1
        if came == "would_fail":
            outcomes.append(CaseOutcome(KIND, call.key, Came.FAILED, why))
        elif came in ("same", "differ", "would_be_answered"):
            outcomes.append(CaseOutcome(KIND, call.key, Came.PASSED))
        if came in ("would_fail", "differ") and len(examples) < MOST_EXAMPLES:
            examples.append({"key": call.key, "came": came, "why": why, "call": masked(call.request)})
    names = ("would_fail", "would_be_answered", "same", "differ", "neither", "not_tried")
    shown = {"sampled": len(calls) - counts["not_tried"], **{name: counts[name] for name in names}}
    return Replayed(shown, examples, outcomes)


async def _pair(
    call: ReplayedCall, old: CandidateCaller, new: CandidateCaller
) -> tuple[Exchange | None, Exchange | None]:
    before, after = await asyncio.gather(old.call(call.request), new.call(call.request))
    return before, after


def _compared(call: ReplayedCall, before: Exchange | None, after: Exchange | None) -> tuple[str, str]:
    if before is None or after is None or _passing(before) or _passing(after):
        return "not_tried", ""
    if before.failure is not None:
        return ("neither", "") if after.failure is not None else ("would_be_answered", "")
    if after.failure is not None:
        return "would_fail", cut(after.failure.message, LONGEST_WORDS)
    if _text(before.reply, call.request) == _text(after.reply, call.request):
        return "same", ""
    return "differ", Sentence("the answers differ")


def _passing(told: Exchange) -> bool:
    return told.failure is not None and told.failure.kind in PASSING


def _text(reply: Reply | None, request: Request) -> Any:
    """What a caller reads of an answer; of a stream only that there is one."""
    if reply is None or request.stream:
        return None
    try:
        answer = msgspec.json.decode(reply.body)
    except msgspec.MsgspecError:
        return None
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if isinstance(choices, list):
        return [item.get("message", item.get("text")) for item in choices if isinstance(item, dict)]
    return {name: value for name, value in answer.items() if name in ("data", "results", "outputs")}


def masked(request: Request) -> dict[str, Any]:
    """A call for a screen: its names and numbers, every text by its length only."""
    fields = {name: _masked(msgspec.json.decode(raw)) for name, raw in request.fields.items()}
    return {"task": request.task.value, "stream": request.stream, "fields": fields}


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return Sentence("({count} characters)", count=len(value))
    if isinstance(value, list):
        return [_masked(item) for item in value[:20]]
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in list(value.items())[:50]}
    return value
