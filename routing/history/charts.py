"""Charts of series of one device or model, out of the finest history that covers the time asked for, in even steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from routing.history.partitions import MINUTE, SECOND, TEN_MINUTES, TEN_SECONDS, Tier, stamp
from routing.history.rolling import rolled_until
from routing.samples import chunks, frames
from routing.samples.dimensions import SERIES
from routing.samples.frames import Array

FINE_SECONDS, MIDDLE_SECONDS = 600, 86_400
"""The longest charts in steps of a second and of ten seconds."""
MOST_POINTS = 2000
STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
Timed = tuple[Array, Array]
"""Unix times, and for each a row with a value of each series; NaN where nothing was measured."""


@dataclass(frozen=True, slots=True)
class SeriesChart:
    """Series of one subject: value `index` is of the `step` seconds from `start + index * step` (Unix time) on.

    Gauges are means, counters and states last values; None where nothing was measured.
    """

    start: int
    step: int
    series: dict[str, list[float | None]]

    def points(self, name: str) -> list[tuple[int, float]]:
        """Times and values of one series, without the gaps."""
        timed = ((self.start + index * self.step, value) for index, value in enumerate(self.series[name]))
        return [(at, value) for at, value in timed if value is not None]


def chart(
    subject: str, names: Sequence[str], start: float, end: float, now: float, most: int = MOST_POINTS
) -> SeriesChart:
    """These series from `start` to `end` in at most `most` steps, but for one more if they do not begin with a step.

    A step is no shorter than history has: a second for charts of up to ten minutes in the last ten, ten seconds for up
    to a day in the last day, else a minute. What is not summed up yet comes from finer history. Raises KeyError if
    there is no such series.
    """
    series = [SERIES[name] for name in names]
    tiers = _tiers(start, end, now)
    step = next((one for one in STEPS if one >= tiers[0].step and (end - start) / one <= most), STEPS[-1])
    if step >= TEN_MINUTES.step:
        tiers = (TEN_MINUTES, MINUTE, TEN_SECONDS, SECOND)
    first = int(start // step) * step
    count = max(1, int(np.ceil((end - first) / step)))
    read = list(_read(tiers, subject, [one.position for one in series], first, end))
    times = np.concatenate([[], *(times for times, _ in read)])
    values = np.concatenate([np.empty((0, len(series))), *(values for _, values in read)])
    inside = (times >= first) & (times <= end)
    slots = np.minimum(((times[inside] - first) // step).astype(int), count - 1)
    columns = {
        one.name: [
            None if value != value else one.meant(value) for value in _even(slots, column, count, one.kind == "gauge")
        ]
        for one, column in zip(series, values[inside].T, strict=True)
    }
    return SeriesChart(first, step, columns)


def _tiers(start: float, end: float, now: float) -> tuple[Tier, ...]:
    """What holds the whole of a time, the coarsest first: only its last part may not be summed up yet."""
    if end - start <= FINE_SECONDS and now - start <= SECOND.kept:
        return (SECOND,)
    if end - start <= MIDDLE_SECONDS and now - start <= TEN_SECONDS.kept:
        return (TEN_SECONDS, SECOND)
    return (MINUTE, TEN_SECONDS, SECOND)


def _read(tiers: tuple[Tier, ...], subject: str, positions: list[int], begin: float, end: float) -> Iterator[Timed]:
    for tier in tiers:
        if begin > end:
            return
        if tier is SECOND:
            yield _fine(subject, positions, begin, end)
            return
        until = min(rolled_until(tier) or begin, end + 1)
        if until > begin:
            yield _coarse(tier, subject, positions, begin, until)
            begin = until


def _coarse(tier: Tier, subject: str, positions: list[int], begin: float, until: float) -> Timed:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select extract(epoch from at)::float8, chunk from {tier.table} "  # noqa: S608
            "where subject = %s and at > %s and at < %s order by at",
            [subject, stamp(begin - tier.chunk), stamp(until)],
        )
        found = cursor.fetchall()
    starts = np.array([at for at, _ in found], float)
    times = (starts[:, None] + tier.step * np.arange(chunks.POINTS)).reshape(-1)
    values = [chunks.columns(body, positions) for _, body in found]
    return times, np.concatenate([np.empty((0, len(positions))), *values])


def _fine(subject: str, positions: list[int], begin: float, end: float) -> Timed:
    with connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from at)::float8, frame from telemetry_second where source in "
            "(select source from telemetry_subject where subject = %s) and at >= %s and at <= %s order by at",
            [subject, stamp(begin), stamp(end)],
        )
        found = cursor.fetchall()
    values = [frames.row(frames.stored(body), subject, positions) for _, body in found]
    return np.array([at for at, _ in found], float), np.array(values, float).reshape(-1, len(positions))


def _even(slots: Array, values: Array, count: int, gauge: bool) -> list[float]:
    """One value for each of `count` steps: the mean of a gauge, else the last; NaN where there is none."""
    known = ~np.isnan(values)
    slots, values = slots[known], values[known]
    found = np.full(count, np.nan)
    if gauge:
        counts = np.bincount(slots, minlength=count)
        sums = np.bincount(slots, values, minlength=count)
        found[counts > 0] = sums[counts > 0] / counts[counts > 0]
    else:
        found[slots] = values
    values_of_steps: list[float] = found.tolist()
    return values_of_steps
