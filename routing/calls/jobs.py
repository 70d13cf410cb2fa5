"""Durable calls: stored by the gateway, made by a worker through the same gateway."""

import asyncio
import concurrent.futures
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, close_old_connections, connection

from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobDeferred, JobFailed, Lease
from controlplane.base.messages import Sentence
from controlplane.base.models import Job, JobState
from controlplane.base.own_connection import connect_alone
from controlplane.base.refusals import Conflict, Invalid
from registry.access import callers
from registry.canon import Failure, FailureKind
from routing.dataplane.hooks import Answer, Submission
from routing.dataplane.plane import Plane
from routing.rows import Rows
from routing.settings import plane_settings
from routing.table import Caller

KIND = "call"
MAX_BODY = 8 * 1024 * 1024
LOOK_SECONDS = 0.5
MOST_WAITING = 1000
"""Durable calls of one key that may wait at once."""
_TRIED_AGAIN = frozenset({429, 500, 502, 503, 504})
_PASSING = frozenset(
    {
        *(FailureKind.RATE_LIMITED, FailureKind.UNAVAILABLE, FailureKind.UPSTREAM_RATE_LIMITED),
        *(FailureKind.UPSTREAM_UNREACHABLE, FailureKind.UPSTREAM_TIMEOUT, FailureKind.UPSTREAM_ERROR),
    }
)
"""Limits of ours, no replica, an upstream that is down, busy or starting: none of them is the call's own fault."""
_OWN_LIMITS = frozenset({"concurrency_limit", "rate_limit_exceeded"})
_OWN_LONGEST, _LONGEST = 30.0, 120.0
"""Seconds until a call that met a limit of ours, or a failure that passes, is tried again, at the most."""
_KEPT_HEADERS = (b"x-request-id", b"x-patchbay-adapted", b"x-patchbay-model", b"content-type")
_POOL = ThreadPoolExecutor(4, thread_name_prefix="submit-job", initializer=connect_alone)


class CallFailed(Exception):
    """A call that failed in a way that may pass, or may not; the engine tries it three times."""


async def submit(order: Submission) -> str:
    """Store a durable call and return its job's id. Raises Failure."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, store, order)


def store(order: Submission) -> str:
    """Write the job of a durable call. The same Idempotency-Key gives the same job. Raises Failure."""
    close_old_connections()
    try:
        return str(_enqueued(order).pk)
    except (Conflict, Invalid) as refused:
        raise Failure(FailureKind.INVALID_REQUEST, refused.message, code=refused.code) from refused
    except DatabaseError as error:
        words = Sentence("the call could not be stored: PostgreSQL does not answer; retry soon")
        raise Failure(FailureKind.UNAVAILABLE, words, code="store_unavailable", retry_after=5.0) from error


def run(lease: Lease) -> dict[str, Any]:
    """The job's handler: make the call and keep its answer.

    Raises JobFailed for answers that will not change, JobDeferred for those that may pass.
    """
    worker = _Worker.running()
    future = asyncio.run_coroutine_threadsafe(worker.call(lease.job), worker.loop)
    while not concurrent.futures.wait([future], LOOK_SECONDS).done:
        cancelled = lease.cancelled()
        connection.close()
        if cancelled:
            future.cancel()
            return {}
    return _outcome(future.result())


def _enqueued(order: Submission) -> Job:
    actor = callers.actor_of_id(order.caller.key_id)
    if actor is None:
        raise Failure(FailureKind.AUTHENTICATION, Sentence("this API key was revoked"), code="invalid_api_key")
    try:
        body = order.body.decode()
    except UnicodeDecodeError as error:
        raise Failure(
            FailureKind.INVALID_REQUEST, Sentence("the body is not UTF-8: {error}", error=error), code="invalid_body"
        ) from error
    if len(order.body) > MAX_BODY:
        words = Sentence(
            "a durable call may carry at most {most} MB; this one has {count} bytes",
            most=MAX_BODY // 2**20,
            count=f"{len(order.body):,}",
        )
        raise Failure(FailureKind.TOO_LARGE, words, code="body_too_large")
    key = order.idempotency_key
    _require_room(order.caller, key)
    return jobs.enqueue(
        KIND,
        {"path": order.path, "body": body, "model": order.model, "request_id": order.request_id},
        actor=actor,
        title=Sentence("Call {model}", model=order.model),
        idempotency=jobs.once(key, order.path, body),
    )


def _require_room(caller: Caller, idempotency_key: str | None) -> None:
    """Raises Failure if too many calls of this key wait and the asked one is not among those stored before."""
    stored = Job.objects.filter(kind=KIND, api_key_id=caller.key_id)
    waiting = stored.filter(state=JobState.QUEUED).count()
    known = idempotency_key is not None and stored.filter(idempotency_key=idempotency_key).exists()
    if waiting >= MOST_WAITING and not known:
        words = Sentence(
            "Key {caller} has {waiting} durable calls waiting; the most is {most}. Wait for some.",
            caller=repr(caller.name),
            waiting=f"{waiting:,}",
            most=f"{MOST_WAITING:,}",
        )
        raise Failure(FailureKind.RATE_LIMITED, words, code="too_many_waiting", retry_after=10.0)


def _outcome(answer: Answer) -> dict[str, Any]:
    body = _json(answer.body)
    if answer.failure is None and answer.status < 400:
        headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers if name in _KEPT_HEADERS}
        return {"status": answer.status, "headers": headers, "body": body}
    words = (
        answer.failure.message
        if answer.failure is not None
        else Sentence("the call was answered {status}", status=answer.status)
    )
    code = (answer.failure.code or answer.failure.kind.value) if answer.failure is not None else "call_failed"
    if answer.failure is not None and answer.failure.kind in _PASSING:
        raise _deferred(code, answer.failure)
    if answer.status in _TRIED_AGAIN:
        raise CallFailed(words)
    raise JobFailed(code, words, {"status": answer.status, "body": body})


def _deferred(code: str, failure: Failure) -> JobDeferred:
    longest = _OWN_LONGEST if code in _OWN_LIMITS else _LONGEST
    return JobDeferred(code, failure.message, failure.retry_after or 0.0, longest, crowded=code == "concurrency_limit")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


class _Worker:
    """The data plane of a worker process, in an event loop of its own; started by the first durable call."""

    _one: "_Worker | None" = None
    _making = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="data-plane", daemon=True).start()
        self.plane = Plane(plane_settings(), Rows())
        asyncio.run_coroutine_threadsafe(self.plane.start(), self.loop).result(30)

    @classmethod
    def running(cls) -> "_Worker":
        """This process' data plane."""
        with cls._making:
            if cls._one is None:
                cls._one = cls()
            return cls._one

    async def call(self, job: Job) -> Answer:
        """Make the job's call as its key, and see its record off."""
        caller = self._caller(job.api_key_id)
        if caller is None:
            seen = await self.plane.watcher.catch_up()
            caller = self._caller(job.api_key_id)
            if caller is None and not seen:
                raise JobDeferred(
                    "store_unavailable", Sentence("PostgreSQL could not be asked whether the key may still call")
                )
        if caller is None or "call" not in caller.scopes:
            raise JobFailed(
                "invalid_api_key", Sentence("the API key that asked for this call was revoked or may not call")
            )
        order = job.input
        answer = await self.plane.gateway.perform(
            caller, order["path"], order["body"].encode(), request_id=order["request_id"], job_id=str(job.pk)
        )
        await self.plane.recorder.flush()
        return answer

    def _caller(self, key_id: int | None) -> Caller | None:
        table = self.plane.gateway.table
        known = table.callers.values() if table is not None else ()
        return next((caller for caller in known if caller.key_id == key_id), None)
