"""Chunks of history: sixty points of one subject, means of gauges and last values of counters and states."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from routing.samples.dimensions import BY_POSITION
from routing.samples.frames import Array, Frame, arrays

POINTS = 60
COLUMNS = {position: column for column, position in enumerate(BY_POSITION)}
"""The column of each series, gauges and counters together."""
GAUGE = np.array([series.kind == "gauge" for series in BY_POSITION.values()])
_POSITIONS = tuple(BY_POSITION)


class HistoryChunk(msgspec.Struct, array_like=True, frozen=True):
    """Sixty points: float32 of `gauges` for each point, then float64 of `counters`; NaN is absent."""

    gauges: list[int]
    counters: list[int]
    values: bytes


_DECODER = msgspec.msgpack.Decoder(HistoryChunk)
_ENCODE = msgspec.msgpack.Encoder().encode


def packed(points: Array) -> bytes:
    """The chunk of an array of 60 points × all series; series without any value are left out."""
    given = ~np.isnan(points).all(axis=0)
    gauges, counters = np.flatnonzero(given & GAUGE), np.flatnonzero(given & ~GAUGE)
    values = points[:, gauges].astype("<f4").tobytes() + points[:, counters].astype("<f8").tobytes()
    return _ENCODE(HistoryChunk([_POSITIONS[one] for one in gauges], [_POSITIONS[one] for one in counters], values))


def points(body: bytes) -> Array:
    """The array of 60 points × all series of a packed chunk."""
    chunk = _DECODER.decode(body)
    split = 4 * POINTS * len(chunk.gauges)
    found = np.full((POINTS, len(COLUMNS)), np.nan)
    found[:, [COLUMNS[one] for one in chunk.gauges]] = np.frombuffer(chunk.values[:split], "<f4").reshape(POINTS, -1)
    found[:, [COLUMNS[one] for one in chunk.counters]] = np.frombuffer(chunk.values[split:], "<f8").reshape(POINTS, -1)
    return found


def column(body: bytes, position: int) -> list[float]:
    """The sixty points of one series of a packed chunk; NaN, and nothing at all, where it was not measured."""
    chunk = _DECODER.decode(body)
    split = 4 * POINTS * len(chunk.gauges)
    if position in chunk.gauges:
        block = np.frombuffer(chunk.values[:split], "<f4").reshape(POINTS, -1)[:, chunk.gauges.index(position)]
    elif position in chunk.counters:
        block = np.frombuffer(chunk.values[split:], "<f8").reshape(POINTS, -1)[:, chunk.counters.index(position)]
    else:
        return []
    found: list[float] = block.tolist()
    return found


def columns(body: bytes, positions: Sequence[int]) -> Array:
    """The points of several series, a column for each; NaN where nothing was measured."""
    return np.array([column(body, one) or [np.nan] * POINTS for one in positions], float).T


def of_frames(frames: Iterable[tuple[float, Frame]], start: float, step: float) -> dict[str, Array]:
    """Sixty points of `step` seconds for each subject of one source's frames, given with their times, in order."""
    subjects: dict[str, int] = {}
    read = [(min(max(int((at - start) // step), 0), POINTS - 1), frame, *arrays(frame)) for at, frame in frames]
    for _, frame, _, _ in read:
        for subject in frame.subjects:
            subjects.setdefault(subject, len(subjects))
    sums = np.zeros((POINTS, len(subjects), len(COLUMNS)))
    counts, last = np.zeros_like(sums), np.full_like(sums, np.nan)
    for point, frame, gauges, counters in read:
        rows = np.array([subjects[one] for one in frame.subjects], int)
        at_gauges = (point, rows[:, None], [COLUMNS[one] for one in frame.gauges])
        there = ~np.isnan(gauges)
        sums[at_gauges] += np.where(there, gauges, 0.0)
        counts[at_gauges] += there
        at_counters = (point, rows[:, None], [COLUMNS[one] for one in frame.counters])
        last[at_counters] = np.where(np.isnan(counters), last[at_counters], counters)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = np.where(GAUGE, sums / counts, last)
    return {subject: whole[:, row] for subject, row in subjects.items()}


def coarser(finer: Array) -> Array:
    """Sixty points of a whole multiple of as many finer ones."""
    groups = finer.reshape(POINTS, -1, len(COLUMNS))
    there = ~np.isnan(groups)
    counts = there.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(there, groups, 0.0).sum(axis=1) / counts
    last = np.full_like(means, np.nan)
    for step in range(groups.shape[1]):
        last = np.where(there[:, step], groups[:, step], last)
    whole: Array = np.where(GAUGE, means, last)
    return whole
