"""Crews of a worker: a kind never waits for another, nobody has all of a crew, and unknown kinds fail in words."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.base.jobs import crews as crewing
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.crews import crews
from controlplane.base.jobs.engine import JobDeferred, Lease
from controlplane.base.jobs.kinds import JobKind
from controlplane.base.models import Job, JobState, User

pytestmark = pytest.mark.django_db(transaction=True)


class Work:
    """A handler that holds its jobs until it is let go; `now` are those that it holds."""

    def __init__(self) -> None:
        self.now: list[Any] = []
        self.most = 0
        self.go = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, lease: Lease) -> dict[str, Any]:
        with self._lock:
            self.now.append(lease.job.input.get("who"))
            self.most = max(self.most, len(self.now))
        assert self.go.wait(20)
        with self._lock:
            self.now.remove(lease.job.input.get("who"))
        return {}


def kind(name: str, run: Callable[[Lease], dict[str, Any]], at_once: int = 2, per_asker: int = 1) -> JobKind:
    return JobKind(name, name, run, at_once, per_asker)


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 40
    while not done():
        assert time.monotonic() < end, list(Job.objects.values("kind", "state", "error"))
        time.sleep(0.02)


def over(count: int) -> Callable[[], bool]:
    return lambda: Job.objects.filter(state__in=jobs.FINAL).count() == count


def test_a_kind_that_is_held_up_holds_up_no_other() -> None:
    slow, quick = Work(), Work()
    quick.go.set()
    wakes = crews([kind("slow", slow), kind("quick", quick)])
    jobs.enqueue("slow", {})
    for _ in range(3):
        jobs.enqueue("quick", {})
    for wake in wakes:
        wake()
    until(lambda: Job.objects.filter(kind="quick", state=JobState.SUCCEEDED).count() == 3)
    assert Job.objects.get(kind="slow").state == JobState.RUNNING
    slow.go.set()
    until(over(4))


def test_a_crew_runs_as_many_as_its_size_and_an_asker_as_many_as_his_share(person: Callable[..., User]) -> None:
    work = Work()
    ada, bob = person("engineer", "ada"), person("engineer", "bob")
    for _ in range(4):
        jobs.enqueue("k", {"who": "ada"}, actor=ada)
    jobs.enqueue("k", {"who": "bob"}, actor=bob)
    (wake, _) = crews([kind("k", work, at_once=3, per_asker=2)])
    for _ in range(9):
        wake()
    until(lambda: len(work.now) == 3)
    assert sorted(work.now) == ["ada", "ada", "bob"]
    work.go.set()
    until(over(5))
    assert work.most == 3


def test_whoever_has_waited_longest_for_a_turn_is_next(person: Callable[..., User]) -> None:
    order: list[str] = []

    def run(lease: Lease) -> dict[str, Any]:
        order.append(lease.job.input["who"])
        return {}

    people = [person("engineer", name) for name in ("ada", "bob")]
    for who in (people[0], people[0], people[0], people[1], people[1]):
        jobs.enqueue("k", {"who": who.username}, actor=who)
    (wake, _) = crews([kind("k", run, at_once=1)])
    wake()
    until(over(5))
    assert order == ["ada", "bob", "ada", "bob", "ada"]


def test_a_job_of_an_unknown_kind_fails_in_words() -> None:
    job = jobs.enqueue("unheard-of", {})
    for wake in crews([kind("k", Work())]):
        wake()
    until(over(1))
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "unheard-of" in job.error["message"]


def test_an_asker_whose_own_limit_is_met_is_kept_below_it(
    person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crewing, "CROWDED_SECONDS", 60.0)
    ada, work, crowded = person("engineer", "ada"), Work(), threading.Event()

    def run(lease: Lease) -> dict[str, Any]:
        if lease.job.input["who"] == "too many":
            crowded.set()
            raise JobDeferred("limit", "too many calls at once", crowded=True)
        return work(lease)

    jobs.enqueue("k", {"who": "first"}, actor=ada)
    (wake, _) = crews([kind("k", run, at_once=3, per_asker=3)])
    wake()
    until(lambda: work.now == ["first"])
    jobs.enqueue("k", {"who": "too many"}, actor=ada)
    wake()
    assert crowded.wait(10)
    until(lambda: Job.objects.filter(state=JobState.QUEUED).count() == 1)
    jobs.enqueue("k", {"who": "another"}, actor=ada)
    wake()
    bob = person("engineer", "bob")
    jobs.enqueue("k", {"who": "bob"}, actor=bob)
    wake()
    until(lambda: "bob" in work.now)
    assert sorted(work.now) == ["bob", "first"]
    Job.objects.filter(input__who="too many").update(kind="gone")
    work.go.set()
    until(over(3))
