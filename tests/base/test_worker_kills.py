"""Real workers, killed with SIGKILL in the middle of an import: nothing is lost, nothing is stored twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from controlplane.base.models import Change, Job, JobState, User
from registry import importing
from registry.models import Model, ModelState, Release
from tests.upstreams import Upstreams

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
COMMAND = (sys.executable, "-m", "celery", "-A", "controlplane.celery:app")
RESUMED_WITHIN = 35.0

Start = Callable[..., "subprocess.Popen[bytes]"]


def database_url() -> str:
    """The test's own database, for child processes."""
    given = settings.STORES["DATABASE_URL"]
    return given.replace("/patchbay?", f"/{connection.settings_dict['NAME']}?")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts celery programs against the test's stores and ends every one afterwards."""
    running: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(settings.DATA_DIR),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "LOG_LEVEL": "INFO",
    }

    def run(*arguments: str) -> "subprocess.Popen[bytes]":
        log = (tmp_path / f"{arguments[0]}-{len(running)}.log").open("wb")
        child = subprocess.Popen(
            [*COMMAND, *arguments], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        running.append(child)
        return child

    yield run
    for child in running:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)


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


def test_an_import_outlives_its_worker(
    start: Start,
    tmp_path: Path,
    upstreams: Upstreams,
    person: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker_options = (
        "worker",
        "-P",
        "threads",
        "-c",
        "8",
        "--without-gossip",
        "--without-mingle",
        "--loglevel",
        "INFO",
    )
    start("beat", "--schedule", str(tmp_path / "beat"))
    first = start(*worker_options)
    monkeypatch.setattr(upstreams.fleet.latency, "first_ms", 400)
    job = importing.start(person("engineer"), upstreams.yaml(300))

    def probing() -> bool:
        return Model.objects.exclude(state=ModelState.PROBING).exists()

    until(probing, 60)
    kill(first)
    job.refresh_from_db()
    before = Model.objects.filter(state=ModelState.PROBING).count()
    assert (job.state, job.attempts, before > 0) == (JobState.RUNNING, 1, True)
    start(*worker_options)

    def resumed() -> bool:
        return Job.objects.filter(pk=job.pk, attempts=2).exists()

    took = until(resumed, RESUMED_WITHIN + 20)
    until(lambda: Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists(), 60)
    job.refresh_from_db()
    assert took <= RESUMED_WITHIN
    assert (job.attempts, job.result["counts"]["new"], job.result["counts"]["ready"]) == (2, 300, 300)
    assert Release.objects.count() == Model.objects.count() == 300
    assert Change.objects.filter(verb="model.import", object_type="model").count() == 1
