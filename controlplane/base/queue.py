"""The wake-up bell: a Celery message that says "look at the job table". Losing one costs five seconds, never a job."""

import logging
from collections.abc import Callable

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

WAKE = "patchbay.wake"
Work = Callable[[], None]
log = logging.getLogger(__name__)

app = Celery("patchbay")
app.conf.update(settings.CELERY)


def task(name: str) -> Callable[[Work], Work]:
    """Decorate a function as the Celery task `name`."""
    registered: Callable[[Work], Work] = app.task(name=name)
    return registered


def ring() -> None:
    """Wake one worker now. Never raises: without Redis the sweeper finds the job."""
    try:
        app.send_task(WAKE, ignore_result=True, retry=False)
    except OperationalError as error:
        log.warning("no worker was woken, the sweeper will find the job: %s", error)
