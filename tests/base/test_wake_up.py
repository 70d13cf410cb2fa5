"""The wake-up that is written without Celery is one that Celery takes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.base import events, redis_names
from controlplane.base.jobs import queue
from controlplane.base.models import Job, JobState, User
from controlplane.celery import app
from registry.catalog import importing
from tests.upstreams import Upstreams
from tests.workers import WORKER, Start, until

NOT_SAID = {"shadow", "group_index", "replaced_task_nesting", "stamped_headers", "stamps", "reply_to"}


def told(text: str | bytes) -> dict[str, Any]:
    """A message without what differs from one to the next."""
    message: dict[str, Any] = json.loads(text)
    message["body"] = json.loads(base64.b64decode(message["body"]))
    headers, properties = message["headers"], message["properties"]
    assert headers["id"] == headers["root_id"] == properties["correlation_id"]
    for name in ("id", "root_id", "origin", *NOT_SAID):
        headers.pop(name, None)
    for name in ("correlation_id", "delivery_tag", *NOT_SAID):
        properties.pop(name, None)
    return message


def sent() -> list[bytes]:
    """The messages that wait for workers."""
    found: Any = events.store().lrange(redis_names.BROKER_LIST, 0, -1)
    return list(found)


@pytest.fixture
def broker(stores: None) -> None:
    events.store().delete(redis_names.BROKER_LIST)


def test_it_says_what_celery_says(broker: None) -> None:
    app.send_task(queue.WAKE, ignore_result=True, retry=False)
    (message,) = sent()
    assert told(queue.wake_up()) == told(message)


def test_ringing_leaves_one_message_where_workers_look(broker: None) -> None:
    queue.ring()
    until(lambda: len(sent()) == 1, 10)
    assert told(sent()[0])["headers"]["task"] == queue.WAKE


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_it_wakes_a_worker_without_a_sweeper(
    broker: None, start_celery: Start, upstreams: Upstreams, person: Callable[..., User]
) -> None:
    start_celery(*WORKER)
    job = importing.start(person("engineer"), upstreams.yaml(3))
    until(lambda: Job.objects.filter(pk=job.pk, state=JobState.SUCCEEDED).exists(), 40)
