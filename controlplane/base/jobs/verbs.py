"""Durable jobs as people see them: put in, look at, cancel. The row is the truth; `engine` executes it.

A job is written in the transaction of what caused it; the wake-up goes out after commit.
"""

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.jobs import queue
from controlplane.base.messages import Sentence, cut
from controlplane.base.models import Job, JobState, User
from controlplane.base.refusals import Conflict, Invalid, Missing

FINAL = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
KEPT = timedelta(days=30)
MAX_KEY = 200
LONGEST_TITLE = 200
LIST_FIELDS = ("input", "result")


@dataclass(frozen=True)
class Idempotency:
    """A caller's Idempotency-Key and the SHA-256 of the request that it stands for."""

    key: str
    digest: str


def once(key: str | None, *parts: str) -> Idempotency | None:
    """The caller's Idempotency-Key for a request made of `parts`; None without a key. Raises Invalid."""
    if not key:
        return None
    if len(key) > MAX_KEY or not key.isprintable() or not key.isascii():
        raise Invalid(
            "idempotency_key", Sentence("Idempotency-Key must be 1 to {most} printable ASCII characters", most=MAX_KEY)
        )
    text = "\n".join(parts).encode("utf-8", "replace")
    return Idempotency(key, hashlib.sha256(text).hexdigest())


@transaction.atomic
def enqueue(
    kind: str,
    input: dict[str, Any],
    *,
    actor: Any = None,
    title: str = "",
    idempotency: Idempotency | None = None,
    max_attempts: int = 3,
) -> Job:
    """Write a job in the caller's transaction and wake a worker after commit.

    The same idempotency key of one actor and kind gives the job made before; with another digest it raises Conflict.
    """
    draft = Job(
        kind=kind,
        title=cut(title, LONGEST_TITLE),
        input=input,
        input_digest=idempotency.digest if idempotency else "",
        idempotency_key=idempotency.key if idempotency else None,
        created_by_id=_owner_id(actor),
        api_key_id=getattr(actor, "key_id", None),
        max_attempts=max_attempts,
        due_at=Now(),
    )
    earlier = _earlier(draft)
    if earlier is not None:
        return earlier
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError:
        winner = _earlier(draft)
        if winner is None:
            raise
        return winner
    draft.refresh_from_db(fields=["due_at", "created_at"])
    announce(draft)
    transaction.on_commit(queue.ring)
    return draft


def visible(actor: Any) -> QuerySet[Job]:
    """The jobs that `actor` may see, newest first, without their inputs and results. Raises Forbidden."""
    access.require(actor, "job.read")
    rows = Job.objects.order_by("-created_at").defer(*LIST_FIELDS)
    if access.can(actor, "job.read_all"):
        return rows
    key_id = getattr(actor, "key_id", None)
    return rows.filter(api_key_id=key_id) if key_id is not None else rows.filter(created_by_id=actor.id)


def get(actor: Any, job_id: uuid.UUID | str) -> Job:
    """One job with its input and result. Raises Forbidden, or Missing for what the actor may not see."""
    access.require(actor, "job.read")
    job = Job.objects.filter(pk=_uuid(job_id)).first()
    if job is None or not access.can(actor, "job.read", job):
        raise Missing("job", Sentence("there is no job {job_id} that you may see", job_id=repr(str(job_id)[:60])))
    return job


@transaction.atomic
def cancel(actor: Any, job_id: uuid.UUID | str, request_id: str = "") -> Job:
    """Stop a job: a queued one at once, a running one at its next step. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "job.cancel")
    job = get(actor, job_id)
    access.require(actor, "job.cancel", job)
    stopped = Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
        state=JobState.CANCELLED, finished_at=Now(), cancel_requested=True
    )
    asked = stopped or Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(cancel_requested=True)
    if not asked:
        raise Conflict(
            "job_over", Sentence("job {job} is {state} already", job=str(job.pk), state=job.state), {"state": job.state}
        )
    job.refresh_from_db()
    audit.record(
        actor, "job.cancel", "job", job.pk, {"name": job.title, "kind": job.kind, "state": job.state}, request_id
    )
    announce(job)
    return job


def snapshot(job: Job) -> dict[str, Any]:
    """What pages and programs follow: state, progress and times, never the input."""
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "outcome": job.outcome,
        "progress": job.progress,
        "error": job.error,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "cancel_requested": job.cancel_requested,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
    }


def announce(job: Job) -> None:
    """Tell open pages that `job` moved."""
    events.publish(f"job:{job.pk}", snapshot(job))
    events.publish("jobs", {"id": str(job.pk), "state": job.state, "kind": job.kind})


def due() -> Q:
    """Jobs that a worker may take: queued ones whose time has come, running ones whose lease ran out."""
    return Q(state=JobState.QUEUED, due_at__lte=Now()) | Q(state=JobState.RUNNING, lease_until__lt=Now())


def waiting() -> int:
    """How many jobs could be taken now."""
    return Job.objects.filter(due()).count()


def forget_old_jobs() -> int:
    """Delete jobs that ended over 30 days ago. Returns how many."""
    return Job.objects.filter(state__in=FINAL, finished_at__lt=Now() - KEPT).delete()[0]


def _earlier(draft: Job) -> Job | None:
    if draft.idempotency_key is None:
        return None
    found = Job.objects.filter(
        kind=draft.kind,
        idempotency_key=draft.idempotency_key,
        api_key_id=draft.api_key_id,
        created_by_id=draft.created_by_id,
    ).first()
    if found is not None and found.input_digest != draft.input_digest:
        raise Conflict(
            "idempotency_key_reused",
            Sentence(
                "Idempotency-Key {idempotency_key} was used for another request (job {found}); send a new key",
                idempotency_key=repr(draft.idempotency_key),
                found=str(found.pk),
            ),
            {"job": str(found.pk)},
        )
    return found


def _owner_id(actor: Any) -> int | None:
    return actor.pk if isinstance(actor, User) else getattr(actor, "id", None)


def _uuid(value: uuid.UUID | str) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except ValueError as error:
        raise Missing("job", Sentence("{value} is not a job's id (a UUID)", value=repr(value[:60]))) from error
