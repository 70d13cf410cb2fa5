"""Executes jobs: claim, lease, fence, sweep.

A worker owns a job for 20 s of database time and renews that every 5 s while the handler runs in a thread. Attempts are
counted before running, so a job that kills its worker ends in the dead letters. A result is written only under the
current fence, so a worker that was away too long writes nothing.
"""

import json
import logging
import operator
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.models import F, Min, Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import Sentence, cut, joined, mapped, message_of, restored, stored
from controlplane.base.models import Job, JobState
from controlplane.base.redaction import redact

LEASE = timedelta(seconds=20)
RENEW_SECONDS = 5.0
MOST_WORDS = 2000
PROGRESS_SECONDS = 0.2
BACKOFF_SECONDS = 2.0
HORIZON = timedelta(hours=1)
"""How long a job is tried again for reasons that pass."""
SOONEST_SECONDS = 0.5
ANY = Q()
_SPREAD = random.SystemRandom()
_ASKER = ("api_key_id", "created_by_id")
log = logging.getLogger(__name__)


class JobFailed(Exception):
    """A handler's final word: trying again would not help. `error` is shown in the console."""

    def __init__(self, code: str, message: str, detail: Any = None) -> None:
        self.error = {"code": code, "message": message, "detail": detail}
        super().__init__(message)


class JobDeferred(Exception):
    """The job could not be done now, for a reason that passes and is not its own: it goes back without an attempt.

    It is tried again after `retry_after` seconds at the earliest, and more rarely the older it is, at least every
    `longest` seconds, until it is HORIZON old; then it fails with the last reason.
    """

    def __init__(
        self, code: str, message: str, retry_after: float = 0.0, longest: float = 120.0, *, crowded: bool = False
    ) -> None:
        """`crowded`: because too many jobs of the same asker run at once."""
        self.error = {"code": code, "message": message}
        self.retry_after, self.longest, self.crowded = retry_after, longest, crowded
        super().__init__(message)


class LeaseLost(Exception):
    """This worker was away too long; another one has the job. Stop without writing."""


class Lease:
    """One claimed job and the right to write its result."""

    def __init__(self, job: Job) -> None:
        self.job, self.fence = job, job.fence
        self._progress: dict[str, Any] = dict(job.progress)
        self._written = self._looked = 0.0
        self._cancelled = False

    def progress(self, **counts: Any) -> None:
        """Merge `counts` into the progress; written and told at most five times a second, at once by `flush`."""
        self._progress.update(counts)
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write the progress now. Raises LeaseLost."""
        self._written = time.monotonic()
        self._update(progress=self._progress)
        self.job.progress = self._progress
        jobs.announce(self.job)

    def cancelled(self) -> bool:
        """Whether somebody asked to stop; looks at most once a second. Raises LeaseLost."""
        if not self._cancelled and time.monotonic() - self._looked >= 1.0:
            self._looked = time.monotonic()
            asked = self._mine().values_list("cancel_requested", flat=True).first()
            if asked is None:
                raise LeaseLost(str(self.job.pk))
            self._cancelled = asked
        return self._cancelled

    def renew(self) -> bool:
        """Own the job for another 20 s; False if it is no longer ours."""
        return bool(self._mine().update(lease_until=Now() + LEASE))

    def finish(self, result: dict[str, Any]) -> bool:
        """Store the result, once; False if another worker has the job."""
        asked = self._mine().filter(cancel_requested=True).exists()
        state = JobState.CANCELLED if asked and self._cancelled else JobState.SUCCEEDED
        return self._end(state, result=_storable(result), error=None)

    def fail(self, error: dict[str, Any]) -> bool:
        """End as failed, without another attempt."""
        return self._end(JobState.FAILED, error=_storable(error))

    def retry(self, error: dict[str, Any]) -> bool:
        """Give the job back for a later attempt, or end it when its attempts are used up."""
        if self.job.attempts >= self.job.max_attempts:
            return self.fail(
                {
                    **error,
                    "message": Sentence(
                        "gave up after {attempts} attempts: {error}", attempts=self.job.attempts, error=error["message"]
                    ),
                }
            )
        seconds = BACKOFF_SECONDS * 2 ** (self.job.attempts - 1)
        moved = self._mine().update(
            state=JobState.QUEUED, due_at=Now() + timedelta(seconds=seconds), lease_until=None, error=_storable(error)
        )
        self._refreshed(moved)
        return bool(moved)

    def defer(self, why: JobDeferred) -> bool:
        """Give the job back for later without counting an attempt; end it if it is HORIZON old."""
        age = timezone.now() - self.job.created_at
        if age >= HORIZON:
            minutes = int(age.total_seconds() // 60)
            return self.fail(
                {
                    **why.error,
                    "message": Sentence(
                        "gave up after {minutes} minutes: {error}", minutes=minutes, error=why.error["message"]
                    ),
                }
            )
        left = (HORIZON - age).total_seconds()
        rest = max(why.retry_after, min(why.longest, age.total_seconds() / 4), SOONEST_SECONDS)
        seconds = min(rest * _SPREAD.uniform(1.0, 1.5), max(left, SOONEST_SECONDS))
        moved = self._mine().update(
            state=JobState.QUEUED,
            attempts=F("attempts") - 1,
            due_at=Now() + timedelta(seconds=seconds),
            lease_until=None,
            error=_storable(why.error),
        )
        self._refreshed(moved)
        return bool(moved)

    def _end(self, state: str, **fields: Any) -> bool:
        moved = self._mine().update(
            state=state, finished_at=Now(), lease_until=None, progress=_storable(self._progress), **fields
        )
        self._refreshed(moved)
        return bool(moved)

    def _refreshed(self, moved: int) -> None:
        if moved:
            self.job.refresh_from_db()
            jobs.announce(self.job)

    def _update(self, **fields: Any) -> None:
        if not self._mine().update(**{name: _storable(value) for name, value in fields.items()}):
            raise LeaseLost(str(self.job.pk))

    def _mine(self) -> Any:
        return Job.objects.filter(pk=self.job.pk, fence=self.fence, state=JobState.RUNNING)


Asker = tuple[int | None, int | None]
"""Whose job it is: the id of the API key, if one asked, and of the account."""
Handlers = Mapping[str, Callable[[Lease], dict[str, Any]]]


def claim(limit: int = 1, only: Q = ANY) -> list[Lease]:
    """Take up to `limit` due jobs (among `only`). Attempts and fence move here, before anything runs."""
    with transaction.atomic():
        due = Job.objects.select_for_update(skip_locked=True).filter(jobs.due(), only)
        rows = list(due.order_by("due_at")[:limit])
        return [lease for lease in map(_take, rows) if lease is not None]


def claim_fairly(which: Q, rank: Callable[[Asker], tuple[int, int] | None]) -> Lease | None:
    """Take one due job among `which`, of the asker with the lowest rank; those without a rank wait."""
    due = Job.objects.filter(jobs.due(), which)
    waiting = due.order_by().values_list(*_ASKER).annotate(first=Min("due_at")).order_by("first")
    ranked = [
        (found, (key_id, account_id)) for key_id, account_id, _ in waiting if (found := rank((key_id, account_id)))
    ]
    for _, (key_id, account_id) in sorted(ranked, key=operator.itemgetter(0)):
        for lease in claim(1, which & Q(api_key_id=key_id, created_by_id=account_id)):
            return lease
    return None


def asker_of(job: Job) -> Asker:
    """Whose job it is."""
    return job.api_key_id, job.created_by_id


def work(handlers: Handlers, only: Q = ANY) -> int:
    """Run due jobs (among `only`) one after the other until there are none. Returns how many ran."""
    ran = 0
    for lease in _claims(only):
        run(lease, handlers)
        ran += 1
    return ran


def run(lease: Lease, handlers: Handlers) -> BaseException | None:
    """Execute one claimed job and store how it ended, renewing the lease meanwhile. Returns what the handler raised."""
    handler = handlers.get(lease.job.kind)
    if handler is None:
        known = ", ".join(sorted(handlers))
        lease.fail(
            {
                "code": "unknown_kind",
                "message": Sentence(
                    "no handler for jobs of kind {kind}; known: {known}", kind=repr(lease.job.kind), known=known
                ),
            }
        )
        return None
    with ThreadPoolExecutor(1, thread_name_prefix=f"job-{lease.job.kind}") as pool:
        future = pool.submit(_call, handler, lease)
        error = _wait(future, lease)
    if error is None:
        lease.finish(future.result())
    elif isinstance(error, JobFailed):
        lease.fail(error.error)
    elif isinstance(error, JobDeferred):
        lease.defer(error)
    elif not isinstance(error, LeaseLost):
        log.warning("job %s (%s) failed", lease.job.pk, lease.job.kind, exc_info=error)
        lease.retry(
            {
                "code": "exception",
                "message": cut(joined([type(error).__name__, mapped(message_of(error), redact)], ": "), MOST_WORDS),
            }
        )
    return error


def _claims(only: Q) -> Iterator[Lease]:
    while True:
        close_old_connections()
        claimed = claim(1, only)
        if not claimed:
            return
        yield from claimed


def _take(job: Job) -> Lease | None:
    if job.cancel_requested:
        _bury(job, JobState.CANCELLED, job.error)
        return None
    if job.attempts >= job.max_attempts:
        last = (job.error or {}).get("message", Sentence("the worker died or was away for more than 20 s each time"))
        message = Sentence("gave up after {attempts} attempts: {last}", attempts=job.attempts, last=last)
        _bury(job, JobState.FAILED, {"code": "dead_letter", "message": message})
        return None
    Job.objects.filter(pk=job.pk).update(
        state=JobState.RUNNING,
        attempts=F("attempts") + 1,
        fence=F("fence") + 1,
        lease_until=Now() + LEASE,
        started_at=Coalesce("started_at", Now()),
    )
    job.refresh_from_db()
    jobs.announce(job)
    return Lease(job)


def _bury(job: Job, state: str, error: Any) -> None:
    Job.objects.filter(pk=job.pk).update(
        state=state, error=error, finished_at=Now(), lease_until=None, fence=F("fence") + 1
    )
    job.refresh_from_db()
    jobs.announce(job)


def _call(handler: Callable[[Lease], dict[str, Any]], lease: Lease) -> dict[str, Any]:
    try:
        return handler(lease)
    finally:
        connection.close()


def _wait(future: "Future[dict[str, Any]]", lease: Lease) -> BaseException | None:
    while True:
        try:
            return future.exception(timeout=RENEW_SECONDS)
        except TimeoutError:
            _renew(lease)


def _renew(lease: Lease) -> None:
    """A renewal that PostgreSQL does not take now is tried again in time, or the fence keeps the result out."""
    try:
        lease.renew()
    except DatabaseError as error:
        log.warning("the lease of job %s was not renewed: %s", lease.job.pk, error)
    finally:
        connection.close()


def _storable(value: Any) -> Any:
    """`value` as JSON that PostgreSQL takes: no NUL characters, no NaN."""
    text = json.dumps(stored(value), cls=DjangoJSONEncoder)
    return restored(json.loads(text.replace("\\u0000", "\\ufffd"), parse_constant=str))
