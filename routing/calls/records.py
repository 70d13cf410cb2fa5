"""Call records: from the Redis stream into PostgreSQL in batches, at least once, and out again when they are old.

Each stream message is a JSON array of routing.dataplane.recorder.Record. A message is acknowledged after its rows are
committed; rows that arrive twice have the same id and are ignored.
"""

import logging
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import msgspec
import redis
from django.db import DataError, connection, transaction
from django.db.models.functions import Now
from psycopg.sql import SQL, Identifier
from redis.exceptions import LockError
from redis.lock import Lock

from controlplane.base import events, redis_names
from registry.access import callers
from routing.calls import kept, steps, uses
from routing.dataplane.link import DRAINED_KEPT
from routing.dataplane.recorder import Record
from routing.energy import waiting
from routing.models import CallRecord

GROUP = "records"
CONSUMER = "drain"
DRAINING_SECONDS = 15
BATCH = 16
KEPT = timedelta(days=30)
PRACTICE_KEPT = timedelta(days=7)
"""For those of practice callers: 260,000 a day that nobody asked for. Sums of them stay as long as others do."""
_TEXT = {
    "model": 200,
    "task": 32,
    "endpoint": 500,
    "failure": 64,
    "message": 4000,
    "usage_basis": 16,
    "request_id": 128,
    "fell_back": 64,
}
_SMALL, _INT = 32_767, 2_147_483_647
_DECODER = msgspec.json.Decoder(list[Record])

Message = tuple[bytes, list[Record]]
log = logging.getLogger(__name__)


def drain() -> int:
    """Store every record that waits in Redis. Returns how many rows arrived; 0 if Redis is away."""
    try:
        arrived = _drain(events.store())
        events.store().set(redis_names.CALLS_DRAINED, b"", ex=DRAINED_KEPT)
        return arrived
    except redis.RedisError as error:
        log.warning("call records stay in Redis for now: %s", error)
        return 0


def forget_old_records() -> int:
    """Delete records older than 30 days, those of practice callers (emulated) older than 7. Returns how many."""
    practice = CallRecord.objects.filter(api_key_id__in=callers.practice(), at__lt=Now() - PRACTICE_KEPT)
    return CallRecord.objects.filter(at__lt=Now() - KEPT).delete()[0] + practice.delete()[0]


def store(records: Sequence[Record]) -> None:
    """Write records by COPY; those whose id is known are ignored. Raises DataError."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("create temp table incoming_calls (like routing_callrecord including defaults) on commit drop")
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            for record in records:
                copy.write_row(_row(record))
        cursor.execute(_INSERT)
        new = {str(row[0]) for row in cursor.fetchall()}
        cursor.execute("drop table incoming_calls")
        arrived = _each_once(records, new)
        uses.keep(arrived)
        kept.keep(arrived)
        waiting.keep(arrived)
        if records:
            steps.forget(min(record.at for record in records))


def _each_once(records: Sequence[Record], new: set[str]) -> Sequence[Record]:
    """Those records whose rows were new, each once."""
    by_id = {str(UUID(record.id)): record for record in records}
    return [record for known, record in by_id.items() if known in new]


_COLUMNS = tuple(name for name in Record.__struct_fields__ if name not in ("given", "kept"))
_NAMES = SQL(", ").join(map(Identifier, _COLUMNS))
_COPY = SQL("copy incoming_calls ({}) from stdin").format(_NAMES)
_INSERT = SQL(
    "insert into routing_callrecord ({0}) select {0} from incoming_calls on conflict (id) do nothing returning id"
).format(_NAMES)


def _drain(store_of_messages: redis.Redis) -> int:
    """Drain unless another thread or process does: two would read the same messages, and twice the memory."""
    lock = store_of_messages.lock(redis_names.CALLS_DRAINING, timeout=DRAINING_SECONDS, blocking=False)
    if not lock.acquire():
        return 0
    try:
        arrived = _store_all(store_of_messages, lock)
    finally:
        with suppress(LockError):
            lock.release()
    if arrived:
        events.publish("calls", {"count": arrived})
    return arrived


def _store_all(client: redis.Redis, lock: Lock) -> int:
    """Store what an earlier drain had taken, then what is new, in batches that shrink when a read takes too long."""
    _make_group(client)
    arrived, size, start = 0, BATCH, "0"
    while True:
        try:
            answer = cast(Any, client.xreadgroup(GROUP, CONSUMER, {redis_names.CALLS: start}, count=size))
        except redis.TimeoutError:
            if size == 1:
                raise
            size, start = size // 2, "0"
            continue
        messages = answer[0][1] if answer else []
        if messages:
            arrived += _store_messages(client, messages)
            lock.reacquire()
        elif start == ">":
            return arrived
        else:
            start = ">"


def _make_group(client: redis.Redis) -> None:
    try:
        client.xgroup_create(redis_names.CALLS, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def _store_messages(client: redis.Redis, messages: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> int:
    read: list[Message] = []
    done: list[bytes] = []
    for message_id, fields in messages:
        done.append(message_id)
        try:
            read.append((message_id, [item for packed in (fields or {}).values() for item in _DECODER.decode(packed)]))
        except msgspec.MsgspecError as error:
            _reject(client, fields, error)
    records = [record for _, items in read for record in items]
    try:
        store(records)
    except DataError:
        for record in records:
            _store_alone(client, record)
    with client.pipeline() as pipe:
        pipe.xack(redis_names.CALLS, GROUP, *done)
        pipe.xdel(redis_names.CALLS, *done)
        pipe.execute()
    return len(records)


def _store_alone(client: redis.Redis, record: Record) -> None:
    try:
        store([record])
    except DataError as error:
        _reject(client, {b"records": msgspec.json.encode([record])}, error)


def _reject(client: redis.Redis, fields: dict[bytes, bytes], error: Exception) -> None:
    log.error("a message of call records cannot be stored and is kept in %s: %s", redis_names.CALLS_REJECTED, error)
    client.xadd(redis_names.CALLS_REJECTED, cast(Any, fields) or {b"empty": b""}, maxlen=1000)


def _row(record: Record) -> tuple[Any, ...]:
    values = {name: getattr(record, name) for name in _COLUMNS}
    for name, longest in _TEXT.items():
        values[name] = values[name].replace("\x00", "\ufffd")[:longest]
    values["status"] = min(max(record.status, 0), _SMALL)
    values["attempts"] = min(max(record.attempts, 0), _SMALL)
    for name in ("prompt_tokens", "completion_tokens"):
        values[name] = None if values[name] is None else min(max(values[name], 0), _INT)
    for name in ("duration_ms", "first_byte_ms"):
        values[name] = values[name] if values[name] is not None and math.isfinite(values[name]) else None
    values["duration_ms"] = values["duration_ms"] or 0.0
    values["adapted"] = msgspec.json.encode(record.adapted).decode().replace("\\u0000", "\\ufffd")
    return tuple(values.values())
