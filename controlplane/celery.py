"""The worker: wake-ups, the handlers of every kind of job, and the whole beat table.

Run as `celery -A controlplane.celery:app worker -P threads -c 8` and `celery -A controlplane.celery:app beat`.
"""

import logging
import os
from pathlib import Path

from celery.signals import worker_ready

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.jobs.crews import Size, crews
from controlplane.base.jobs.engine import Handlers
from controlplane.base.jobs.queue import WAKE, app, ring, task
from controlplane.base.jobs.verbs import forget_old_jobs, waiting
from registry.access import callers
from registry.catalog import importing, probing
from routing.calls import jobs as calls
from routing.calls import records, steps
from routing.lab import races as lab

HANDLERS: Handlers = {"import": importing.run, "probe": probing.run, calls.KIND: calls.run, lab.KIND: lab.run}
CALLS_AT_ONCE = int(os.environ.get("CALLS_AT_ONCE", "32"))
"""Durable calls that one worker makes side by side; one key has a quarter of them at the most."""
SIZES = {
    "import": Size(3, 2),
    "probe": Size(3, 2),
    calls.KIND: Size(CALLS_AT_ONCE, max(1, CALLS_AT_ONCE // 4)),
    lab.KIND: Size(2, 1),
}
log = logging.getLogger(__name__)
_crews = crews(SIZES, HANDLERS)


def tell_supervisor(**_: object) -> None:
    """Touch the file that READY_FILE names; whoever started this worker waits for it."""
    if "READY_FILE" in os.environ:
        Path(os.environ["READY_FILE"]).touch()


worker_ready.connect(tell_supervisor, weak=False)


@task(WAKE)
def wake() -> None:
    """Let every crew look for due jobs; they run in threads of their own, so housekeeping never waits for a job."""
    for wake_crew in _crews:
        wake_crew()


@task("patchbay.sweep")
def sweep() -> None:
    """Find jobs that nobody was woken for: a lost message, a dead worker, a retry whose time has come."""
    if waiting():
        ring()


@task("patchbay.drain")
def drain() -> None:
    """Move call records from Redis to PostgreSQL."""
    records.drain()


@task("patchbay.sum")
def sum_traffic() -> None:
    """Keep the sums of the steps of time that are over, for the long charts."""
    steps.keep()


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
    "sum": {"task": "patchbay.sum", "schedule": 60.0, "options": {"expires": 60.0}},
    "recover": {"task": "patchbay.recover", "schedule": 15.0, "options": {"expires": 15.0}},
    "tidy": {"task": "patchbay.tidy", "schedule": 86_400.0, "options": {"expires": 3_600.0}},
}
