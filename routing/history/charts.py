"""Charts of one series of one device or model, out of the finest history that covers the time asked for."""

from collections.abc import Iterator

from django.db import connection

from routing.history.partitions import MINUTE, SECOND, TEN_SECONDS, Tier, stamp
from routing.samples import chunks, frames
from routing.samples.dimensions import SERIES

Point = tuple[float, float]
FINE_SECONDS, MIDDLE_SECONDS = 600, 86_400
"""The longest charts in steps of a second and of ten seconds."""


def points(subject: str, series: str, start: float, end: float) -> list[Point]:
    """Times and values, in order, between `start` and `end`; where nothing was measured there is no point.

    The step is a second for charts of up to ten minutes, ten seconds up to a day, else a minute; what is not summed up
    yet comes in the finer steps that there are. Raises KeyError if there is no such series.
    """
    position = SERIES[series].position
    tiers = [SECOND, TEN_SECONDS, MINUTE]
    coarse = 0 if end - start <= FINE_SECONDS else 1 if end - start <= MIDDLE_SECONDS else 2
    found: list[Point] = []
    begin = start
    for tier in reversed(tiers[: coarse + 1]):
        read = _fine(subject, position, begin, end) if tier is SECOND else _coarse(tier, subject, position, begin, end)
        found += read
        if found and found[-1][0] >= begin:
            begin = found[-1][0] + tier.step
    return found


def _coarse(tier: Tier, subject: str, position: int, start: float, end: float) -> Iterator[Point]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select extract(epoch from at)::float8, chunk from {tier.table} "  # noqa: S608
            "where subject = %s and at > %s and at <= %s order by at",
            [subject, stamp(start - tier.chunk), stamp(end)],
        )
        for at, body in cursor.fetchall():
            values = chunks.column(bytes(body), position)
            timed = ((at + index * tier.step, value) for index, value in enumerate(values))
            yield from ((when, value) for when, value in timed if start <= when <= end and value == value)


def _fine(subject: str, position: int, start: float, end: float) -> Iterator[Point]:
    name = next(one.name for one in SERIES.values() if one.position == position)
    with connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from at)::float8, frame from telemetry_second where source in "
            "(select source from telemetry_subject where subject = %s) and at >= %s and at <= %s order by at",
            [subject, stamp(start), stamp(end)],
        )
        for at, body in cursor.fetchall():
            value = frames.unpack(frames.decode(bytes(body))).get(subject, {}).get(name)
            if value is not None:
                yield at, value
