"""H6 and H7: an accepted durable call is not lost to limits that pass, and one key's calls hold up nobody else's."""

import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from django.db.models import F
from django.db.models.functions import Now

from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import HORIZON, JobDeferred, Lease
from controlplane.base.models import Job, JobState, User
from registry.access import callers
from registry.canon import Failure
from registry.catalog import importing
from registry.catalog import verbs as catalog
from registry.models import Model, ModelState
from routing.calls import jobs as calls
from routing.dataplane.hooks import Submission
from routing.table import Caller
from tests.upstreams import Upstreams
from tests.workers import WORKER, Start, until

pytestmark = pytest.mark.django_db(transaction=True)
BODY = b'{"model": "%b", "messages": [{"role": "user", "content": "hello"}]}'


def key_of(owner: User, name: str, concurrency: int | None = None) -> Caller:
    row, _ = callers.create(owner, name, ["call"])
    row.max_concurrency = concurrency
    row.save()
    return Caller(row.pk, row.name, frozenset(row.scopes))


def order(key: Caller, model: str, idempotency_key: str | None = None) -> Submission:
    return Submission(key, "/v1/chat/completions", BODY % model.encode(), model, uuid.uuid4().hex, idempotency_key)


def add_model(owner: User, name: str, endpoint: str) -> str:
    catalog.create(owner, {"name": name, "type": "llm", "protocol": "openai", "endpoint": endpoint})
    Model.objects.update(state=ModelState.READY)
    Job.objects.all().delete()
    return name


def practice_model(upstreams: Upstreams, owner: User) -> str:
    rows = yaml.safe_load(upstreams.yaml(20))["models"]
    row = next(item for item in rows if item["protocol"].lower() == "openai" and item["type"].lower() == "llm")
    return add_model(owner, row["name"], row["endpoint"])


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def ended(*ids: str) -> int:
    return Job.objects.filter(pk__in=ids, state=JobState.SUCCEEDED).count()


@pytest.mark.slow
def test_h6_calls_over_their_keys_own_limit_are_all_made(
    start_celery: Start,
    tmp_path: Path,
    upstreams: Upstreams,
    person: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = person("engineer")
    name = practice_model(upstreams, owner)
    monkeypatch.setattr(upstreams.fleet.latency, "first_ms", 400)
    key = key_of(owner, "narrow", 1)
    ids = [calls.store(order(key, name)) for _ in range(12)]
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    start_celery(*WORKER)
    until(lambda: ended(*ids) == 12 or Job.objects.filter(state=JobState.FAILED).exists(), 90)
    assert ended(*ids) == 12, Job.objects.filter(state=JobState.FAILED).values_list("error", flat=True)
    assert set(Job.objects.filter(pk__in=ids).values_list("attempts", flat=True)) == {1}


@pytest.mark.slow
def test_h6_calls_outlive_an_upstream_that_is_away_for_longer_than_three_attempts_last(
    start_celery: Start, tmp_path: Path, upstreams: Upstreams, person: Callable[..., User]
) -> None:
    owner = person("engineer")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        name = add_model(owner, "away", f"http://127.0.0.1:{closed.getsockname()[1]}")
        job = calls.store(order(key_of(owner, "app"), name))
        start_celery("beat", "--schedule", str(tmp_path / "beat"))
        start_celery(*WORKER)
        until(lambda: Job.objects.filter(pk=job, fence__gte=5).exists(), 60)
    found = Job.objects.get(pk=job)
    assert (found.state in (JobState.QUEUED, JobState.RUNNING), found.attempts <= 1) == (True, True)


@pytest.mark.slow
def test_h7_hanging_calls_of_one_key_hold_up_neither_another_key_nor_an_import(
    start_celery: Start, tmp_path: Path, upstreams: Upstreams, silent: str, person: Callable[..., User]
) -> None:
    owner = person("engineer")
    practice, hanging = practice_model(upstreams, owner), add_model(owner, "hanging", silent)
    loud = key_of(owner, "loud")
    stuck = [calls.store(order(loud, hanging)) for _ in range(60)]
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    start_celery(*WORKER)
    until(lambda: Job.objects.filter(pk__in=stuck, state=JobState.RUNNING).count() >= 6, 60)
    others = [calls.store(order(key_of(owner, f"quiet-{number}"), practice)) for number in range(3)]
    mine = importing.start(owner, upstreams.yaml(3))
    took = until(lambda: ended(*others, str(mine.pk)) == 4, 20)
    assert took < 20
    assert Job.objects.filter(pk__in=stuck, state=JobState.RUNNING).count() <= 8


def test_h6_what_cannot_be_done_now_goes_back_without_an_attempt_until_it_is_an_hour_old() -> None:
    job = jobs.enqueue("call", {}, max_attempts=3)

    def busy(lease: Lease) -> dict[str, object]:
        raise JobDeferred("concurrency_limit", "its limit is 1", retry_after=7.0)

    waits = []
    for _ in range(5):
        Job.objects.update(due_at=Now())
        assert engine.work({"call": busy}) == 1
        job.refresh_from_db()
        assert (job.state, job.attempts) == (JobState.QUEUED, 0)
        waits.append((Job.objects.annotate(rest=F("due_at") - Now()).get(pk=job.pk).rest).total_seconds())
    assert all(6.5 < wait < 11 for wait in waits)
    assert len(set(waits)) == 5
    Job.objects.update(due_at=Now(), created_at=Now() - HORIZON)
    engine.work({"call": busy})
    job.refresh_from_db()
    assert (job.state, job.error["message"]) == (JobState.FAILED, "gave up after 60 minutes: its limit is 1")


def test_h7_claims_go_round_the_askers(person: Callable[..., User]) -> None:
    first, second = person("engineer"), person("engineer")
    for _ in range(3):
        jobs.enqueue("echo", {}, actor=first)
    jobs.enqueue("echo", {}, actor=second)
    taken = engine.claim_fairly(engine.ANY, lambda asker: (0, 1 if asker[1] == first.pk else 0))
    assert taken is not None
    assert taken.job.created_by_id == second.pk
    assert engine.claim_fairly(engine.ANY, lambda asker: None) is None


def test_h7_a_key_has_a_thousand_calls_waiting_at_the_most(
    person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOST_WAITING", 5)
    owner = person("engineer")
    key, other = key_of(owner, "app"), key_of(owner, "other")
    stored = calls.store(order(key, "m", "same"))
    for _ in range(4):
        calls.store(order(key, "m"))
    with pytest.raises(Failure, match="5 durable calls waiting") as refused:
        calls.store(order(key, "m"))
    assert (refused.value.kind.value, refused.value.retry_after) == ("rate_limited", 10.0)
    assert calls.store(order(key, "m", "same")) == stored
    assert calls.store(order(other, "m"))


def test_low_a_long_idempotency_key_is_refused_not_cut(person: Callable[..., User]) -> None:
    key = key_of(person("engineer"), "app")
    with pytest.raises(Failure, match="1 to 200"):
        calls.store(order(key, "m", "k" * 201))
    assert calls.store(order(key, "m", "k" * 200)) != calls.store(order(key, "m", "k" * 199))
