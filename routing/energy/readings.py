"""What devices said of their power, out of the history of telemetry: seconds while they are there, else ten seconds."""

from collections import defaultdict
from collections.abc import Set
from itertools import groupby

import numpy as np
import psycopg
from django.db import connection

from routing.energy.curve import Array, PowerReadings
from routing.history.partitions import SECOND, TEN_SECONDS, names, stamp
from routing.samples import chunks, frames
from routing.samples.dimensions import SERIES
from routing.samples.frames import Frame

POWER, COUNTER = SERIES["power_watts"].position, SERIES["energy_joules_total"].position
Piece = tuple[Array, Array, Array]
"""Times, watts, joules counted."""
Pieces = dict[tuple[str, str], list[Piece]]
"""By device and source."""


def between(uuids: Set[str], start: float, end: float) -> dict[str, PowerReadings]:
    """The readings of these devices, each from one source: the one with a counter, else the one that says most."""
    found: Pieces = defaultdict(list)
    begun = min(names(SECOND).values(), default=None)
    fine = end if begun is None else max(start, min(begun, end))
    if start < fine:
        _of_chunks(found, uuids, start, fine)
    _of_frames(found, uuids, fine, end)
    best: dict[str, tuple[tuple[int, int], PowerReadings]] = {}
    for (uuid, _), pieces in found.items():
        one = _joined(pieces)
        rank = (int((~np.isnan(one.counter)).sum() > 1), len(one.at))
        if uuid not in best or rank > best[uuid][0]:
            best[uuid] = (rank, one)
    return {uuid: one for uuid, (_, one) in best.items()}


def _joined(pieces: list[Piece]) -> PowerReadings:
    at, watts, counter = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    at, first = np.unique(at, return_index=True)
    return PowerReadings(at, watts[first], counter[first])


def _of_frames(found: Pieces, uuids: Set[str], start: float, end: float) -> None:
    # Binary, as half of the time went into bytes written as hexadecimal digits.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(
            "select source, extract(epoch from at)::float8, frame from telemetry_second where at >= %s and at < %s "
            "order by source, at",
            [stamp(start), stamp(end)],
            binary=True,
        )
        rows = ((source, at, frames.stored(body)) for source, at, body in cursor)
        for (source, subjects, _, _), block in groupby(rows, key=_kind):
            wanted = [(place, uuid) for place, uuid in enumerate(subjects) if uuid in uuids]
            if not wanted:
                continue
            told = list(block)
            at, alike = np.array([moment for _, moment, _ in told]), [frame for _, _, frame in told]
            watts, counter = frames.columns(alike, POWER), frames.columns(alike, COUNTER)
            for place, uuid in wanted:
                found[uuid, source].append((at, watts[:, place], counter[:, place]))


def _kind(row: tuple[str, float, Frame]) -> tuple[str, list[str], list[int], list[int]]:
    return row[0], row[2].subjects, row[2].gauges, row[2].counters


def _of_chunks(found: Pieces, uuids: Set[str], start: float, end: float) -> None:
    """Mean power stands in the middle of its step, the counter's last value at its end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select subject, source, extract(epoch from at)::int8, chunk from telemetry_ten_seconds "
            "where at > %s and at < %s and subject = any(%s) order by at",
            [stamp(start - TEN_SECONDS.chunk), stamp(end), list(uuids)],
        )
        for subject, source, begin, body in cursor.fetchall():
            steps = begin + TEN_SECONDS.step * np.arange(chunks.POINTS, dtype=float)
            watts, counter = (np.array(chunks.column(bytes(body), one)) for one in (POWER, COUNTER))
            over = steps + TEN_SECONDS.step <= end
            steps = steps[over]
            nothing = np.full(len(steps), np.nan)
            if len(watts):
                found[subject, source].append((steps + TEN_SECONDS.step / 2, watts[over], nothing))
            if len(counter):
                found[subject, source].append((steps + TEN_SECONDS.step - 0.5, nothing, counter[over]))
