"""Sums of long charts: the same from kept steps as from the records, also after a record that came late."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.base.models import User
from routing.calls import records, steps, traffic
from routing.dataplane.recorder import Record
from routing.models import CallRecord, TrafficStep

Person = Callable[..., User]
pytestmark = pytest.mark.django_db


def came(ago: timedelta, *, status: int = 200, ms: float = 100.0) -> Record:
    """A record of a call that began so long ago, stored as the worker stores it."""
    found = Record(
        id=str(uuid.uuid4()), at=datetime.now(UTC) - ago, model="one", task="chat", api_key_id=None, endpoint="",
        status=status, failure="", message="", stream=False, attempts=1, duration_ms=ms, first_byte_ms=None,
        prompt_tokens=None, completion_tokens=None, usage_basis="", adapted=(), revision=1,
    )  # fmt: skip
    records.store([found])
    return found


def chart(reader: User, span: str) -> traffic.Summary:
    cache.clear()
    found = traffic.summary(reader, span)
    assert found is not None
    return found


@pytest.mark.parametrize(("span", "far"), [("24h", timedelta(hours=5)), ("30d", timedelta(days=11))])
def test_kept_steps_say_what_the_records_say(person: Person, span: str, far: timedelta) -> None:
    reader = person("viewer")
    for ms in (100.0, 300.0):
        came(far, ms=ms)
    came(far, status=502)
    came(timedelta(0), status=429)
    before = chart(reader, span)
    assert before.calls == 4
    assert [(step.answered, step.failed) for step in before.buckets if step.calls] == [(2, 1)]
    assert steps.keep() == sum(steps.KEPT.values())
    assert chart(reader, span).buckets == before.buckets
    with CaptureQueriesContext(
        connection,
    ) as queries:
        steps.keep()
    assert not any("insert" in query["sql"].lower() for query in queries)


def test_record_that_comes_late_is_counted(person: Person) -> None:
    reader = person("viewer")
    steps.keep()
    came(timedelta(hours=3))
    for span in ("24h", "30d"):
        assert chart(reader, span).calls == 1
    steps.keep()
    for span in ("24h", "30d"):
        assert sum(step.calls for step in chart(reader, span).buckets) + chart(reader, span).current.calls == 1


def test_chart_of_thirty_days_reads_kept_steps_and_not_every_call(person: Person) -> None:
    reader = person("viewer")
    came(timedelta(days=9))
    steps.keep()
    CallRecord.objects.filter(at__lt=timezone.now() - timedelta(days=8)).delete()
    assert chart(reader, "30d").calls == 1
    with CaptureQueriesContext(connection) as queries:
        chart(reader, "30d")
    assert sum("routing_" in query["sql"] for query in queries) == 3


def test_steps_that_no_chart_shows_are_deleted() -> None:
    TrafficStep.objects.create(
        step_s=1800, at=timezone.now() - timedelta(days=3), answered=1, refused=0, failed=0, left=0
    )
    steps.keep()
    assert not TrafficStep.objects.filter(answered=1).exists()
