"""Proving models: one real predict call each, many at once. A failing upstream's own words are kept."""

import asyncio
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Case, F, FloatField, JSONField, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.base import events, revision
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import Lease
from controlplane.base.message_fields import SentenceTextField
from controlplane.base.messages import Sentence, cut, joined, mapped, message_of
from controlplane.base.models import Job, JobState
from controlplane.base.redaction import redact
from controlplane.base.secrets import SecretError
from registry import guard, reasons
from registry.access import credentials
from registry.canon import Failure, FailureKind
from registry.catalog import releases
from registry.lifecycle import Lifecycle, stated
from registry.lifecycle import read as read_lifecycle
from registry.models import Model, ModelState
from registry.protocols.adapter import CompileError
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile.errors import SpecInvalid
from registry.transports.egress import Egress, EndpointInvalid
from registry.transports.http import Client
from registry.upstreams import exchange as upstream
from registry.upstreams.binding import Upstream, bind

CONCURRENCY = 64
BATCH_SECONDS = 0.25
MAX_WORDS = 2000
MAX_KEPT_WORDS = 500
"""Of a reason, in the result of a job of thousands of models."""
RECOVERY = Sentence("Probe what was unreachable")
_LOAD = 500
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)
_WAITS = (*(_FIRST_WAIT * 2**step for step in range(5)), _LONGEST_WAIT)
"""How long a model rests before an automatic probe, by its failed probes in a row: 30 s, doubled to 15 minutes."""
_FAILURES_KEPT = timedelta(days=1)

Report = Callable[[int, int], None]
"""Hears how many models are ready and how many failed so far."""


@dataclass(frozen=True)
class ProbeOutcome:
    """What one probe found. `words` is empty if the model is ready. `release_id` is the release that was probed.

    `example` are the inputs that worked, as JSON, if they were made to fit the upstream's description.
    """

    model_id: int
    release_id: int
    ready: bool
    words: str
    ms: float | None
    example: bytes | None = None
    ends: Lifecycle | None = None


@dataclass(frozen=True)
class Subject:
    """A model to probe: its endpoints ready to be called, or the words that say why it cannot be."""

    model_id: int
    release_id: int
    endpoints: tuple[Upstream, ...]
    words: str = ""


def run(lease: Lease) -> dict[str, Any]:
    """The handler of "probe" jobs."""
    ids = lease.job.input["models"]

    def report(ready: int, failed: int) -> None:
        lease.progress(phase="probe", done=ready, failed=failed, left=len(ids) - ready - failed, total=len(ids))

    ready, failed = probe_models(ids, report, lease.cancelled)
    away = Model.objects.filter(pk__in=ids, state=ModelState.UNREACHABLE, probed_at__gte=lease.job.started_at)
    return {
        "counts": {"ready": ready, "unreachable": failed, "total": len(ids)},
        "failed": [
            {"name": name, "reason": cut(reason, MAX_KEPT_WORDS)}
            for name, reason in away.order_by("name").values_list("name", "state_reason")
        ],
    }


def probe_models(ids: Sequence[int], report: Report, cancelled: Callable[[], bool]) -> tuple[int, int]:
    """Probe these models and store each outcome. Returns how many are ready and how many are not.

    The calls run in an event loop of their own; this thread writes what they found in batches of a quarter second.
    """
    outcomes: queue.SimpleQueue[ProbeOutcome | None] = queue.SimpleQueue()
    subjects = _subjects(ids)
    counts = [0, 0]
    report(0, 0)
    with ThreadPoolExecutor(1, thread_name_prefix="probe") as pool:
        prober = _Prober(guard.egress(), outcomes)
        future = pool.submit(asyncio.run, prober.probe(subjects))
        finished = not subjects
        moved = False
        while not finished:
            batch, finished = _gather(outcomes)
            moved |= store(batch)
            ready = sum(outcome.ready for outcome in batch)
            counts = [counts[0] + ready, counts[1] + len(batch) - ready]
            report(*counts)
            if cancelled():
                prober.stopped = True
        future.result()
    if moved:
        revision.bump()
    return counts[0], counts[1]


def store(batch: Sequence[ProbeOutcome]) -> bool:
    """Write outcomes if the probed release is still the current one and nobody disabled the model meanwhile.

    Returns whether a model's state or the reason for it is another one now.
    """
    if not batch:
        return False
    found = {item.model_id: (ModelState.READY if item.ready else ModelState.UNREACHABLE, item.words) for item in batch}
    before = Model.objects.filter(pk__in=found).values_list("pk", "state", "state_reason")
    moved = any((state, reason) != found[pk] for pk, state, reason in before)
    unchanged = Q(*(Q(pk=item.model_id, release=item.release_id) for item in batch), _connector=Q.OR)
    times = [When(pk=item.model_id, then=Value(item.ms, FloatField())) for item in batch]
    words = [When(pk=item.model_id, then=Value(item.words, SentenceTextField())) for item in batch]
    ready = [item.model_id for item in batch if item.ready]
    examples = [When(pk=item.model_id, then=_json(item.example)) for item in batch if item.ready]
    Model.objects.filter(unchanged).exclude(state=ModelState.DISABLED).update(
        state=Case(When(pk__in=ready, then=Value(ModelState.READY)), default=Value(ModelState.UNREACHABLE)),
        state_reason=Case(*words, default=F("state_reason")),
        probe_ms=Case(*times, default=F("probe_ms")),
        probed_at=Now(),
        example=Case(*examples, default=F("example")),
        failed_probes=Case(
            When(pk__in=ready, then=Value(0)),
            When(state=ModelState.UNREACHABLE, then=F("failed_probes") + 1),
            default=Value(1),
        ),
    )
    events.publish("models", {"count": len(batch), "names": []})
    told = [note_ends(item.model_id, item.ends) for item in batch if item.ends is not None]
    return moved or any(told)


@transaction.atomic
def note_ends(model_id: int, ends: Lifecycle) -> bool:
    """Keep the dates of a model's end that its upstream told; those of its spec stay before them.

    Returns whether a date moved that callers are told; bumps nothing.
    """
    if ends == Lifecycle():
        return False
    row = Model.objects.select_for_update(of=("self",)).select_related("release").filter(pk=model_id).first()
    if row is None:
        return False
    heard = row.upstream_ends
    told = Lifecycle(heard.deprecated_at or ends.deprecated_at, ends.sunset_at or heard.sunset_at)
    if told == heard:
        return False
    found = stated(row.release.spec if row.release else {}).over(told)
    Model.objects.filter(pk=model_id).update(
        upstream_deprecated_at=told.deprecated_at,
        upstream_sunset_at=told.sunset_at,
        deprecated_at=found.deprecated_at,
        sunset_at=found.sunset_at,
    )
    return found != Lifecycle(row.deprecated_at, row.sunset_at)


def _json(text: bytes | None) -> Value:
    return Value(msgspec.json.decode(text or b"null"), JSONField())


def recover() -> int:
    """Probe again what failed and has rested, the longer the more probes in a row failed, and what no job is probing.

    Run by beat; does nothing while an earlier round is not over. Returns how many models the new job has.
    """
    _forget_fruitless_rounds()
    open_jobs = Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING])
    if open_jobs.filter(kind="probe", title=RECOVERY).exists():
        return 0
    due = Q(state=ModelState.UNREACHABLE) & rested()
    if not open_jobs.filter(kind__in=["probe", "import"]).exists():
        due |= Q(state=ModelState.PROBING, updated_at__lt=Now() - timedelta(minutes=1))
    ids = list(Model.objects.filter(due).order_by("pk").values_list("pk", flat=True)[:5000])
    if ids:
        jobs.enqueue("probe", {"models": ids}, title=RECOVERY, max_attempts=1)
    return len(ids)


def rested() -> Q:
    """Models whose last probe is as long ago as their failed probes in a row ask for."""
    last = len(_WAITS)
    known = Q(failed_probes__gte=last, probed_at__lt=Now() - _WAITS[-1]) | Q(probed_at=None)
    for failures, wait in enumerate(_WAITS[:-1], 1):
        count = Q(failed_probes__lte=1) if failures == 1 else Q(failed_probes=failures)
        known |= count & Q(probed_at__lt=Now() - wait)
    return known


def _forget_fruitless_rounds() -> None:
    """Delete automatic rounds that found nothing new, so that the list of jobs stays people's; failed ones a day on."""
    over = Job.objects.filter(kind="probe", title=RECOVERY, state__in=jobs.FINAL)
    nothing_new = Q(state=JobState.SUCCEEDED, result__counts__ready=0)
    over.filter(nothing_new | Q(result=None, finished_at__lt=Now() - _FAILURES_KEPT)).delete()


class _Prober:
    """Calls every subject, at most CONCURRENCY at once, and puts each outcome into the queue; None at the end."""

    def __init__(self, egress: Egress, outcomes: "queue.SimpleQueue[ProbeOutcome | None]") -> None:
        self.outcomes, self.stopped = outcomes, False
        self.egress = egress

    async def probe(self, subjects: Sequence[Subject]) -> None:
        """Probe all, or as many as were begun before `stopped` was set."""
        client = Client(lambda: self.egress)
        waiting = iter(subjects)
        try:
            await asyncio.gather(*(self._drain(client, waiting) for _ in range(min(CONCURRENCY, len(subjects)))))
        finally:
            self.outcomes.put(None)
            await client.close()

    async def _drain(self, client: Client, waiting: Iterator[Subject]) -> None:
        for subject in waiting:
            if self.stopped:
                return
            self.outcomes.put(await _attempt(client, subject))


async def _attempt(client: Client, subject: Subject) -> ProbeOutcome:
    if not subject.endpoints:
        return ProbeOutcome(subject.model_id, subject.release_id, False, subject.words, None)
    exchanges = await asyncio.gather(*(upstream.probe(client, endpoint) for endpoint in subject.endpoints))
    failed = [
        joined([*([endpoint.target.origin] if len(exchanges) > 1 else []), _words(exchange.failure)], ": ")
        for endpoint, exchange in zip(subject.endpoints, exchanges, strict=True)
        if exchange.failure is not None
    ]
    ready = len(failed) < len(exchanges)
    fastest = min((item for item in exchanges if item.failure is None), key=lambda item: item.duration_ms, default=None)
    words = cut(joined(failed, " | "), MAX_WORDS)
    if fastest is None:
        return ProbeOutcome(subject.model_id, subject.release_id, ready, words, None)
    ends = read_lifecycle(dict(fastest.response_headers), timezone.now())
    return ProbeOutcome(subject.model_id, subject.release_id, ready, words, fastest.duration_ms, fastest.example, ends)


def _words(failure: Failure) -> str:
    """What happened, and what the upstream itself said where that is not in the message yet."""
    told = failure.message.removesuffix(failure.detail.get("offer", "")).partition(": ")[2].partition(": ")[2]
    said = failure.upstream_words.strip()
    known = not said or said in failure.message or (told and told in said)
    text = failure.message if known else joined([failure.message, said], ": ")
    if failure.kind is FailureKind.UPSTREAM_AUTHENTICATION and failure.upstream_status is not None:
        text = reasons.asking_for_key(text, failure.upstream_status)
    return cut(mapped(text, _presentable), MAX_WORDS)


def _presentable(text: str) -> str:
    return redact(text).replace("\x00", "\ufffd")


def _gather(outcomes: "queue.SimpleQueue[ProbeOutcome | None]") -> tuple[list[ProbeOutcome], bool]:
    """What arrives within a quarter second of now, and whether that was the end."""
    batch: list[ProbeOutcome] = []
    deadline = time.monotonic() + BATCH_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            item = outcomes.get(timeout=left)
        except queue.Empty:
            break
        if item is None:
            return batch, True
        batch.append(item)
    return batch, False


def _subjects(ids: Sequence[int]) -> list[Subject]:
    rows = Model.objects.filter(pk__in=ids).exclude(state=ModelState.DISABLED).exclude(release=None)
    return [_subject(row) for row in rows.select_related("release", "credential").order_by("pk").iterator(_LOAD)]


def _subject(row: Model) -> Subject:
    assert row.release_id is not None
    try:
        spec = releases.spec_of(row)
        secret = credentials.reveal(row.credential) if row.credential else ""
        return Subject(row.pk, row.release_id, bind(spec, compile_adapter(spec), secret or None))
    except (SpecInvalid, CompileError, EndpointInvalid, SecretError, ValueError) as error:
        return Subject(row.pk, row.release_id, (), cut(message_of(error), MAX_WORDS))
