"""What went wrong on a device within a day: steps of its last error, its memory errors and its health."""

from dataclasses import dataclass
from itertools import pairwise

from routing.history import trends

DAY = 86_400.0
MOST = 100
COUNTERS = (
    "ecc_uncorrected_errors_total", "ecc_corrected_errors_total",
    "remapped_rows_uncorrected_total", "remapped_rows_corrected_total", "pcie_replays_total",
)  # fmt: skip
STATES = ("last_error", "healthy")


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """At Unix time `at` a series moved to `value`; `more` is by how much a counter grew."""

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
    found = trends.over(uuid, (*COUNTERS, *STATES), end - DAY, end, clock)
    events: list[DeviceEvent] = []
    watched: set[str] = set()
    for name, column in found.columns.items():
        known = [(found.start + place * found.step, value) for place, value in enumerate(column) if value is not None]
        if known:
            watched.add(name)
        for (_, before), (at, value) in pairwise(known):
            if value != before:
                events += _step(name, at, before, value)
    events.sort(key=lambda one: (-one.at, one.series))
    return DeviceEvents(tuple(events[:MOST]), max(0, len(events) - MOST), frozenset(watched))


def _step(name: str, at: float, before: float, value: float) -> list[DeviceEvent]:
    """The event of a step, if it is one: an error that is cleared is none, and a counter that fell began anew."""
    if name in COUNTERS:
        more = value - before if value > before else value
        return [DeviceEvent(at, name, value, more)] if more else []
    return [DeviceEvent(at, name, value)] if name == "healthy" or value else []
