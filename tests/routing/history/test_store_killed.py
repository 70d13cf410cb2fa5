"""The store is killed again and again while frames come: every frame is kept once, and none is missed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from controlplane.base import events, redis_names
from routing.history import store
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading
from tests.workers import database_url, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]
STORE = """
from controlplane.base.boot import DJANGO_VERSION
from routing.history import store
store.keep_for(600)
"""
SOURCES, KILLS = 20, 4


@contextmanager
def storing() -> Iterator[None]:
    """A store in a process of its own, killed at the end."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "DATA_DIR": str(settings.DATA_DIR)}
    process = subprocess.Popen([sys.executable, "-c", STORE], env=environment, cwd=ROOT)
    try:
        yield
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


def frames(sequence: int) -> list[Frame]:
    values = {"power_watts": 100.0, "energy_joules_total": float(sequence)}
    said = SourceReading({"GPU-1": Observed(values=values)})
    return [pack(f"node-{one}", 1, sequence, time.time(), said) for one in range(SOURCES)]


def asked(query: str) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        found: tuple[int, ...] = cursor.fetchone()
        return found


def more_than(kept: int) -> bool:
    return asked("select count(*) from telemetry_second")[0] > kept


def test_a_store_that_is_killed_again_and_again_keeps_each_frame_once(stores: None) -> None:
    client = events.store()
    client.delete(redis_names.TELEMETRY, redis_names.TELEMETRY_LATEST)
    sent = count(1)
    for _ in range(KILLS):
        kept = asked("select count(*) from telemetry_second")[0]
        store.send(client, [one for _ in range(50) for one in frames(next(sent))])
        with storing():
            until(partial(more_than, kept), 60)
            store.send(client, [one for _ in range(100) for one in frames(next(sent))])
    with storing():
        until(lambda: client.xlen(redis_names.TELEMETRY) == 0, 60)
    ticks = next(sent) - 1
    assert asked("select count(*), count(distinct (source, frame)) from telemetry_second") == (
        ticks * SOURCES, ticks * SOURCES
    )  # fmt: skip
    assert asked("select count(*), sum(missed)::int8, min(sequence) from telemetry_source") == (SOURCES, 0, ticks)
