"""Call records from the Redis stream to rows: each once, broken ones kept aside, old ones forgotten."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import redis
from django.utils import timezone

from controlplane.base import events, redis_names
from controlplane.base.models import User
from registry.access import callers
from routing.calls import records
from routing.calls import search as calls
from routing.dataplane.endpoints import read_head
from routing.dataplane.recorder import Record
from routing.models import CallRecord

pytestmark = pytest.mark.django_db


def record(**more: Any) -> Record:
    fields: dict[str, Any] = {
        "id": str(uuid.uuid4()), "at": datetime.now(UTC), "model": "m", "task": "chat", "api_key_id": 1,
        "endpoint": "http://x", "status": 200, "failure": "", "message": "", "stream": False, "attempts": 1,
        "duration_ms": 12.5, "first_byte_ms": None, "prompt_tokens": 3, "completion_tokens": 4,
        "usage_basis": "reported", "adapted": (), "revision": 7,
    }  # fmt: skip
    return Record(**{**fields, **more})


@pytest.fixture
def stream(stores: None) -> redis.Redis:
    return events.store()


def send(client: redis.Redis, *items: Record) -> None:
    client.xadd(redis_names.CALLS, {"records": msgspec.json.encode(items)})


def test_every_record_arrives_once(stream: redis.Redis) -> None:
    first, second = record(), record(status=502, failure="upstream_error", job_id=str(uuid.uuid4()))
    send(stream, first, second)
    send(stream, first)
    assert records.drain() == 3
    assert records.drain() == 0
    assert CallRecord.objects.count() == 2
    assert stream.xlen(redis_names.CALLS) == 0
    row = CallRecord.objects.get(pk=second.id)
    assert (row.status, row.failure, str(row.job_id), row.prompt_tokens) == (502, "upstream_error", second.job_id, 3)


def test_the_longest_request_id_that_a_caller_may_give_is_kept_whole(stream: redis.Redis) -> None:
    longest = read_head([(b"x-request-id", b"r" * 128)]).request_id
    assert longest is not None
    assert read_head([(b"x-request-id", b"r" * 129)]).request_id is None
    one, other = record(request_id=longest.decode()), record(request_id="r" * 127 + "s")
    send(stream, one, other)
    records.drain()
    assert [row.pk for row in calls.with_this_id(User(role="viewer"), longest.decode())] == [uuid.UUID(one.id)]


def test_what_a_dead_drain_had_taken_is_taken_again(stream: redis.Redis) -> None:
    send(stream, record())
    records._make_group(stream)
    stream.xreadgroup(records.GROUP, records.CONSUMER, {redis_names.CALLS: ">"})
    assert records.drain() == 1
    assert CallRecord.objects.count() == 1


def test_one_broken_message_holds_up_nobody(stream: redis.Redis) -> None:
    stream.xadd(redis_names.CALLS, {"records": b"garbage"})
    odd = record(model="a\x00b" * 200, message="\x00", status=99999, prompt_tokens=10**12, duration_ms=float("1e308"))
    send(stream, odd, record(id="not-a-uuid"), record())
    records.drain()
    assert CallRecord.objects.count() == 2
    assert len(CallRecord.objects.get(pk=odd.id).model) == 200
    assert stream.xlen(redis_names.CALLS) == 0
    assert stream.xlen(redis_names.CALLS_REJECTED) == 2


def test_old_records_are_forgotten() -> None:
    records.store([record(), record(at=timezone.now() - timedelta(days=31))])
    assert records.forget_old_records() == 1
    assert CallRecord.objects.count() == 1


def test_records_of_practice_callers_are_forgotten_after_a_week() -> None:
    program = User.objects.create_user("first-run", role="engineer")
    person = User.objects.create_user("ann", password="of-a-person", role="engineer")
    practice, same_name = (callers.create(one, callers.PRACTICE, ["call"])[0].pk for one in (program, person))
    week = timezone.now() - timedelta(days=8)
    records.store([record(api_key_id=key, at=at) for key in (practice, same_name) for at in (week, timezone.now())])
    assert records.forget_old_records() == 1
    assert CallRecord.objects.filter(api_key_id=practice).count() == 1
    assert CallRecord.objects.filter(api_key_id=same_name).count() == 2


def test_a_store_that_is_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "store", lambda: redis.Redis(port=1, socket_connect_timeout=0.2))
    assert records.drain() == 0


def test_one_drain_runs_at_a_time(stream: redis.Redis) -> None:
    send(stream, record())
    with stream.lock(redis_names.CALLS_DRAINING, timeout=60):
        assert records.drain() == 0
        assert stream.xlen(redis_names.CALLS) == 1
    assert records.drain() == 1


def test_a_drain_that_died_holds_up_the_next_for_seconds_only(stream: redis.Redis) -> None:
    assert stream.lock(redis_names.CALLS_DRAINING, timeout=records.DRAINING_SECONDS).acquire()
    assert stream.pttl(redis_names.CALLS_DRAINING) in range(1, 15_001)
    stream.delete(redis_names.CALLS_DRAINING)


class Slow(redis.Redis):
    """A store whose answer of more than two messages comes too late."""

    def xreadgroup(self, *given: Any, **more: Any) -> Any:
        answer: Any = super().xreadgroup(*given, **more)
        if answer and len(answer[0][1]) > 2:
            raise redis.TimeoutError("Timeout reading from socket")
        return answer


def test_a_read_that_takes_too_long_is_tried_again_with_fewer(
    stream: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(40):
        send(stream, record())
    slow = Slow(connection_pool=stream.connection_pool)
    monkeypatch.setattr(events, "store", lambda: slow)
    assert records.drain() == 40
    assert CallRecord.objects.count() == 40
    assert stream.xlen(redis_names.CALLS) == 0
