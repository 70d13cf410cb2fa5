"""Races as jobs: the real child on a real scenario; children that dawdle, fail or babble; a worker that is killed."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, JobState, User
from routing.lab import races as lab
from tests.workers import WORKER, Start, kill, until

pytestmark = [pytest.mark.django_db(transaction=True)]
PAIR = ["static", "hrrn"]
COMPILING_S = 600
DAWDLER = """
import json, os, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
print(json.dumps({"kind": "start", "calls": 10, "devices": 2, "models": 3, "policies": ["static", "hrrn"]}))
one = {"waiting": 1, "running": 2, "busy": 0.5, "loading": 0.25, "answered": 4, "mean_s": 1.5, "loads": 3, "watts": 9}
for at in range(MOMENTS):
    print(json.dumps({"kind": "sample", "at_s": at, "policies": {"static": one, "hrrn": one}}))
    time.sleep(0.01)
print(json.dumps({"kind": "end", "policies": {"static": {"mean_s": 2.0}, "hrrn": {"mean_s": 1.0}}}))
"""


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Puts a program in the place of `manage.py lab race`; its first argument is a file to write its number to."""

    def put(program: str) -> Path:
        file, note = tmp_path / "child.py", tmp_path / "pid"
        file.write_text(program)
        monkeypatch.setattr(lab, "COMMAND", (sys.executable, str(file), str(note)))
        return note

    return put


def finished(job: Job) -> Job:
    """The job, after this process has worked off what is due."""
    engine.work({lab.KIND: lab.run})
    job.refresh_from_db()
    return job


def gone(pid: int) -> bool:
    """Whether that process has ended."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
@pytest.mark.timeout(COMPILING_S)
def test_a_race_runs_to_its_figures_and_keeps_its_course(person: Callable[..., User]) -> None:
    job = finished(lab.start(person("engineer"), "together", PAIR, 3))
    assert (job.state, job.error) == (JobState.SUCCEEDED, None)
    result = job.result
    assert (result["calls"], result["models"], result["devices"]) == (500, 500, 64)
    assert set(result["figures"]) == set(result["series"]["policies"]) == set(PAIR)
    times = result["series"]["at_s"]
    assert 20 < len(times) <= 120
    assert times == sorted(times)
    assert result["series"]["policies"]["hrrn"]["answered"][-1] == 500
    assert 0 < result["figures"]["hrrn"]["mean_s"] < result["figures"]["static"]["mean_s"]
    assert (job.progress["done"], job.progress["total"], job.progress["phase"]) == (1000, 1000, "done")
    assert job.progress["series"] == {}
    again = finished(lab.start(person("engineer"), "together", PAIR, 3)).result
    for name in PAIR:
        assert again["series"]["policies"][name] == result["series"]["policies"][name]
        assert {**again["figures"][name], "decision_us": 0} == {**result["figures"][name], "decision_us": 0}


def test_a_cancelled_race_kills_its_child_and_keeps_what_it_saw(
    person: Callable[..., User], child: Callable[[str], Path], in_threads: Callable[[Callable[[], None], int], None]
) -> None:
    note = child(DAWDLER.replace("MOMENTS", "100_000"))
    owner = person("engineer")
    job = lab.start(owner, "A", PAIR, 1)

    def stop_soon() -> None:
        until(lambda: bool(Job.objects.get(pk=job.pk).progress.get("series", {}).get("at_s")), 20)
        jobs.cancel(owner, job.pk)

    stopper = threading.Thread(target=in_threads, args=(stop_soon, 1))
    stopper.start()
    began = time.monotonic()
    finished(job)
    stopper.join()
    assert time.monotonic() - began < 60
    assert job.state == JobState.CANCELLED
    assert gone(int(note.read_text()))
    assert job.result["figures"] == {}
    assert job.result["series"]["policies"]["hrrn"]["waiting"][0] == 1


def test_progress_is_told_a_few_times_a_second_and_stays_small(
    person: Callable[..., User], child: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    child(DAWDLER.replace("MOMENTS", "150"))
    told: list[str] = []
    monkeypatch.setattr(jobs, "announce", lambda one: told.append(str(jobs.snapshot(one))))
    began = time.monotonic()
    job = finished(lab.start(person("engineer"), "A", PAIR, 1))
    assert job.state == JobState.SUCCEEDED
    assert job.result["figures"]["hrrn"] == {"mean_s": 1.0}
    assert len(told) <= 6 + 3 * (time.monotonic() - began)
    assert max(map(len, told)) < 6000


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.exit('CommandError: ppo has no weights')", "the race failed: ppo has no weights"),
        ("raise ValueError('no device left')", "the race failed: no device left"),
        ("import os; os.kill(os.getpid(), 9)", "killed by signal 9; the machine may have run out of memory"),
        ("pass", "it ended without a result and without a word"),
        ("print('hello')", "the race printed what is no result: hello"),
        ("print('[1, 2]')", "the race printed what is no result: [1, 2]"),
        ('print(\'{"kind": "sample", "at_s": 1, "policies": {"a": {}}}\')', "the race printed what is no result"),
        ('print(\'{"kind": "end", "policies": {}}\')', "the race printed what is no result"),
    ],
)
def test_a_failing_child_is_told_in_words_at_once(
    person: Callable[..., User], child: Callable[[str], Path], program: str, words: str
) -> None:
    child(program)
    job = finished(lab.start(person("engineer"), "A", PAIR, 1))
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert words in job.error["message"]


def test_a_child_that_hangs_is_given_up_and_killed(
    person: Callable[..., User], child: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    note = child("import os, sys, time\nopen(sys.argv[1], 'w').write(str(os.getpid()))\ntime.sleep(600)")
    monkeypatch.setattr(lab, "LIMIT_S", 1.5)
    monkeypatch.setattr(lab, "SILENT_S", 0.3)
    phases: list[str] = []
    monkeypatch.setattr(jobs, "announce", lambda one: phases.append(one.progress.get("phase", "")))
    job = finished(lab.start(person("engineer"), "A", PAIR, 1))
    assert job.error["code"] == "race_too_long"
    assert gone(int(note.read_text()))
    assert phases.index("starting") < phases.index("compiling")


@pytest.mark.slow
@pytest.mark.timeout(COMPILING_S)
def test_a_race_outlives_its_worker(start_celery: Start, tmp_path: Path, person: Callable[..., User]) -> None:
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    first = start_celery(*WORKER)
    job = lab.start(person("engineer"), "together", PAIR, 1)

    def children() -> list[psutil.Process]:
        found = [one for one in psutil.Process(first.pid).children() if one.status() != psutil.STATUS_ZOMBIE]
        return [one for one in found if "race" in one.cmdline()]

    until(lambda: bool(children()), 60)
    orphan = children()[0].pid
    kill(first)
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.RUNNING, 1)
    start_celery(*WORKER)
    until(lambda: Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists(), COMPILING_S - 60)
    job.refresh_from_db()
    assert (job.attempts, job.error) == (2, None)
    assert set(job.result["figures"]) == set(PAIR)
    until(lambda: gone(orphan), 30)
