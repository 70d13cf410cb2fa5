"""The wake-up bell: a Celery message that says "look at the job table". Losing one costs five seconds, never a job."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

WAKE = "patchbay.wake"
Work = Callable[[], None]
log = logging.getLogger(__name__)

MOST_WAITING = 8
"""Wake-ups on their way at once; a worker that was woken looks for all jobs, so more of them add nothing."""

_waiting = threading.BoundedSemaphore(MOST_WAITING)
_bell = ThreadPoolExecutor(1, thread_name_prefix="bell")
"""A Redis that takes a connection and then says nothing would hold up whoever rings: 19 s were seen."""

app = Celery("patchbay")
app.conf.update(settings.CELERY)


def task(name: str) -> Callable[[Work], Work]:
    """Decorate a function as the Celery task `name`."""
    registered: Callable[[Work], Work] = app.task(name=name)
    return registered


def ring() -> None:
    """Wake one worker soon. Never raises and never waits: without Redis the sweeper finds the job."""
    if _waiting.acquire(blocking=False):
        _bell.submit(_send)


def _send() -> None:
    try:
        app.send_task(WAKE, ignore_result=True, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("no worker was woken, the sweeper will find the job: %s", error)
    finally:
        _waiting.release()
