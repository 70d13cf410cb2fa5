"""The 27 dimensions of one device, now or at a moment: each series' value with its source and age."""

from collections.abc import Mapping
from dataclasses import dataclass

from routing.device import figures
from routing.history import current, moments
from routing.samples.dimensions import DIMENSIONS, Dimension

NAMES = tuple(series.name for one in DIMENSIONS for series in one.series)
GROUPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("activity", (1, 3, 4, 5, 2, 20)),
    ("memory", (6, 26, 27)),
    ("heat_power", (7, 8, 9, 10, 12, 11, 21)),
    ("clocks", (13, 14, 15, 22)),
    ("links", (16, 17, 18, 19)),
    ("health", (23, 24, 25)),
)
"""In which order dimensions are shown, by their numbers."""


@dataclass(frozen=True, slots=True)
class SeriesValue:
    """A series' value as people read it and as it was measured, and its age in seconds."""

    series: str
    text: str
    value: float
    age_s: float


@dataclass(frozen=True, slots=True)
class DimensionValues:
    """One dimension, with those of its series that the source gives."""

    dimension: Dimension
    given: tuple[SeriesValue, ...]


@dataclass(frozen=True, slots=True)
class DeviceValues:
    """What is known of one device: values by series, the source, its age in seconds (None if nothing is known).

    `stale` if no news came for ten seconds, `away` if Redis does not answer.
    """

    by_series: Mapping[str, SeriesValue]
    source: str = ""
    age_s: float | None = None
    stale: bool = False
    away: bool = False

    def groups(self) -> list[tuple[str, list[DimensionValues]]]:
        """All 27 dimensions in groups."""
        numbered = {one.number: one for one in DIMENSIONS}
        return [(group, [self._of(numbered[number]) for number in numbers]) for group, numbers in GROUPS]

    def _of(self, dimension: Dimension) -> DimensionValues:
        found = (self.by_series.get(series.name) for series in dimension.series)
        return DimensionValues(dimension, tuple(one for one in found if one is not None))


def now(uuid: str) -> DeviceValues:
    """The latest values of a device; nothing if no source told of it for ten minutes. Never raises."""
    known = current.known()
    one = known.by_subject.get(uuid)
    if one is None:
        return DeviceValues({}, away=bool(known.away))
    age = one.age_s
    shown = {
        name: SeriesValue(name, figures.text(name, one.values[name]), one.values[name], age)
        for name in NAMES
        if name in one.values
    }
    return DeviceValues(shown, one.source, age, age > current.STALE_SECONDS, bool(known.away))


def at(uuid: str, moment: float, clock: float) -> DeviceValues:
    """The values of a device at a moment (Unix time) of the last 30 days. `clock` is the time now."""
    found = {
        name: SeriesValue(name, figures.text(name, one.value), one.value, one.age_s)
        for name, one in moments.at(uuid, NAMES, moment, clock).items()
    }
    return DeviceValues(found, "", min((one.age_s for one in found.values()), default=None))
