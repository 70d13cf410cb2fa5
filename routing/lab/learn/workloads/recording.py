"""What is known of calls that were made: a trace of them, or statistics to draw them from; neither knows a fleet."""

from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

SAMPLING = 20_261_126
"""What seeds are mixed with, so that no other part of the lab draws the same numbers."""
TOKENS, UNITS, SECONDS, RATIO = "tokens", "units", "seconds", "ratio"


@dataclass(frozen=True, slots=True)
class Trace:
    """Calls in the order of their times: `at` in seconds from 0; the next one after them would come at `span_s`.

    `model` is a place in `names`, the most called first; without names the calls are one stream for many models. `size`
    is, by `measure`, answer tokens (then `prompt` holds the prompt's, else 0), units of work, seconds of an otherwise
    idle device, or such a time divided by the average of its file. `notes` say what was changed or left out.
    """

    name: str
    at: NDArray[np.float64]
    model: NDArray[np.int64]
    names: tuple[str, ...]
    measure: str
    size: NDArray[np.float64]
    prompt: NDArray[np.float64]
    span_s: float = 0.0
    notes: tuple[str, ...] = ()

    def ordered(self) -> Self:
        """Sorted by time, equal times as they stood, and moved to start at 0; a note says whether any was late."""
        late = int(np.count_nonzero(np.diff(self.at) < 0))
        notes = (*self.notes, f"sorted: {late:,} calls stood before an earlier one") if late else self.notes
        order = np.argsort(self.at, kind="stable")
        at = self.at[order] - self.at[order[0]]
        span = float(at[-1]) * len(at) / max(1, len(at) - 1)
        size, prompt = self.size[order], self.prompt[order]
        return replace(self, at=at, model=self.model[order], size=size, prompt=prompt, span_s=span, notes=notes)

    def between(self, begin_s: float, end_s: float) -> Self:
        """The calls from `begin_s` until before `end_s`. Raises ValueError if there are none."""
        first, past = (int(place) for place in np.searchsorted(self.at, (begin_s, end_s)))
        if first >= past:
            raise ValueError(f"{self.name}: no calls from {begin_s:g} s to {end_s:g} s; it ends at {self.at[-1]:g} s")
        return self._part(first, past)

    def sample(self, calls: int, seed: int) -> Self:
        """That many calls in a row, or all, from a place that the seed chooses. Raises ValueError for less than one."""
        if calls < 1:
            raise ValueError(f"{calls} calls; expected at least one")
        spare = max(0, len(self.at) - calls)
        first = int(np.random.default_rng([SAMPLING, seed]).integers(spare + 1))
        return self._part(first, min(first + calls, len(self.at)))

    def _part(self, first: int, past: int) -> Self:
        part = slice(first, past)
        at = self.at[part] - self.at[first]
        following = self.at[past] - self.at[first] if past < len(self.at) else at[-1] * (1 + 1 / max(1, len(at) - 1))
        size, prompt = self.size[part], self.prompt[part]
        return replace(self, at=at, model=self.model[part], size=size, prompt=prompt, span_s=float(following))


class Recording(Protocol):
    """A trace, or statistics that calls can be drawn from."""

    @property
    def name(self) -> str:
        """The file's."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its models, the most called first; none if it is one stream."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed or left out."""

    def between(self, begin_s: float, end_s: float) -> Self:
        """What begins from `begin_s` until before `end_s`. Raises ValueError if nothing does."""

    def sample(self, calls: int, seed: int) -> Trace:
        """That many calls, or all if there are not more, from a place that the seed chooses."""
