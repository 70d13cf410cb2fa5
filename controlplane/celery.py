"""The worker: wake-ups, the handlers of every kind of job, and the whole beat table.

Run as `celery -A controlplane.celery:app worker -P threads -c 8` and `celery -A controlplane.celery:app beat`.
"""

import logging
import os
import threading
from pathlib import Path

from celery.signals import worker_ready

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.engine import Handlers, work
from controlplane.base.jobs import forget_old_jobs, waiting
from controlplane.base.queue import WAKE, app, ring, task
from registry import callers, importing, probing
from routing import jobs as calls
from routing import lab, records

HANDLERS: Handlers = {"import": importing.run, "probe": probing.run, calls.KIND: calls.run, lab.KIND: lab.run}
JOBS_AT_ONCE = int(os.environ.get("JOBS_AT_ONCE", "6"))
"""Jobs that one worker runs side by side. Fewer than its threads, so housekeeping never waits for a long job."""

log = logging.getLogger(__name__)
_slots = threading.BoundedSemaphore(JOBS_AT_ONCE)


def tell_supervisor(**_: object) -> None:
    """Touch the file that READY_FILE names; whoever started this worker waits for it."""
    if "READY_FILE" in os.environ:
        Path(os.environ["READY_FILE"]).touch()


worker_ready.connect(tell_supervisor, weak=False)


@task(WAKE)
def wake() -> None:
    """Run due jobs until there are none; where all slots are taken, those who hold them will look again."""
    if not _slots.acquire(blocking=False):
        return
    try:
        work(HANDLERS)
    finally:
        _slots.release()


@task("patchbay.sweep")
def sweep() -> None:
    """Find jobs that nobody was woken for: a lost message, a dead worker, a retry whose time has come."""
    for _ in range(min(waiting(), JOBS_AT_ONCE)):
        ring()


@task("patchbay.drain")
def drain() -> None:
    """Move call records from Redis to PostgreSQL."""
    records.drain()


@task("patchbay.recover")
def recover() -> None:
    """Probe again what was unreachable and has rested."""
    probing.recover()


@task("patchbay.tidy")
def tidy() -> None:
    """Forget what is old: call records, finished jobs, playground keys."""
    gone = (records.forget_old_records(), forget_old_jobs(), callers.forget_playground_keys())
    log.info("forgot %d call records, %d jobs, %d playground keys (Django %s)", *gone, DJANGO_VERSION)


app.conf.beat_schedule = {
    "sweep": {"task": "patchbay.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "drain": {"task": "patchbay.drain", "schedule": 2.0, "options": {"expires": 2.0}},
    "recover": {"task": "patchbay.recover", "schedule": 15.0, "options": {"expires": 15.0}},
    "tidy": {"task": "patchbay.tidy", "schedule": 86_400.0, "options": {"expires": 3_600.0}},
}
