"""From seconds to ten seconds, a minute, ten minutes: chunks that are over are summed up, old partitions dropped.

A chunk is written anew if a late frame falls into it, which the mark `until` allows: whatever lies behind it is done.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from django.db import connection, transaction

from routing.history.partitions import (
    LATE,
    SECOND,
    TEN_SECONDS,
    TIERS,
    Tier,
    alone,
    drop_old,
    ensure,
    names,
    only_roller,
    stamp,
)
from routing.samples import chunks, frames
from routing.samples.frames import Array

GRACE = 15
"""Seconds after a chunk's end until it is summed up: most late frames have come by then."""
LONGEST_UNSUMMED = 86_400.0
"""Seconds for which history is kept that could not be summed up: beyond, the disk matters more."""
AT_ONCE = 100
"""Subjects that are summed up together: what bounds the memory it takes."""


def roll(now: float) -> int:
    """Sum up every chunk that was over `now`, up to when all is stored. Then drop what is old. Returns rows written."""
    written = sum(_roll(coarse, fine, now) for fine, coarse in pairwise(TIERS))
    for fine, coarse in pairwise(TIERS):
        until = rolled_until(coarse) or 0
        drop_old(fine, max(min(now - max(fine.kept, LATE), until), now - max(fine.kept, LONGEST_UNSUMMED)))
    drop_old(TIERS[-1], now - TIERS[-1].kept)
    return written


def reopen(at: float) -> None:
    """A frame of `at` has come: chunks that hold it are to be summed up anew. In the caller's transaction."""
    with connection.cursor() as cursor:
        for tier in TIERS[1:]:
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
        rows = _roll_one(tier, finer, start)
        if rows is None:
            break
        written += rows
    return written


@transaction.atomic
def _roll_one(tier: Tier, finer: Tier, start: int) -> int | None:
    """Sum up one chunk; None if another process does, or if it is not whole. The store waits for the writing alone."""
    if not only_roller():
        return None
    before = _frames(start, tier)
    rows = list(_of_seconds(start) if finer is SECOND else _of_finer(tier, finer, start))
    alone()
    if not _whole(finer, start + tier.chunk) or (finer is SECOND and _frames(start, tier) != before):
        return None
    written = _write(tier, start, rows)
    _mark(tier, start + tier.chunk)
    return written


def _whole(finer: Tier, end: int) -> bool:
    """Whether the finer history is summed up so far, and no late frame has opened it again."""
    return finer is SECOND or (rolled_until(finer) or 0) >= end


def _frames(start: int, tier: Tier) -> int:
    with connection.cursor() as cursor:
        span = [stamp(start), stamp(start + tier.chunk)]
        cursor.execute("select count(*) from telemetry_second where at >= %s and at < %s", span)
        return int(cursor.fetchone()[0])


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


def _write(tier: Tier, start: int, rows: list[Row]) -> int:
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


def _of_finer(tier: Tier, finer: Tier, start: int) -> Iterator[Row]:
    span = [stamp(start), stamp(start + tier.chunk)]
    with connection.cursor() as cursor:
        cursor.execute(f"select distinct subject from {finer.table} where at >= %s and at < %s", span)  # noqa: S608
        subjects = [subject for (subject,) in cursor.fetchall()]
    for begin in range(0, len(subjects), AT_ONCE):
        yield from _of_subjects(tier, finer, start, subjects[begin : begin + AT_ONCE])


def _of_subjects(tier: Tier, finer: Tier, start: int, subjects: list[str]) -> Iterator[Row]:
    points = tier.chunk // finer.step
    whole: dict[tuple[str, str], Array] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"select subject, source, extract(epoch from at)::int8, chunk from {finer.table} "  # noqa: S608
            "where at >= %s and at < %s and subject = any(%s)",
            [stamp(start), stamp(start + tier.chunk), subjects],
        )
        for subject, source, at, body in cursor.fetchall():
            place = (at - start) // finer.step
            fine = whole.setdefault((subject, source), np.full((points, len(chunks.COLUMNS)), np.nan))
            fine[place : place + chunks.POINTS] = chunks.points(bytes(body))
    for (subject, source), fine in whole.items():
        yield subject, source, chunks.packed(chunks.coarser(fine))
