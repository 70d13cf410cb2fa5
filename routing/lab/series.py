"""A race over time as columns: gathered line by line, thinned for keeping and for live pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KEPT, DRAWN, ROWS = 120, 60, 12
"""Most moments that a result keeps, that a live page gets each time, and that a table has."""
COLUMNS = ("waiting", "running", "busy", "loading", "answered", "mean_s", "loads", "watts")
LIVE_COLUMNS = ("waiting", "busy", "mean_s")


class Series:
    """`at_s` and, for every policy, columns of the same length."""

    def __init__(self) -> None:
        self.at_s: list[float] = []
        self.policies: dict[str, dict[str, list[Any]]] = {}

    def add(self, sample: dict[str, Any]) -> None:
        """One moment of all policies. Raises KeyError if something is missing."""
        for name, values in sample["policies"].items():
            columns = self.policies.setdefault(name, {column: [] for column in COLUMNS})
            for column in COLUMNS:
                columns[column].append(values[column])
        self.at_s.append(sample["at_s"])

    def answered(self) -> int:
        """Calls answered so far, over all policies."""
        return sum(columns["answered"][-1] for columns in self.policies.values())

    def thinned(self) -> dict[str, Any]:
        """As a result keeps it."""
        return self._picked(KEPT, COLUMNS)

    def for_pages(self) -> dict[str, Any]:
        """As live pages draw it."""
        return self._picked(DRAWN, LIVE_COLUMNS)

    def _picked(self, most: int, wanted: Sequence[str]) -> dict[str, Any]:
        places = spread(len(self.at_s), most)
        return {
            "at_s": [self.at_s[place] for place in places],
            "policies": {
                name: {column: [columns[column][place] for place in places] for column in wanted}
                for name, columns in self.policies.items()
            },
        }


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(step * (count - 1) / (most - 1)) for step in range(most)})


@dataclass(frozen=True)
class Moment:
    """A row of the table beside a chart."""

    at: str
    texts: tuple[str, ...]


def tables(policies: Sequence[str], series: Mapping[str, Any]) -> dict[str, list[Moment]]:
    """What each chart shows, as rows of a table; without rows while there is nothing to show."""
    return {column: _moments(policies, series, column) for column in LIVE_COLUMNS}


def _moments(policies: Sequence[str], series: Mapping[str, Any], column: str) -> list[Moment]:
    runs = series.get("policies") or {}
    if any(name not in runs for name in policies):
        return []
    times: list[float] = series["at_s"]
    return [
        Moment(f"{times[place]:,.0f}", tuple(_text(column, runs[name][column][place]) for name in policies))
        for place in spread(len(times), ROWS)
    ]


def _text(column: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value * 100:.0f} %" if column == "busy" else f"{value:,.1f} s" if column == "mean_s" else f"{value:,}"
