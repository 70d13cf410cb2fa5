"""The heat map of the fleet: what a cell shows, of which step its colour is, and how cells are grouped. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controlplane.base.stream_frames import ABSENT, StreamTable, whole_numbers
from routing.fleet.devices import COLUMNS, STATES
from routing.history.current import STALE_SECONDS

DASH = "–"


@dataclass(frozen=True, slots=True)
class HeatMetric:
    """One number that cells can show: the value times `factor`, rounded, in `unit`; `steps` part the ten colours."""

    name: str
    unit: str
    factor: int
    steps: tuple[int, ...]

    @property
    def lows(self) -> tuple[int, ...]:
        """The least number of each colour, as the legend shows it."""
        return (0, *self.steps)


PERCENT = (10, 20, 30, 40, 50, 60, 70, 80, 90)
HEAT = {
    one.name: one
    for one in (
        HeatMetric("utilization", "%", 100, PERCENT),
        HeatMetric("memory", "%", 100, PERCENT),
        HeatMetric("temperature", "°C", 1, (30, 40, 50, 55, 60, 65, 70, 80, 90)),
        HeatMetric("power", "W", 1, (50, 100, 150, 200, 300, 400, 500, 700, 1000)),
        HeatMetric("queue", "", 1, (1, 2, 3, 5, 8, 13, 21, 34, 55)),
    )
}
"""By name. Steps are fixed, so that a colour means the same at every moment and in every fleet."""


@dataclass(frozen=True, slots=True)
class LiveReading:
    """What the live table says of one device now: the number of each metric as cells show it, DASH without one."""

    shown: Mapping[str, str]
    state: str
    stale: bool

    def level(self, metric: str) -> str:
        """The colour's class: l0 to l9, "none" without a value."""
        text = self.shown[metric]
        return "none" if text == DASH else f"l{bisect_right(HEAT[metric].steps, int(text))}"

    def told(self, metric: str) -> str:
        """The number with its unit."""
        text = self.shown[metric]
        return text if text == DASH or not HEAT[metric].unit else f"{text} {HEAT[metric].unit}"


def readings(table: StreamTable) -> dict[int | str, LiveReading]:
    """What the table says of each of its devices."""
    columns = whole_numbers(table).tolist()
    by_name = {column.name: (column, numbers) for column, numbers in zip(COLUMNS, columns, strict=True)}
    found: dict[int | str, LiveReading] = {}
    for at, identity in enumerate(table.ids):
        shown = {}
        for name, metric in HEAT.items():
            column, numbers = by_name[name]
            number = numbers[at]
            value = (number / column.steps + column.low) * metric.factor
            shown[name] = DASH if number == ABSENT else str(round(value))
        source = table.source_of[at]
        stale = source >= 0 and table.ages[source] > STALE_SECONDS
        found[identity] = LiveReading(shown, STATES[by_name["state"][1][at]], stale)
    return found


def ranked(table: StreamTable, name: str, wanted: Iterable[int]) -> list[int]:
    """Devices by one number, the greatest first; those without it come last, in the order that they had."""
    place = [column.name for column in COLUMNS].index(name)
    numbers = dict(zip(table.ids, whole_numbers(table)[place].tolist(), strict=True))
    return sorted(wanted, key=lambda one: -1 if numbers.get(one, ABSENT) == ABSENT else numbers[one], reverse=True)


def grouped(rows: Iterable[Any], keys: Mapping[int, Sequence[str]]) -> list[tuple[str, list[Any]]]:
    """Rows under the names of their groups, by name; a row stands in each of its groups, one without any in ""."""
    groups: dict[str, list[Any]] = {}
    for row in rows:
        for key in keys.get(row.id) or ("",):
            groups.setdefault(key, []).append(row)
    return sorted(groups.items(), key=lambda item: (item[0] == "", item[0]))
