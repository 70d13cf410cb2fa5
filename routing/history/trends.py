"""Several series of one subject on one grid of time: what the charts of a page and the values of a past moment need.

A chart of one series is charts.points. Here a chunk or frame is read once for all series that are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from routing.history.partitions import MINUTE, TEN_SECONDS, Tier, stamp
from routing.samples import chunks, frames
from routing.samples.dimensions import SERIES
from routing.samples.frames import Array

SLACK_STEPS = 3
"""How many steps before a moment a value may be to count as that moment's."""


@dataclass(frozen=True, slots=True)
class Trends:
    """Series of one subject: a point each `step` seconds from `start` (Unix time) on; None where nothing was measured.

    Points that are not summed up yet are the last value of their step, all others as history keeps them.
    """

    start: int
    step: int
    columns: dict[str, list[float | None]]


@dataclass(frozen=True, slots=True)
class PastValue:
    """A series' value at a moment that is over, and by how many seconds the point is older than the moment."""

    value: float
    age_s: float


def over(subject: str, names: Sequence[str], start: float, end: float, now: float) -> Trends:
    """The trends of these series from `start` to `end`: in steps of ten seconds if the last day holds them, else of 60.

    Raises KeyError if there is no such series.
    """
    fine = now - start <= TEN_SECONDS.kept
    step = TEN_SECONDS.step if fine else MINUTE.step
    positions = [SERIES[name].position for name in names]
    first = int(start // step) * step
    grid = np.full((int((end - first) // step) + 1, len(positions)), np.nan)
    begin = float(first)
    for tier in (TEN_SECONDS,) if fine else (MINUTE, TEN_SECONDS):
        begin = _fill(grid, tier, subject, positions, (first, step, begin, end))
    _fill_fresh(grid, subject, positions, (first, step, begin, end))
    found = [[value if value == value else None for value in column] for column in grid.T.tolist()]
    return Trends(first, step, dict(zip(names, found, strict=True)))


def at(subject: str, names: Sequence[str], moment: float, now: float) -> dict[str, PastValue]:
    """The value that each series had at a moment; a series without one shortly before it is absent."""
    step = TEN_SECONDS.step if now - moment < TEN_SECONDS.kept - SLACK_STEPS * TEN_SECONDS.step else MINUTE.step
    found = over(subject, names, moment - SLACK_STEPS * step, moment, now)
    values: dict[str, PastValue] = {}
    for name, column in found.columns.items():
        known = [(index, value) for index, value in enumerate(column) if value is not None]
        if known:
            index, value = known[-1]
            values[name] = PastValue(value, max(0.0, moment - found.start - index * found.step))
    return values


Window = tuple[int, int, float, float]
"""The grid's first time and step, and from when to when to read."""


def _fill(grid: Array, tier: Tier, subject: str, positions: list[int], window: Window) -> float:
    """Put a tier's chunks into the grid. Returns the end of the last one, or where reading began."""
    first, step, begin, end = window
    columns = [chunks.COLUMNS[position] for position in positions]
    with connection.cursor() as cursor:
        cursor.execute(
            f"select extract(epoch from at)::float8, chunk from {tier.table} "  # noqa: S608
            "where subject = %s and at > %s and at <= %s order by at, source",
            [subject, stamp(begin - tier.chunk), stamp(end)],
        )
        for start, body in cursor.fetchall():
            times = start + tier.step * np.arange(chunks.POINTS)
            _put(grid, chunks.points(bytes(body))[:, columns], ((times - first) // step).astype(int), times <= end)
            begin = start + tier.chunk
    return begin


def _fill_fresh(grid: Array, subject: str, positions: list[int], window: Window) -> None:
    """Put frames that are not summed up yet into the grid: the last of each source and step."""
    first, step, begin, end = window
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct on (source, slot) source, floor((extract(epoch from at) - %s) / %s)::int8 as slot, frame "
            "from telemetry_second where source in (select source from telemetry_subject where subject = %s) "
            "and at >= %s and at <= %s order by source, slot, at desc",
            [first, step, subject, stamp(begin), stamp(end)],
        )
        for _, slot, body in cursor.fetchall():
            frame = frames.decode(bytes(body))
            if subject in frame.subjects:
                given = dict(zip(frame.gauges + frame.counters, _row(frame, subject), strict=True))
                row = np.array([[given.get(position, np.nan) for position in positions]])
                _put(grid, row, np.array([slot]), np.array([True]))


def _row(frame: frames.Frame, subject: str) -> list[float]:
    gauges, counters = frames.arrays(frame)
    place = frame.subjects.index(subject)
    return [*gauges[place].tolist(), *counters[place].tolist()]


def _put(grid: Array, values: Array, slots: Array, inside: Array) -> None:
    """Write what was measured into its slots; of several values in one slot the last counts."""
    wanted = inside & (slots >= 0) & (slots < len(grid))
    for column in range(values.shape[1]):
        known = wanted & ~np.isnan(values[:, column])
        grid[slots[known], column] = values[known, column]
