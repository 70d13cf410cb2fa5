"""Durable jobs: idempotent to put in, counted before they run, fenced when they end, visible to their maker."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from controlplane.base import access
from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobFailed, Lease
from controlplane.base.models import Job, JobState, User
from controlplane.base.refusals import Conflict, Missing
from registry.access.callers import KeyActor

pytestmark = pytest.mark.django_db(transaction=True)


def expire(job: Job) -> None:
    """What 20 s without a renewal do."""
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


def make_due(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(due_at=Now())


def key_of(user: User, key_id: int) -> KeyActor:
    return KeyActor(user.pk, key_id, "key", user.role, True, frozenset({"call"}))


def test_a_job_runs_once_and_keeps_its_result() -> None:
    job = jobs.enqueue("echo", {"n": 3})
    seen: list[int] = []

    def echo(lease: Lease) -> dict[str, Any]:
        lease.progress(done=1, total=1)
        seen.append(lease.job.input["n"])
        return {"n": lease.job.input["n"], "text": "a\x00b"}

    assert engine.work({"echo": echo}) == 1
    assert engine.work({"echo": echo}) == 0
    job.refresh_from_db()
    assert (job.state, job.attempts, seen) == (JobState.SUCCEEDED, 1, [3])
    assert job.result == {"n": 3, "text": "a\ufffdb"}
    assert job.progress == {"done": 1, "total": 1}
    assert job.finished_at is not None


def test_workers_side_by_side_share_out_the_jobs(in_threads: Callable[[Callable[[], None], int], None]) -> None:
    for number in range(12):
        jobs.enqueue("echo", {"n": number})
    ran: list[int] = []

    def echo(lease: Lease) -> dict[str, Any]:
        ran.append(lease.job.input["n"])
        return {}

    def worker() -> None:
        engine.work({"echo": echo})

    in_threads(worker, 4)
    assert sorted(ran) == list(range(12))


def test_a_late_worker_writes_nothing() -> None:
    job = jobs.enqueue("echo", {})
    (late,) = engine.claim()
    expire(job)
    (second,) = engine.claim()
    assert second.fence == late.fence + 1
    with pytest.raises(engine.LeaseLost):
        late.flush()
    assert not late.renew()
    assert not late.finish({"by": "late"})
    assert not late.fail({"message": "late"})
    assert second.finish({"by": "second"})
    assert not second.finish({"by": "twice"})
    job.refresh_from_db()
    assert (job.result, job.attempts) == ({"by": "second"}, 2)


def test_a_renewed_lease_is_not_taken() -> None:
    job = jobs.enqueue("echo", {})
    (lease,) = engine.claim()
    expire(job)
    assert lease.renew()
    assert engine.claim() == []


def test_a_job_that_kills_its_workers_ends_in_the_dead_letters() -> None:
    job = jobs.enqueue("poison", {}, max_attempts=3)
    for _ in range(3):
        assert len(engine.claim()) == 1
        expire(job)
    assert engine.claim() == []
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error["code"] == "dead_letter"
    assert "gave up after 3 attempts" in job.error["message"]


def test_a_job_that_raises_is_tried_again_later_then_given_up() -> None:
    def boom(lease: Lease) -> dict[str, Any]:
        raise RuntimeError("token=abcdefghijkl is wrong")

    job = jobs.enqueue("boom", {}, max_attempts=2)
    assert engine.work({"boom": boom}) == 1
    job.refresh_from_db()
    assert job.state == JobState.QUEUED
    assert job.due_at > job.created_at
    assert "abcdefghijkl" not in job.error["message"]
    make_due(job)
    assert engine.work({"boom": boom}) == 1
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.error["message"].startswith("gave up after 2 attempts: RuntimeError")


def test_a_final_failure_is_not_tried_again() -> None:
    def refuse(lease: Lease) -> dict[str, Any]:
        raise JobFailed("bad_input", "row 3 is wrong", [{"row": 3}])

    job = jobs.enqueue("refuse", {})
    engine.work({"refuse": refuse})
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert job.error == {"code": "bad_input", "message": "row 3 is wrong", "detail": [{"row": 3}]}


def test_an_unknown_kind_fails_with_words() -> None:
    job = jobs.enqueue("nonsense", {})
    engine.work({"echo": lambda lease: {}})
    job.refresh_from_db()
    assert "echo" in job.error["message"]


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_at_its_next_step(person: Callable[..., User]) -> None:
    admin = person("admin")
    queued = jobs.enqueue("echo", {}, actor=admin)
    assert jobs.cancel(admin, queued.pk).state == JobState.CANCELLED
    with pytest.raises(Conflict, match="cancelled already"):
        jobs.cancel(admin, queued.pk)
    running = jobs.enqueue("slow", {}, actor=admin)
    began = threading.Event()

    def slow(lease: Lease) -> dict[str, Any]:
        jobs.cancel(admin, running.pk)
        began.set()
        return {"stopped": lease.cancelled()}

    engine.work({"slow": slow})
    running.refresh_from_db()
    assert began.is_set()
    assert (running.state, running.result) == (JobState.CANCELLED, {"stopped": True})


def test_a_cancelled_job_of_a_dead_worker_is_not_run_again(person: Callable[..., User]) -> None:
    admin = person("admin")
    job = jobs.enqueue("echo", {}, actor=admin)
    engine.claim()
    jobs.cancel(admin, job.pk)
    expire(job)
    assert engine.claim() == []
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_fifty_equal_requests_make_one_job(
    person: Callable[..., User], in_threads: Callable[[Callable[[], None], int], None]
) -> None:
    user = person("engineer")
    made: list[object] = []

    def ask() -> None:
        for _ in range(5):
            made.append(jobs.enqueue("echo", {}, actor=user, idempotency=jobs.Idempotency("k", "d")).pk)

    in_threads(ask, 10)
    assert len(made) == 50
    assert len(set(made)) == Job.objects.count() == 1
    with pytest.raises(Conflict, match="was used for another request"):
        jobs.enqueue("echo", {"n": 2}, actor=user, idempotency=jobs.Idempotency("k", "other"))


def test_a_job_is_seen_by_its_maker_and_admins_only(person: Callable[..., User]) -> None:
    maker, other, admin = person("engineer"), person("engineer"), person("admin")
    by_person = jobs.enqueue("echo", {}, actor=maker)
    by_key = jobs.enqueue("echo", {}, actor=key_of(maker, 7))
    assert set(jobs.visible(maker)) == {by_person, by_key}
    assert set(jobs.visible(admin)) == {by_person, by_key}
    assert set(jobs.visible(other)) == set()
    assert set(jobs.visible(key_of(maker, 7))) == {by_key}
    assert set(jobs.visible(key_of(admin, 8))) == set()
    for stranger in (other, key_of(maker, 8), key_of(admin, 8)):
        with pytest.raises(Missing):
            jobs.get(stranger, by_key.pk)
        with pytest.raises(Missing):
            jobs.cancel(stranger, str(by_key.pk))
    with pytest.raises(access.Forbidden):
        jobs.visible(None)
    with pytest.raises(Missing, match="not a job's id"):
        jobs.get(maker, "\x00")
