"""C3: a disk that takes nothing any more ends no program, and what could not be written is written later.

Nothing here needs root: a folder in a file's place refuses every write as a full disk does, root's too.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from controlplane.base.events import store
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, JobState
from controlplane.services.children import wait_for
from controlplane.services.files import LOG_CAP
from controlplane.services.watched import in_words
from tests.services.running import Running
from tests.workers import WORKER, Start, until

pytestmark = pytest.mark.slow
PROGRAMS = {"console": "controlplane.console", "worker": "worker", "beat": "beat"}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path / "data", practice=0)
    yield one
    one.end()


def block(path: Path) -> None:
    """Put a folder in a file's place that no write and no rename can replace."""
    path.unlink(missing_ok=True)
    (path / "in the way").mkdir(parents=True)


def unblock(path: Path) -> None:
    (path / "in the way").rmdir()
    path.rmdir()


def living(running: Running, name: str) -> int:
    """The PID of a program by its command line; 0 if it does not run."""
    assert running.process is not None
    word = PROGRAMS[name]
    found = [child.pid for child in psutil.Process(running.process.pid).children() if word in words_of(child)]
    return found[0] if found else 0


def words_of(child: psutil.Process) -> list[str]:
    """Its command line; nothing of one that has just ended."""
    try:
        words: list[str] = child.cmdline()
        return words
    except psutil.Error:
        return []


def kill(running: Running, name: str) -> int:
    pid = living(running, name)
    os.kill(pid, signal.SIGKILL)
    return pid


def healthy(running: Running) -> bool:
    try:
        return running.get("/healthz")[0] == 200
    except OSError:
        return False


def test_c3_nothing_that_the_supervisor_writes_can_end_it(running: Running) -> None:
    supervisor = running.begin()
    running.until("Stop with Ctrl-C")
    files = [running.data / name for name in ("processes.json", "logs/console.log.1", "logs/worker.log")]
    for file in files:
        block(file)
    os.truncate(running.data / "logs" / "console.log", LOG_CAP + 1)
    before = {name: kill(running, name) for name in PROGRAMS}
    assert wait_for(lambda: living(running, "console") not in (0, before["console"]), 40), running.printed()
    assert wait_for(lambda: living(running, "beat") not in (0, before["beat"]), 40), running.printed()
    assert wait_for(lambda: healthy(running), 40), running.printed()
    assert wait_for(lambda: (running.data / "logs" / "console.log").stat().st_size <= LOG_CAP, 40)
    assert wait_for(lambda: running.printed().count("worker ended") >= 3, 40), running.printed()
    assert supervisor.poll() is None
    for file in files:
        unblock(file)
    assert wait_for(lambda: living(running, "worker") != 0, 30), running.printed()
    assert wait_for((running.data / "processes.json").is_file, 40)
    assert wait_for(lambda: {living(running, name) for name in PROGRAMS} <= set(running.pids().values()), 40)


def test_c3_a_start_that_can_write_nothing_is_refused_in_words(running: Running) -> None:
    running.data.mkdir()
    block(running.data / "ports.json")
    assert running.begin().wait(30) == 1
    assert "ports.json" in running.printed()
    assert "Traceback" not in running.printed()


@pytest.mark.parametrize("number", range(1, 65))
def test_c3_every_ending_has_words(number: int) -> None:
    assert in_words(-number).startswith("signal ")
    assert in_words(number) == f"exit code {number}"


@pytest.fixture
def refusing() -> Iterator[redis.Redis]:
    """Valkey refuses every write, with the kind of error that a full disk gives."""
    store().config_set("min-replicas-to-write", 1)
    with pytest.raises(redis.ResponseError):
        store().set("anything", 1)
    yield store()
    store().config_set("min-replicas-to-write", 0)


@pytest.mark.django_db(transaction=True)
def test_c3_a_worker_waits_while_valkey_refuses_writes(
    start_celery: Start, tmp_path: Path, refusing: redis.Redis
) -> None:
    beat = start_celery("beat", "--schedule", str(tmp_path / "beat"))
    worker = start_celery(*WORKER)
    job = jobs.enqueue("probe", {"models": []})
    log = tmp_path / "worker-1.log"
    until(lambda: log.exists() and log.read_text().count("NOREPLICAS") > 5, 60)
    assert (beat.poll(), worker.poll()) == (None, None)
    refusing.config_set("min-replicas-to-write", 0)
    until(lambda: Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists(), 40)
    assert (beat.poll(), worker.poll()) == (None, None)
