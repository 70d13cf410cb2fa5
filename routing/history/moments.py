"""The values of one subject at a moment that is over."""

from collections.abc import Sequence
from dataclasses import dataclass

from routing.history import charts
from routing.history.partitions import TEN_SECONDS

FINE_S, COARSE_S = 30.0, 180.0
"""How long before a moment a value may be to count as that moment's: within the last day, and before it."""


@dataclass(frozen=True, slots=True)
class PastValue:
    """A series' value at a moment that is over, and by how many seconds its step began before the moment."""

    value: float
    age_s: float


def at(subject: str, names: Sequence[str], moment: float, now: float) -> dict[str, PastValue]:
    """The value that each series had at a moment; a series without one shortly before it is absent."""
    window = FINE_S if now - moment + FINE_S <= TEN_SECONDS.kept else COARSE_S
    found = charts.chart(subject, names, moment - window, moment, now)
    values: dict[str, PastValue] = {}
    for name in names:
        if points := found.points(name):
            begun, value = points[-1]
            values[name] = PastValue(value, max(0.0, moment - begun))
    return values
