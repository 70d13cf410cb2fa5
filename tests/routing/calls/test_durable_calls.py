"""Durable calls: stored by the gateway's port, made by a real worker, and surviving its death."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from controlplane.base.models import Job, JobState, User
from registry.access import callers
from registry.canon import Failure
from registry.catalog import verbs as catalog
from registry.models import Model, ModelState
from routing.calls import jobs as calls
from routing.dataplane.hooks import Submission
from routing.models import CallRecord
from routing.table import Caller
from tests.upstreams import Upstreams
from tests.workers import WORKER, Start, kill, until

pytestmark = [pytest.mark.django_db(transaction=True)]
BODY = b'{"model": "%b", "messages": [{"role": "user", "content": "hello"}]}'


@pytest.fixture
def key(person: Callable[..., User]) -> Caller:
    row, _ = callers.create(person("engineer"), "app", ["call"])
    return Caller(row.pk, row.name, frozenset(row.scopes))


def order(key: Caller, model: str = "m", idempotency_key: str | None = None, body: bytes = b"") -> Submission:
    path = "/v1/chat/completions"
    return Submission(key, path, body or BODY % model.encode(), model, uuid.uuid4().hex, idempotency_key)


def chat_model(upstreams: Upstreams, owner: User, suffix: str = "") -> str:
    rows = yaml.safe_load(upstreams.yaml(20))["models"]
    row = next(item for item in rows if item["protocol"].lower() == "openai" and item["type"].lower() == "llm")
    catalog.create(owner, {**row, "endpoint": row["endpoint"] + suffix})
    Model.objects.update(state=ModelState.READY)
    Job.objects.all().delete()
    return str(row["name"])


def test_the_same_key_gives_the_same_job_and_another_body_is_refused(key: Caller) -> None:
    first = calls.store(order(key, idempotency_key="k-1"))
    assert calls.store(order(key, idempotency_key="k-1")) == first
    assert calls.store(order(key)) != first
    with pytest.raises(Failure, match="another request"):
        calls.store(order(key, "other", idempotency_key="k-1"))
    job = Job.objects.get(pk=first)
    assert (job.api_key_id, job.kind, job.state) == (key.key_id, "call", JobState.QUEUED)


def test_a_revoked_key_or_broken_body_stores_nothing(key: Caller, person: Callable[..., User]) -> None:
    with pytest.raises(Failure, match="UTF-8"):
        calls.store(order(key, body=b'{"model": "\xff"}'))
    callers.revoke(person("admin"), key.key_id)
    with pytest.raises(Failure, match="revoked"):
        calls.store(order(key))
    assert not Job.objects.exists()


@pytest.mark.slow
def test_a_worker_makes_the_call_and_another_takes_over(
    start_celery: Start,
    tmp_path: Path,
    upstreams: Upstreams,
    person: Callable[..., User],
    key: Caller,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = chat_model(upstreams, person("engineer"))
    start_celery("beat", "--schedule", str(tmp_path / "beat"))
    worker = start_celery(*WORKER)
    done = calls.store(order(key, name))
    missing = calls.store(order(key, "no-such-model"))
    until(lambda: not Job.objects.exclude(state__in=[JobState.SUCCEEDED, JobState.FAILED]).exists(), 40)
    assert Job.objects.get(pk=done).result["body"]["choices"][0]["message"]["content"]
    assert Job.objects.get(pk=missing).error["code"] == "model_not_found"
    until(lambda: CallRecord.objects.filter(job_id=done, status=200).exists(), 20)

    monkeypatch.setattr(upstreams.fleet.latency, "first_ms", 3000)
    slow = [calls.store(order(key, name)) for _ in range(4)]
    until(lambda: Job.objects.filter(state=JobState.RUNNING).count() == 4, 20)
    kill(worker)
    monkeypatch.setattr(upstreams.fleet.latency, "first_ms", 0)
    start_celery(*WORKER)
    until(lambda: Job.objects.filter(attempts=2).count() == 4, 35)
    until(lambda: Job.objects.filter(pk__in=slow, state=JobState.SUCCEEDED).count() == 4, 30)
    assert {job.fence for job in Job.objects.filter(pk__in=slow)} == {2}
