"""What went wrong on a device within a day: steps of its last error, its memory errors and its health."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

from routing.history import charts

DAY = 86_400.0
MOST = 100
MOST_STEPS = 10_000
"""A day in steps of ten seconds, which tell when an error came."""
COUNTERS = (
    "ecc_uncorrected_errors_total", "ecc_corrected_errors_total",
    "remapped_rows_uncorrected_total", "remapped_rows_corrected_total", "pcie_replays_total",
)  # fmt: skip
STATES = ("last_error", "healthy")


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """At Unix time `at` a state became `value`; or a counter began to grow, by `more` within the hour, to `value`."""

    at: float
    series: str
    value: float
    more: float = 0.0


@dataclass(frozen=True, slots=True)
class DeviceEvents:
    """Events of a day, newest first, at most 100; `left_out` says how many older ones are not shown.

    `watched` names the series that the source gives at all: of the others nothing can be said.
    """

    shown: tuple[DeviceEvent, ...]
    left_out: int
    watched: frozenset[str]


def of_day(uuid: str, end: float, clock: float) -> DeviceEvents:
    """What happened in the 24 hours before `end`. `clock` is the time now, both in Unix time."""
    found = charts.chart(uuid, (*COUNTERS, *STATES), end - DAY, end, clock, MOST_STEPS)
    events: list[DeviceEvent] = []
    watched: set[str] = set()
    for name in found.series:
        if known := found.points(name):
            watched.add(name)
            steps = [(at, before, value) for (_, before), (at, value) in pairwise(known) if value != before]
            events += _grown(name, steps) if name in COUNTERS else _became(name, steps)
    events.sort(key=lambda one: (-one.at, one.series))
    return DeviceEvents(tuple(events[:MOST]), max(0, len(events) - MOST), frozenset(watched))


Steps = list[tuple[int, float, float]]
"""When a series changed, from what, to what."""


def _grown(name: str, steps: Steps) -> Iterator[DeviceEvent]:
    """How much a counter grew in each hour, so that one that grows all day hides nothing. One that fell began anew."""
    for _, of_hour in groupby(steps, key=lambda step: step[0] // 3600):
        grown = [(at, value, value - before if value > before else value) for at, before, value in of_hour]
        if more := sum(one for _, _, one in grown):
            yield DeviceEvent(grown[0][0], name, grown[-1][1], more)


def _became(name: str, steps: Steps) -> Iterator[DeviceEvent]:
    """What a state became; that an error was cleared is none."""
    return (DeviceEvent(at, name, value) for at, _, value in steps if value or name == "healthy")
