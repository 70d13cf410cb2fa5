"""The one store of samples: takes frames from the stream, keeps each once, and shows the latest.

Positions and rows are written in one transaction, so a frame that is read or sent twice is stored once. A frame leaves
the stream after its commit: a store that was away finds what it missed there.
"""

import logging
import time
from collections.abc import Iterable
from typing import cast

import msgspec
import redis
from django.db import connection, transaction

from controlplane.base import events, redis_names
from routing.history import latest, partitions, rolling
from routing.history.current import FORGOTTEN_SECONDS, STALE_SECONDS
from routing.samples import frames
from routing.samples.frames import Frame, FrameInvalid

BATCH = 1000
PAUSE_SECONDS = 0.2
"""Between two writings: what is written together costs less, and a value that waits is not the latest."""
MOST_WAITING = 300_000
"""Frames in the stream: 40 minutes of 125 nodes. Older ones are given up, and count as missed."""
EARLY = 5.0
"""By how many seconds the clock of a source may be ahead of its frame's arrival."""
Arrived = tuple[float, Frame]
Message = tuple[bytes, dict[bytes, bytes]]
log = logging.getLogger(__name__)


def send(client: redis.Redis, sent: Iterable[Frame]) -> None:
    """Put frames into the stream. Raises redis.RedisError."""
    with client.pipeline(transaction=False) as pipe:
        for frame in sent:
            pipe.xadd(redis_names.TELEMETRY, {b"f": frames.encode(frame)}, maxlen=MOST_WAITING, approximate=True)
        pipe.execute()


def keep() -> int:
    """Store all frames that wait. Returns how many were new; 0 without Redis."""
    client, arrived = events.store(), 0
    try:
        while messages := cast(
            list[tuple[bytes, dict[bytes, bytes]]], client.xrange(redis_names.TELEMETRY, count=BATCH)
        ):
            arrived += _keep(client, messages)
    except redis.RedisError as error:
        log.warning("frames of telemetry stay in Redis for now: %s", error)
        return arrived
    return arrived


def stored_until(now: float) -> float:
    """Up to when samples are in history: what still waits in Redis is not. Raises redis.RedisError."""
    waiting = cast(list[tuple[bytes, object]], events.store().xrange(redis_names.TELEMETRY, count=1))
    return min(now, int(waiting[0][0].partition(b"-")[0]) / 1000) if waiting else now


def keep_for(seconds: float) -> None:
    """Store what comes in the next seconds, as soon as it comes but for a pause between two writings."""
    end = time.monotonic() + seconds
    while True:
        keep()
        if time.monotonic() + PAUSE_SECONDS > end:
            return
        time.sleep(PAUSE_SECONDS)


def forget() -> None:
    """Let go of the latest frames of sources that nobody has heard of for long; without Redis of none."""
    try:
        latest.forget(events.store(), FORGOTTEN_SECONDS)
    except redis.RedisError as error:
        log.warning("silent sources stay in Redis for now: %s", error)


def _keep(client: redis.Redis, messages: list[Message]) -> int:
    read: list[Arrived] = []
    for message, fields in messages:
        try:
            read.append((int(message.partition(b"-")[0]) / 1000, frames.decode(fields.get(b"f", b""))))
        except FrameInvalid as error:
            log.error("a message of telemetry is no frame and is left out: %s", error)
    fresh = store(read)
    shown = {one.source: latest.encode(latest.LatestFrame(_known_since(arrived, one), one)) for arrived, one in fresh}
    with client.pipeline(transaction=False) as pipe:
        if shown:
            pipe.hset(redis_names.TELEMETRY_LATEST, mapping=shown)
        pipe.xdel(redis_names.TELEMETRY, *(message for message, _ in messages))
        pipe.execute()
    return len(fresh)


def _known_since(arrived: float, frame: Frame) -> float:
    """When the frame arrived; when it was made if its values were stale by then: an agent was cut off."""
    return arrived if arrived - frame.at <= STALE_SECONDS else frame.at


@transaction.atomic
def store(read: list[Arrived]) -> list[Arrived]:
    """Write those frames that are new, each once. Returns them, with the clocks that are off put right."""
    partitions.alone()
    with connection.cursor() as cursor:
        sources = list({one.source for _, one in read})
        cursor.execute("select source, run, sequence, missed from telemetry_source where source = any(%s)", [sources])
        reached = {source: (run, sequence, missed) for source, run, sequence, missed in cursor.fetchall()}
        fresh = [(arrived, told(one, arrived)) for arrived, one in read if _advances(reached, one)]
        rows = [(one.source, one.at, one) for _, one in fresh]
        for begin in {int(at // partitions.SECOND.partition) * partitions.SECOND.partition for _, at, _ in rows}:
            partitions.ensure(partitions.SECOND, begin)
        with cursor.copy("copy telemetry_second (source, at, frame) from stdin") as copy:
            for source, at, one in rows:
                copy.write_row((source, partitions.stamp(at), frames.encode(one)))
        if rows:
            rolling.reopen(min(at for _, at, _ in rows))
        cursor.executemany(
            "insert into telemetry_source values (%s, %s, %s, %s) on conflict (source) do update "
            "set run = excluded.run, sequence = excluded.sequence, missed = excluded.missed",
            [(source, *reached[source]) for source in {one.source for _, one in fresh}],
        )
        cursor.execute(
            "insert into telemetry_subject select * from unnest(%s::text[], %s::text[]) on conflict do nothing",
            list(map(list, zip(*_subjects(fresh), strict=True))) or [[], []],
        )
    return fresh


def _subjects(fresh: list[Arrived]) -> set[tuple[str, str]]:
    return {(subject, one.source) for _, one in fresh for subject in one.subjects}


def _advances(reached: dict[str, tuple[int, int, int]], frame: Frame) -> bool:
    """Whether the frame lies behind what is known of its source; notes it, and how many were missed before it."""
    run, sequence, missed = reached.get(frame.source, (-1, -1, 0))
    if (frame.run, frame.sequence) <= (run, sequence):
        return False
    gap = frame.sequence - sequence - 1 if frame.run == run else 0
    reached[frame.source] = (frame.run, frame.sequence, missed + gap)
    return True


def told(frame: Frame, arrived: float) -> Frame:
    """The frame at its own time; if the clock of its source is off, at the time of its arrival, with a complaint."""
    if -EARLY <= arrived - frame.at <= partitions.LATE:
        return frame
    complaint = ("clock off", "", "", f"{frame.at - arrived:+.0f} s")
    return msgspec.structs.replace(frame, at=arrived, complaints=[*frame.complaints, complaint])
