"""From seconds to ten seconds to minutes: chunks that are over are summed up, and old partitions dropped.

A chunk is written anew if a late frame falls into it, which the mark `until` allows: whatever lies behind it is done.
"""

from collections.abc import Iterator

import numpy as np
from django.db import connection, transaction

from routing.history.partitions import MINUTE, SECOND, TEN_SECONDS, TIERS, Tier, alone, drop_old, ensure, names, stamp
from routing.samples import chunks, frames
from routing.samples.frames import Array

GRACE = 15
"""Seconds after a chunk's end until it is summed up: most late frames have come by then."""


def roll(now: float) -> int:
    """Sum up every chunk that is over, then drop what is old. Returns how many rows were written."""
    written = _roll(TEN_SECONDS, SECOND, now) + _roll(MINUTE, TEN_SECONDS, now)
    for tier in TIERS:
        drop_old(tier, now - tier.kept)
    return written


def reopen(at: float) -> None:
    """A frame of `at` has come: chunks that hold it are to be summed up anew. In the caller's transaction."""
    with connection.cursor() as cursor:
        for tier in (TEN_SECONDS, MINUTE):
            cursor.execute(
                "update telemetry_rolled set until = %(start)s where tier = %(tier)s and until > %(start)s",
                {"tier": tier.table, "start": stamp(tier.start(at))},
            )


def _roll(tier: Tier, finer: Tier, now: float) -> int:
    begun = names(finer).values()
    until = rolled_until(tier)
    if not begun:
        return 0
    first = max(until, tier.start(min(begun))) if until is not None else tier.start(min(begun))
    written = 0
    for start in range(first, tier.start(now - GRACE), tier.chunk):
        with transaction.atomic():
            alone()
            written += _write(tier, start, _of_seconds(start) if finer is SECOND else _of_ten_seconds(start))
            _mark(tier, start + tier.chunk)
    return written


def rolled_until(tier: Tier) -> int | None:
    """Up to when chunks of the tier are written; nothing before the first."""
    with connection.cursor() as cursor:
        cursor.execute("select extract(epoch from until) from telemetry_rolled where tier = %s", [tier.table])
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def _mark(tier: Tier, until: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into telemetry_rolled values (%s, %s) on conflict (tier) do update set until = excluded.until",
            [tier.table, stamp(until)],
        )


Row = tuple[str, str, bytes]


def _write(tier: Tier, start: int, rows: Iterator[Row]) -> int:
    found = [(subject, source, stamp(start), chunk) for subject, source, chunk in rows]
    if not found:
        return 0
    ensure(tier, start)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into {tier.table} values (%s, %s, %s, %s) "  # noqa: S608
            "on conflict (subject, source, at) do update set chunk = excluded.chunk",
            found,
        )
    return len(found)


def _of_seconds(start: int) -> Iterator[Row]:
    span = [stamp(start), stamp(start + TEN_SECONDS.chunk)]
    with connection.cursor() as cursor:
        cursor.execute("select distinct source from telemetry_second where at >= %s and at < %s", span)
        for (source,) in cursor.fetchall():
            cursor.execute(
                "select extract(epoch from at)::float8, frame from telemetry_second "
                "where source = %s and at >= %s and at < %s order by at",
                [source, *span],
            )
            read = ((at, frames.decode(bytes(body))) for at, body in cursor.fetchall())
            for subject, found in chunks.of_frames(read, start, TEN_SECONDS.step).items():
                yield subject, source, chunks.packed(found)


def _of_ten_seconds(start: int) -> Iterator[Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select subject, source, extract(epoch from at)::int8, chunk from telemetry_ten_seconds "
            "where at >= %s and at < %s order by subject, source",
            [stamp(start), stamp(start + MINUTE.chunk)],
        )
        whole: dict[tuple[str, str], Array] = {}
        for subject, source, at, body in cursor.fetchall():
            place = (at - start) // TEN_SECONDS.step
            finer = whole.setdefault((subject, source), np.full((360, len(chunks.COLUMNS)), np.nan))
            finer[place : place + chunks.POINTS] = chunks.points(bytes(body))
    for (subject, source), finer in whole.items():
        yield subject, source, chunks.packed(chunks.coarser(finer))
