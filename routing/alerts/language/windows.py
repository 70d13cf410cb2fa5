"""The last minutes of a series: a column of all subjects for each tick, and functions over time of them."""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from routing.alerts.language.expressions import Function
from routing.samples.frames import Array


class SeriesWindow:
    """One series of one kind of subjects, as far back as rules look. Times are Unix times and only grow."""

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self._ticks: deque[tuple[float, Array]] = deque()

    @property
    def latest(self) -> float:
        """When the last column was added; 0 before the first."""
        return self._ticks[-1][0] if self._ticks else 0.0

    def add(self, at: float, column: Array) -> None:
        """Keep a column of `at`, and forget what is too old. One that is not newer than the last is left out."""
        if at <= self.latest:
            return
        self._ticks.append((at, column))
        while self._ticks and self._ticks[0][0] < at - self.longest:
            self._ticks.popleft()

    def move(self, rows: Array) -> None:
        """Subjects have other rows from now on: `rows` holds the old row of each, -1 for a new one."""
        self._ticks = deque((at, moved(column, rows)) for at, column in self._ticks)

    def over(self, function: Function, seconds: float, now: float) -> Array:
        """The function over the last `seconds` for each subject; NaN for one without enough values."""
        within = [(at, column) for at, column in self._ticks if now - seconds <= at <= now]
        if not within:
            width = len(self._ticks[-1][1]) if self._ticks else 0
            return np.full(width, np.nan)
        times, values = np.array([at for at, _ in within]), np.stack([column for _, column in within])
        if function in ("increase", "rate"):
            return _grown(times, values, per_second=function == "rate")
        there = ~np.isnan(values)
        if function == "avg_over_time":
            counts = there.sum(axis=0)
            with np.errstate(invalid="ignore", divide="ignore"):
                means: Array = np.where(there, values, 0.0).sum(axis=0) / counts
            return means
        empty = -np.inf if function == "max_over_time" else np.inf
        filled = np.where(there, values, empty)
        best: Array = filled.max(axis=0) if function == "max_over_time" else filled.min(axis=0)
        return np.where(there.any(axis=0), best, np.nan)


def moved(column: Array, rows: Array) -> Array:
    """A column in another order of subjects; NaN for those whose old row is -1."""
    padded: Array = np.append(column, np.nan)[rows]
    return padded


def rows_of(before: Mapping[str, int], subjects: Sequence[str]) -> Array:
    """The old row of each subject, -1 for those that had none."""
    return np.array([before.get(subject, -1) for subject in subjects], int)


def _grown(times: Array, values: Array, *, per_second: bool) -> Array:
    """By how much counters grew. One that fell began again at zero; gaps are bridged; one value alone says nothing."""
    there = ~np.isnan(values)
    steps = np.arange(len(times))[:, None]
    last = np.maximum.accumulate(np.where(there, steps, -1), axis=0)
    filled = np.where(last >= 0, np.take_along_axis(values, np.maximum(last, 0), axis=0), np.nan)
    differences = np.diff(filled, axis=0)
    gained = np.where(differences < 0, filled[1:], differences)
    total: Array = np.nansum(gained, axis=0)
    first = there.argmax(axis=0)
    span = times[last[-1]] - times[first]
    enough = there.sum(axis=0) >= 2
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = np.where(enough, total / span if per_second else total, np.nan)
    return found
