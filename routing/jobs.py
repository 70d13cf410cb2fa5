"""Durable calls: stored by the gateway, made by a worker through the same gateway."""

import asyncio
import concurrent.futures
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, close_old_connections

from controlplane.base import jobs
from controlplane.base.engine import JobFailed, Lease
from controlplane.base.models import Job
from controlplane.base.own_connection import connect_alone
from controlplane.base.refusals import Conflict
from registry import callers
from registry.canon import Failure, FailureKind
from routing.gateway import Answer, Submission
from routing.plane import Plane
from routing.settings import plane_settings
from routing.table import Caller

KIND = "call"
MAX_BODY = 8 * 1024 * 1024
LOOK_SECONDS = 0.5
_PASSING = frozenset({429, 500, 502, 503, 504})
_KEPT_HEADERS = (b"x-request-id", b"x-patchbay-adapted", b"x-patchbay-model", b"content-type")
_POOL = ThreadPoolExecutor(4, thread_name_prefix="submit-job", initializer=connect_alone)


class CallFailed(Exception):
    """A call that failed in a way that may pass; the engine tries it again."""


async def submit(order: Submission) -> str:
    """Store a durable call and return its job's id. Raises Failure."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, store, order)


def store(order: Submission) -> str:
    """Write the job of a durable call. The same Idempotency-Key gives the same job. Raises Failure."""
    close_old_connections()
    try:
        return str(_enqueued(order).pk)
    except Conflict as conflict:
        raise Failure(FailureKind.INVALID_REQUEST, conflict.message, code=conflict.code) from conflict
    except DatabaseError as error:
        words = "the call could not be stored: PostgreSQL does not answer; retry soon"
        raise Failure(FailureKind.UNAVAILABLE, words, code="store_unavailable", retry_after=5.0) from error


def run(lease: Lease) -> dict[str, Any]:
    """The job's handler: make the call and keep its answer. Raises JobFailed for answers that will not change."""
    worker = _Worker.running()
    future = asyncio.run_coroutine_threadsafe(worker.call(lease.job), worker.loop)
    while not concurrent.futures.wait([future], LOOK_SECONDS).done:
        if lease.cancelled():
            future.cancel()
            return {}
    return _outcome(future.result())


def _enqueued(order: Submission) -> Job:
    actor = callers.actor_of_id(order.caller.key_id)
    if actor is None:
        raise Failure(FailureKind.AUTHENTICATION, "this API key was revoked", code="invalid_api_key")
    try:
        body = order.body.decode()
    except UnicodeDecodeError as error:
        raise Failure(FailureKind.INVALID_REQUEST, f"the body is not UTF-8: {error}", code="invalid_body") from error
    if len(order.body) > MAX_BODY:
        words = f"a durable call may carry at most {MAX_BODY // 2**20} MB; this one has {len(order.body):,} bytes"
        raise Failure(FailureKind.TOO_LARGE, words, code="body_too_large")
    digest = hashlib.sha256(order.path.encode() + b"\n" + order.body).hexdigest()
    key = order.idempotency_key
    return jobs.enqueue(
        KIND,
        {"path": order.path, "body": body, "model": order.model, "request_id": order.request_id},
        actor=actor,
        title=f"Call {order.model}",
        idempotency=jobs.Idempotency(key[:200], digest) if key else None,
    )


def _outcome(answer: Answer) -> dict[str, Any]:
    body = _json(answer.body)
    if answer.failure is None and answer.status < 400:
        headers = {name.decode(): value.decode("latin-1") for name, value in answer.headers if name in _KEPT_HEADERS}
        return {"status": answer.status, "headers": headers, "body": body}
    words = str(answer.failure) if answer.failure is not None else f"the call was answered {answer.status}"
    if answer.status in _PASSING:
        raise CallFailed(words)
    code = (answer.failure.code or answer.failure.kind.value) if answer.failure is not None else "call_failed"
    raise JobFailed(code, words, {"status": answer.status, "body": body})


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
        self.plane = Plane(plane_settings())
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
            await self.plane.watcher.catch_up()
            caller = self._caller(job.api_key_id)
        if caller is None or "call" not in caller.scopes:
            raise JobFailed("invalid_api_key", "the API key that asked for this call was revoked or may not call")
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
