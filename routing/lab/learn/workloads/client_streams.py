"""ServeGen: statistics of clients, ten minutes at a time, to draw calls from; every client is one model's stream."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from routing.lab.learn.workloads.recording import SAMPLING, TOKENS, Trace
from routing.lab.learn.workloads.trace_files import MOST_ROWS, Block, TraceError, columns, name, number, ranked

WINDOW_S = 600.0
HOUR_S = 3600.0
MOST_RATE, LEAST_SHAPE, MOST_SHAPE, MOST_TOKENS = 1e6, 0.005, 1e6, 1e7
"""Calls a second of one client; Gamma's or Weibull's shape (smaller ones overflow); tokens of one call."""
PATTERNS = ("Gamma", "Weibull")
WINDOWS, QUANTILES = "windows", "token_quantiles"
"""What the names of the two files have in place of each other."""
SHARES = (0.10, 0.25, 0.50, 0.75, 0.90, 0.99)
POINTS = ("p10", "p25", "p50", "p75", "p90", "p99")
ANSWER = "output_tokens"
PROMPTS = ("input_tokens", "text_tokens", "image_tokens", "audio_tokens", "video_tokens")
"""A prompt is the sum of what is there of these."""
FIELDS = (ANSWER, *PROMPTS)


@dataclass(frozen=True, slots=True)
class Streams:
    """Clients' windows, each of WINDOW_S seconds from `begin_s`: calls a second and how the gaps between calls spread.

    `client` is a place in `names`, the busiest first; windows are in order of client and time. `gap` is the mean of a
    gap drawn with `shape` and no scale. `tokens[client, field]` are quantiles (log1p of tokens) at 0, SHARES and 1.
    """

    name: str
    names: tuple[str, ...]
    client: NDArray[np.int64]
    begin_s: NDArray[np.float64]
    rate: NDArray[np.float64]
    weibull: NDArray[np.bool_]
    shape: NDArray[np.float64]
    gap: NDArray[np.float64]
    tokens: NDArray[np.float64]
    notes: tuple[str, ...] = ()

    def between(self, begin_s: float, end_s: float) -> Self:
        """The windows that begin from `begin_s` until before `end_s`. Raises ValueError if there are none."""
        keep = (self.begin_s >= begin_s) & (self.begin_s < end_s)
        if not keep.any():
            ends = f"{self.begin_s.min():g} to {self.begin_s.max() + WINDOW_S:g} s"
            raise ValueError(f"{self.name}: no windows from {begin_s:g} s to {end_s:g} s; it runs from {ends}")
        return self._only(keep)

    def sample(self, calls: int, seed: int) -> Trace:
        """That many calls, drawn from an hour that the seed chooses, or from everything if that is less.

        All rates are scaled alike. Each client gets its share of the calls to within one; its gaps are drawn with the
        window's shape and fill its windows in proportion to their rates. The same seed draws the same to the bit.
        """
        if not 0 < calls <= MOST_ROWS:
            raise ValueError(f"{calls} calls; expected 1 to {MOST_ROWS:,}")
        rng = np.random.default_rng([SAMPLING, seed])
        hour = self._hour(rng)
        start = float(hour.begin_s.min())
        model = np.repeat(np.arange(len(hour.names)), hour._shares(calls, rng))
        counts = np.bincount(model, minlength=len(hour.names))
        at, prompt, answer = np.empty(calls), np.empty(calls), np.empty(calls)
        for client, count, past in zip(range(len(counts)), counts, np.cumsum(counts), strict=True):
            if count:
                here = slice(past - count, past)
                at[here] = hour._arrivals(client, count, rng) - start
                answer[here], prompt[here] = hour._lengths(client, count, rng)
        order = np.argsort(at, kind="stable")
        span = float(hour.begin_s.max()) + WINDOW_S - start
        notes = (*self.notes, f"drawn from {start:g} s to {start + span:g} s")
        sizes = (answer[order], prompt[order])
        return Trace(self.name, at[order], model[order], self.names, TOKENS, *sizes, span_s=span, notes=notes)

    def _only(self, keep: NDArray[Any]) -> Self:
        windows = ("client", "begin_s", "rate", "weibull", "shape", "gap")
        return replace(self, **{column: getattr(self, column)[keep] for column in windows})

    def _hour(self, rng: Generator) -> Self:
        begins = np.unique(self.begin_s)
        starts = begins[begins <= begins[-1] + WINDOW_S - HOUR_S]
        if not len(starts):
            return self
        start = float(starts[rng.integers(len(starts))])
        return self.between(start, start + HOUR_S)

    def _shares(self, calls: int, rng: Generator) -> NDArray[np.int64]:
        expected = np.bincount(self.client, self.rate, minlength=len(self.names))
        busy = np.flatnonzero(expected)
        ends = np.floor(np.cumsum(expected[busy]) * (calls / expected.sum()) + rng.random())
        ends[-1] = calls
        shares = np.zeros(len(self.names), np.int64)
        shares[busy] = np.diff(np.minimum(ends, calls), prepend=0)
        return shares

    def _arrivals(self, client: int, count: int, rng: Generator) -> NDArray[np.float64]:
        first, past = np.searchsorted(self.client, (client, client + 1))
        work = np.cumsum(self.rate[first:past])
        near = first + np.searchsorted(work, (np.arange(count + 1) + 0.5) / (count + 1) * work[-1])
        shape = self.shape[near]
        drawn = np.where(self.weibull[near], rng.weibull(shape), rng.gamma(shape))
        passed = np.cumsum(drawn / self.gap[near])
        if passed[-1] <= 0:
            passed = np.arange(1.0, count + 2)
        done = passed[:-1] / passed[-1] * work[-1]
        place = np.minimum(np.searchsorted(work, done, side="right"), past - first - 1)
        left = 1 - (work[place] - done) / self.rate[first + place]
        times: NDArray[np.float64] = self.begin_s[first + place] + WINDOW_S * np.clip(left, 0.0, 1.0)
        return times

    def _lengths(self, client: int, count: int, rng: Generator) -> tuple[NDArray[Any], NDArray[Any]]:
        drawn = np.zeros((len(FIELDS), count))
        for field in np.flatnonzero(self.tokens[client].any(axis=1)):
            drawn[field] = np.rint(np.expm1(np.interp(rng.random(count), KNOTS, self.tokens[client, field])))
        return drawn[0], drawn[1:].sum(axis=0)


KNOTS = (0.0, *SHARES, 1.0)


def servegen(file: Path) -> Streams:
    """ServeGen's client windows; their token quantiles lie beside it, under the same name with `token_quantiles`.

    Columns: pool, client, t0_s, rate_rps (calls/s), pattern (Gamma or Weibull), p1 (its shape). Scales follow from the
    rates. Raises TraceError.
    """
    parsers = {
        "pool": name,
        "client": name,
        "t0_s": number(1e12),
        "pattern": _pattern,
        "p1": number(MOST_SHAPE, LEAST_SHAPE),
    }
    read = columns(file, {**parsers, "rate_rps": number(MOST_RATE, 1e-9)})
    keys = [f"{pool}/{client}" for pool, client in zip(read["pool"], read["client"], strict=True)]
    names, client = ranked(file, keys, read["rate_rps"])
    order = np.lexsort((read["t0_s"], client))
    weibull, shape = (read["pattern"] == "Weibull")[order], read["p1"][order]
    tokens, missing = _tokens(file.with_name(file.name.replace(WINDOWS, QUANTILES)), names)
    note = f"{missing} clients have no token quantiles: the medians of their pools stand in"
    return Streams(
        name=file.name,
        names=names,
        client=client[order],
        begin_s=read["t0_s"][order],
        rate=read["rate_rps"][order],
        weibull=weibull,
        shape=shape,
        gap=_gaps(weibull, shape),
        tokens=tokens,
        notes=(note,) if missing else (),
    )


def _gaps(weibull: NDArray[np.bool_], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    gaps = shape.copy()
    gaps[weibull] = [math.exp(min(700.0, math.lgamma(1 + 1 / one))) for one in shape[weibull]]
    return gaps


def _pattern(block: Block, column: str) -> NDArray[Any]:
    words = name(block, column)
    wrong = np.array([one not in PATTERNS for one in words])
    if wrong.any():
        raise block.error(int(wrong.argmax()), column, " or ".join(PATTERNS), "leave such windows out")
    return words


def _tokens(file: Path, names: tuple[str, ...]) -> tuple[NDArray[np.float64], int]:
    """Quantiles by client and field, and how many clients got their pool's."""
    points = {point: number(MOST_TOKENS) for point in POINTS}
    read = columns(file, {"pool": name, "client": name, "field": name, **points})
    rows = np.stack([read[point] for point in POINTS], axis=1)
    falling = (np.diff(rows, axis=1) < 0).any(axis=1)
    if falling.any():
        found = f"row {int(falling.argmax()) + 1} falls"
        raise TraceError(file, "quantiles that rise from p10 to p99", "correct or remove the row", found=found)
    logs = np.log1p(rows)
    low = logs[:, 0] - (logs[:, 1] - logs[:, 0]) * (0.10 / 0.15)
    high = logs[:, 5] + (logs[:, 5] - logs[:, 4]) * (0.01 / 0.09)
    curves = np.column_stack((np.maximum(low, 0.0), logs, high))
    known: dict[str, NDArray[np.float64]] = {}
    for pool, client, field, curve in zip(read["pool"], read["client"], read["field"], curves, strict=True):
        if field in FIELDS:
            own = known.setdefault(f"{pool}/{client}", np.zeros((len(FIELDS), len(KNOTS))))
            own[FIELDS.index(field)] = curve
    pools: dict[str, list[NDArray[np.float64]]] = {}
    for key, own in known.items():
        pools.setdefault(key.rpartition("/")[0], []).append(own)
    lacking = [key.rpartition("/")[0] for key in names if key not in known]
    strange = sorted(set(lacking) - set(pools))
    if strange:
        raise TraceError(file, f"token quantiles of pool {strange[0]}", "add some, or leave its windows out")
    usual = {pool: np.median(pools[pool], axis=0) for pool in set(lacking)}
    tokens = [known[key] if key in known else usual[key.rpartition("/")[0]] for key in names]
    return np.stack(tokens), len(lacking)
