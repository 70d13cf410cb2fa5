"""The figures of a race as people compare them: two policies beside each other, the difference, and who did better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOWER, HIGHER, NEITHER = "lower", "higher", ""
MINUS = "−"


@dataclass(frozen=True)
class Figure:
    """One figure: its name in results, its unit ("s", "%" for shares of one, "J", "µs"), digits, and what is better."""

    name: str
    unit: str = ""
    digits: int = 1
    better: str = LOWER

    def text(self, value: float) -> str:
        """The value as people read it, without its unit if that is no percent sign."""
        return f"{value * 100:.{self.digits}f} %" if self.unit == "%" else f"{value:,.{self.digits}f}"


FIGURES = (
    Figure("mean_s", "s"),
    Figure("p50_s", "s"),
    Figure("p95_s", "s"),
    Figure("p99_s", "s"),
    Figure("max_wait_s", "s"),
    Figure("slowdown"),
    Figure("useful", "%", better=HIGHER),
    Figure("loading", "%", better=NEITHER),
    Figure("duty", "%", better=NEITHER),
    Figure("makespan_s", "s"),
    Figure("loads", digits=0, better=NEITHER),
    Figure("joules_per_request", "J", 0),
    Figure("decision_us", "µs", better=NEITHER),
)
SHORT = ("mean_s", "p99_s", "useful", "joules_per_request")
"""What a reader wants first."""


@dataclass(frozen=True)
class FigureRow:
    """A figure of both policies. `winner` is a place, or -1 if nobody wins; `verdict` is about the second."""

    figure: Figure
    texts: tuple[str, ...]
    difference: str
    winner: int
    verdict: str


def compared(policies: Sequence[str], results: Mapping[str, Mapping[str, Any]] | None) -> dict[str, FigureRow]:
    """Rows by the figures' names, values in the order of `policies`; empty if there are no results (yet)."""
    if not results or any(name not in results for name in policies):
        return {}
    rows = {}
    for figure in FIGURES:
        values = [results[name].get(figure.name) for name in policies]
        if all(isinstance(value, int | float) for value in values):
            rows[figure.name] = _row(figure, [float(value) for value in values if value is not None])
    return rows


def _row(figure: Figure, values: list[float]) -> FigureRow:
    texts = tuple(map(figure.text, values))
    best = min(values) if figure.better == LOWER else max(values)
    drawn = figure.better == NEITHER or len(set(texts)) == 1
    winner = -1 if drawn else values.index(best)
    verdict = ("better" if winner == 1 else "worse") if winner >= 0 else "same" if figure.better else ""
    return FigureRow(figure, texts, _difference(figure, *values[:2]), winner, verdict)


def _difference(figure: Figure, first: float, second: float) -> str:
    """How far the second is from the first: points for shares, else percent of the first."""
    if figure.unit == "%":
        return signed((second - first) * 100)
    return f"{signed((second / first - 1) * 100)} %" if first else "–"


def signed(value: float) -> str:
    """One decimal, with a real minus; a plain 0 for nothing."""
    text = f"{abs(value):,.1f}"
    return text if text == "0.0" else f"+{text}" if value > 0 else f"{MINUS}{text}"
