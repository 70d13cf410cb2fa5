"""The overview's chart as geometry: three panels over one axis of time, drawn as SVG by a template. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor, log10

from routing.calls.steps import StepSums

COLUMN, HEIGHT = 10.0, 100.0
LEAST_PERCENT = 5.0
"""The top of the panel of failures is never lower, so that one call of a hundred does not look like an outage."""
LABELS = 4


@dataclass(frozen=True)
class ChartColumn:
    """One step in a panel. `y` and `height` are its bar's, 0 at the top; `value` is None if there is nothing."""

    x: float
    y: float
    height: float
    value: float | None
    running: bool


@dataclass(frozen=True)
class Panel:
    """One quantity. `ticks` are values from the top down; `line` joins the tops of the columns that have a value."""

    name: str
    columns: tuple[ChartColumn, ...]
    ticks: tuple[float, ...]
    line: str


@dataclass(frozen=True)
class Chart:
    """Panels over the same steps; `width` is that of their SVG, `labels` are moments at equal distances."""

    width: float
    panels: tuple[Panel, ...]
    labels: tuple[datetime, ...]
    steps: tuple[tuple[ChartColumn, StepSums, datetime], ...]


def chart(buckets: Sequence[StepSums], current: StepSums, step: timedelta) -> Chart:
    """Calls, failures in percent and p95 of each step; the last one is not over."""
    steps = (*buckets, current)
    calls = panel("calls", steps, lambda one: float(one.calls), least=4.0)
    failures = panel("failures", steps, lambda one: one.error_percent, least=LEAST_PERCENT)
    latency = panel("p95", steps, lambda one: one.p95_ms, least=10.0)
    whole = zip(calls.columns, steps, (one.at + step for one in steps), strict=True)
    labels = tuple(steps[len(steps) * number // LABELS].at for number in range(LABELS))
    return Chart(COLUMN * len(steps), (calls, failures, latency), labels, tuple(whole))


def panel(name: str, steps: Sequence[StepSums], value: Callable[[StepSums], float | None], least: float) -> Panel:
    """The columns of one quantity, scaled to the next round number."""
    values = [value(one) for one in steps]
    top = rounded_up(max([least, *(one for one in values if one is not None)]))
    columns = []
    for number, one in enumerate(values):
        height = HEIGHT * (one or 0.0) / top
        columns.append(ChartColumn(COLUMN * number, HEIGHT - height, height, one, number == len(values) - 1))
    return Panel(name, tuple(columns), (top, top / 2, 0.0), line(columns))


def line(columns: Sequence[ChartColumn]) -> str:
    """A path over the tops of the columns, a step each; it breaks if there is no value."""
    parts, drawing = [], False
    for column in columns:
        if column.value is None:
            drawing = False
            continue
        parts.append(f"{'V' if drawing else f'M{column.x:g} '}{column.y:.1f}H{column.x + COLUMN:g}")
        drawing = True
    return "".join(parts)


def rounded_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 or 10 times a power of ten; half of each reads well too."""
    power = 10.0 ** floor(log10(value))
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value)
