"""How fast counters grow now: from the oldest and the newest frame of each source within half a minute."""

from collections.abc import Collection, Sequence

from django.db import connection

from routing.history.partitions import stamp
from routing.samples import frames

WINDOW_S = 30.0
LEAST_S = 0.5
"""A rate of two readings that are closer says nothing."""


def per_second(subjects: Collection[str], names: Sequence[str], clock: float) -> dict[str, dict[str, float]]:
    """By subject and series: by how much a second each counter grew. One query; `clock` is the time now.

    A subject that was read once in the last half minute, or not at all, is absent.
    """
    if not subjects:
        return {}
    read: dict[str, list[tuple[float, dict[str, float]]]] = {}
    wanted = set(subjects)
    for at, body in _frames(sorted(wanted), clock):
        for subject, values in frames.unpack(frames.decode(body)).items():
            if subject in wanted:
                read.setdefault(subject, []).append((at, values))
    return {subject: found for subject, timed in read.items() if (found := _rates(timed, names))}


def _frames(subjects: list[str], clock: float) -> list[tuple[float, bytes]]:
    """The oldest and the newest frame of each source that tells of these subjects, in the order of their times."""
    one = (
        "(select at, frame from telemetry_second where source = told.source and at >= %(since)s order by at {} limit 1)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select extract(epoch from at)::float8, frame from "  # noqa: S608
            "(select distinct source from telemetry_subject where subject = any(%(subjects)s)) told "
            f"cross join lateral ({one.format('asc')} union all {one.format('desc')}) ends order by at",
            {"subjects": subjects, "since": stamp(clock - WINDOW_S)},
        )
        return [(at, bytes(body)) for at, body in cursor.fetchall()]


def _rates(timed: list[tuple[float, dict[str, float]]], names: Sequence[str]) -> dict[str, float]:
    """A counter that fell began from zero in between."""
    found: dict[str, float] = {}
    for name in names:
        known = [(at, values[name]) for at, values in timed if name in values]
        if known and (seconds := known[-1][0] - known[0][0]) >= LEAST_S:
            first, last = known[0][1], known[-1][1]
            found[name] = (last - first if last >= first else last) / seconds
    return found
