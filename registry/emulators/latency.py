"""How long an emulated model takes: lognormal times, seeded per model, so that a run can be repeated."""

from collections import Counter
from dataclasses import dataclass, field
from math import exp
from statistics import NormalDist

from registry.emulators.answers import seed

SPREAD = 0.35
_NORMAL = NormalDist()


@dataclass(slots=True)
class Latency:
    """Times of a fleet. `first_ms` and `token_ms` set every model's median in milliseconds; None leaves each its own.

    A model's own median is 20 to 80 ms to the first byte and 2 to 8 ms between streamed tokens. Each call gives the
    next draw of the model's own sequence.
    """

    first_ms: float | None = None
    token_ms: float | None = None
    _drawn: Counter[tuple[str, int]] = field(default_factory=Counter)

    def first(self, number: int) -> float:
        """Seconds until model `number` answers."""
        return self._draw(
            "first", number, 20 + seed("first", str(number)) % 61 if self.first_ms is None else self.first_ms
        )

    def gap(self, number: int) -> float:
        """Seconds between two streamed tokens of one answer of model `number`."""
        return self._draw(
            "token", number, 2 + seed("token", str(number)) % 7 if self.token_ms is None else self.token_ms
        )

    def _draw(self, kind: str, number: int, median_ms: float) -> float:
        if median_ms <= 0:
            return 0.0
        self._drawn[kind, number] += 1
        uniform = (seed(kind, str(number), str(self._drawn[kind, number])) + 0.5) / 2**64
        return median_ms / 1000 * exp(SPREAD * _NORMAL.inv_cdf(min(max(uniform, 1e-9), 1 - 1e-9)))
