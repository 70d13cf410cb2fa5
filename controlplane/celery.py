"""The worker: wake-ups, a crew for each kind of job, and the whole beat table.

Run as `celery -A controlplane.celery:app worker -P threads -c 8` and `celery -A controlplane.celery:app beat`.
"""

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from celery import Celery
from celery.signals import worker_ready
from django.conf import settings
from redis import RedisError

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.jobs import kinds
from controlplane.base.jobs.crews import crews
from controlplane.base.jobs.queue import WAKE, ring
from controlplane.base.jobs.verbs import forget_old_jobs, waiting
from registry.access import callers
from registry.catalog import probing
from routing.alerts import receivers, silences, watch
from routing.calls import kept, records, steps, uses
from routing.energy import settling, totals
from routing.history import rolling
from routing.history import store as telemetry_store
from routing.inventory import leaving, past
from versions import judging, ledger, polling, update_policy, webhooks
from versions.gitops import statuses
from versions.review import decisions
from versions.rollout import verbs as rollouts
from versions.rollout import watch as rollout_watch

TELEMETRY_SECONDS = 1.0
"""The beat of the store of telemetry, which stores several times within it."""
Work = Callable[[], None]
log = logging.getLogger(__name__)
app = Celery("patchbay")
app.conf.update(settings.CELERY)
_crews = crews(kinds.every())


def task(name: str) -> Callable[[Work], Work]:
    """Decorate a function as the Celery task `name`."""
    registered: Callable[[Work], Work] = app.task(name=name)
    return registered


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


@task("patchbay.telemetry")
def keep_telemetry() -> None:
    """Move samples of devices from Redis to the latest values and to history."""
    telemetry_store.keep_for(TELEMETRY_SECONDS)


@task("patchbay.telemetry_history")
def sum_up_telemetry() -> None:
    """Sum up history that is over, drop what is old, and forget sources that are silent."""
    try:
        rolling.roll(telemetry_store.stored_until(time.time()))
    except RedisError as error:
        log.warning("history is summed up later: %s", error)
    telemetry_store.forget()


@task("patchbay.alerts")
def watch_alerts() -> None:
    """Evaluate the rules of alerts, and have messages sent."""
    watch.watch()


@task("patchbay.sum")
def sum_traffic() -> None:
    """Keep the sums of the steps of time that are over, for the long charts."""
    steps.keep()


@task("patchbay.energy")
def settle_energy() -> None:
    """Measure the energy of windows that are over, and share it out to calls."""
    settling.settle()


@task("patchbay.recover")
def recover() -> None:
    """Probe again what was unreachable and has rested, and free what replicas held that have left."""
    probing.recover()
    leaving.empty()


@task("patchbay.rollouts")
def move_rollouts() -> None:
    """Void approvals that no longer count, begin what is approved, judge again what was overtaken, and look after
    rollouts beside the gateways.
    """
    decisions.lapse()
    rollouts.start_approved()
    judging.catch_up()
    rollout_watch.watch()


@task("patchbay.pushes")
def follow_pushes() -> None:
    """Look how far pushes of specs have come, and have their forges told."""
    statuses.follow()


@task("patchbay.decide")
def decide() -> None:
    """Write down outages after changes, and help updates on whose job is gone."""
    ledger.keep()
    judging.recover()


@task("patchbay.poll")
def poll() -> None:
    """Ask the sources that are due whether they moved."""
    polling.wake()


@task("patchbay.forget_kept")
def forget_kept() -> None:
    """Delete kept calls that are old enough, and those of keys whose owners no longer agree."""
    kept.forget(update_policy.of().replay_days)


@task("patchbay.tidy")
def tidy() -> None:
    """Forget what is old: call records, what they sent, finished jobs, playground keys."""
    webhooks.forget_old()
    totals.forget_old()
    past.forget_old()
    silences.forget_old()
    receivers.forget_old()
    watch.forget_old()
    gone = (records.forget_old_records(), uses.forget_old(), forget_old_jobs(), callers.forget_playground_keys())
    log.info("forgot %d call records, %d uses, %d jobs, %d playground keys (Django %s)", *gone, DJANGO_VERSION)


app.conf.beat_schedule = {
    "sweep": {"task": "patchbay.sweep", "schedule": 5.0, "options": {"expires": 5.0}},
    "drain": {"task": "patchbay.drain", "schedule": 2.0, "options": {"expires": 2.0}},
    "telemetry": {"task": "patchbay.telemetry", "schedule": TELEMETRY_SECONDS, "options": {"expires": 1.0}},
    "telemetry history": {"task": "patchbay.telemetry_history", "schedule": 5.0, "options": {"expires": 5.0}},
    "energy": {"task": "patchbay.energy", "schedule": 30.0, "options": {"expires": 30.0}},
    "alerts": {"task": "patchbay.alerts", "schedule": 2.0, "options": {"expires": 2.0}},
    "sum": {"task": "patchbay.sum", "schedule": 60.0, "options": {"expires": 60.0}},
    "rollouts": {"task": "patchbay.rollouts", "schedule": 2.0, "options": {"expires": 2.0}},
    "recover": {"task": "patchbay.recover", "schedule": 15.0, "options": {"expires": 15.0}},
    "pushes": {"task": "patchbay.pushes", "schedule": 2.0, "options": {"expires": 2.0}},
    "decide": {"task": "patchbay.decide", "schedule": 30.0, "options": {"expires": 30.0}},
    "poll": {"task": "patchbay.poll", "schedule": 3.0, "options": {"expires": 3.0}},
    "forget_kept": {"task": "patchbay.forget_kept", "schedule": 60.0, "options": {"expires": 60.0}},
    "tidy": {"task": "patchbay.tidy", "schedule": 86_400.0, "options": {"expires": 3_600.0}},
}
