"""Counts of this process for /metrics: calls by model and outcome, how long they took."""

from bisect import bisect_left
from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from routing.dataplane.recorder import Record

BOUNDS_MS = (
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
)


@dataclass(slots=True)
class Histogram:
    """Counts by upper bound (milliseconds), not cumulative, the last one open; and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))
    total_ms: float = 0.0

    def add(self, milliseconds: float) -> None:
        """Count one call."""
        self.counts[bisect_left(BOUNDS_MS, milliseconds)] += 1
        self.total_ms += milliseconds

    def cumulative(self) -> Iterator[tuple[str, float]]:
        """Prometheus' buckets: upper bound in seconds and the calls up to it."""
        running = 0
        for bound, count in zip(BOUNDS_MS, self.counts, strict=False):
            running += count
            yield str(bound / 1000), float(running)
        yield "+Inf", float(running + self.counts[-1])


class Measures:
    """Calls by (model, task, status, failure) and durations by model."""

    def __init__(self) -> None:
        self.calls: dict[tuple[str, str, int, str], int] = {}
        self.durations: dict[str, Histogram] = {}
        self.tokens: dict[tuple[str, str], int] = {}

    def count(self, record: Record, model: str) -> None:
        """Count one finished call of `model`; empty if no model was found, so that callers cannot make up labels."""
        key = (model, record.task, record.status, record.failure)
        self.calls[key] = self.calls.get(key, 0) + 1
        durations = self.durations.get(model)
        if durations is None:
            durations = self.durations[model] = Histogram()
        durations.add(record.duration_ms)
        if record.prompt_tokens:
            self._add_tokens(model, "prompt", record.prompt_tokens)
        if record.completion_tokens:
            self._add_tokens(model, "completion", record.completion_tokens)

    def keep(self, models: Container[str]) -> None:
        """Forget every model but these, so that the labels stay as many as there are models."""
        self.calls = {key: count for key, count in self.calls.items() if not key[0] or key[0] in models}
        self.durations = {model: seen for model, seen in self.durations.items() if not model or model in models}
        self.tokens = {key: count for key, count in self.tokens.items() if not key[0] or key[0] in models}

    def _add_tokens(self, model: str, direction: str, count: int) -> None:
        key = (model, direction)
        self.tokens[key] = self.tokens.get(key, 0) + count
