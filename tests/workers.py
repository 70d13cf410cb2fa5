"""Fixture: real Celery programs against the test's own stores."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

COMMAND = (sys.executable, "-m", "celery", "-A", "controlplane.celery:app")
WORKER = ("worker", "-P", "threads", "-c", "8", "--without-gossip", "--without-mingle", "--loglevel", "INFO")

Start = Callable[..., "subprocess.Popen[bytes]"]


def database_url() -> str:
    """The test's own database, for child processes."""
    given = settings.STORES["DATABASE_URL"]
    return given.replace("/patchbay?", f"/{connection.settings_dict['NAME']}?")


@contextmanager
def celery_in(folder: Path) -> Iterator[Start]:
    """Starts celery programs against the test's stores, with logs in `folder`, and ends every one afterwards."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "LOG_LEVEL": "INFO",
    }

    def run(*arguments: str) -> "subprocess.Popen[bytes]":
        log = (folder / f"{arguments[0]}-{len(running)}.log").open("wb")
        child = subprocess.Popen(
            [*COMMAND, *arguments], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        running.append(child)
        return child

    try:
        yield run
    finally:
        for child in running:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)


@pytest.fixture
def start_celery(tmp_path: Path) -> Iterator[Start]:
    """Starts celery programs against the test's stores and ends every one afterwards."""
    with celery_in(tmp_path) as run:
        yield run


def until(condition: Callable[[], bool], seconds: float) -> float:
    """Wait for a condition; the seconds it took. Fails after `seconds`."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "the condition did not come true in time"
        time.sleep(0.05)
    return time.monotonic() - begun


def kill(child: "subprocess.Popen[bytes]") -> None:
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(10)
