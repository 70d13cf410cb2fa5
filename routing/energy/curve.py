"""From readings of one device to joules in windows: by its energy counter, else by its power over time.

Between two readings that are at most GAP apart the power is taken as even. A window's energy is that of the part of it
that is known; the rest is unknown and told in seconds, never taken as zero.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
STEP = 10
"""Seconds of a window."""
GAP = 60.0
"""Seconds between two readings that still belong together: twice what dcgm-exporter waits between two collections by
itself (`--collect-interval`, 30,000 ms)."""
MOST_WATTS = 10_000.0
"""A counter that grows faster did not measure (the greatest power of UNITS in routing.samples.dimensions)."""
WRAP = 2.0**32


@dataclass(frozen=True, slots=True)
class PowerReadings:
    """What one source said of one device: Unix times in order, watts, and the energy counter in joules; NaN is absent.

    A counter that a source keeps between its own collections is repeated; only its changes count.
    """

    at: Array
    watts: Array
    counter: Array


@dataclass(frozen=True, slots=True)
class WindowJoules:
    """By window: joules of its known part, how many seconds that part has, and how many of these were counted."""

    joules: Array
    known_s: Array
    counted_s: Array


def windows(readings: PowerReadings, start: float, count: int) -> WindowJoules:
    """The energy of `count` windows from `start` on."""
    end = start + count * STEP
    counter, after_reset = _counted(readings)
    layers = (counter, _integrated(readings), after_reset)
    edges = start + STEP * np.arange(count + 1, dtype=float)
    cuts = np.unique(np.concatenate([edges, *(points[(points > start) & (points < end)] for points, _ in layers)]))
    middles, widths = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    found = [_at(points, watts, middles) for points, watts in layers]
    watts = np.where(np.isnan(found[0]), np.where(np.isnan(found[1]), found[2], found[1]), found[0])
    place = np.clip(((middles - start) // STEP).astype(int), 0, count - 1)
    known = ~np.isnan(watts)
    return WindowJoules(
        summed(place, np.where(known, watts * widths, 0.0), count),
        summed(place, np.where(known, widths, 0.0), count),
        summed(place, np.where(~np.isnan(found[0]), widths, 0.0), count),
    )


def summed(place: Numbers, values: Array, count: int) -> Array:
    """The sums of `values` by their places, of which there are `count`."""
    return np.bincount(place, values, count).astype(float)


Layer = tuple[Array, Array]
"""Points in time, and the watts from each point to the next; NaN where that is not known."""


def _integrated(readings: PowerReadings) -> Layer:
    """Power between two readings as their mean: the trapezoid."""
    there = ~np.isnan(readings.watts)
    at, watts = readings.at[there], readings.watts[there]
    return at, np.where(np.diff(at) <= GAP, (watts[1:] + watts[:-1]) / 2, np.nan)


def _counted(readings: PowerReadings) -> tuple[Layer, Layer]:
    """Power by the counter between its changes; apart, what it says after a reset, which counts from zero.

    What was used before a reset and not read is lost to the counter, so there integrated power counts first. A counter
    that falls from the top tenth of 32 bits to the lowest tenth has wrapped and goes on.
    """
    there = ~np.isnan(readings.counter)
    at, counter = readings.at[there], readings.counter[there]
    changed = np.concatenate([np.ones(min(1, len(counter)), bool), np.diff(counter) != 0])
    at, counter = at[changed], counter[changed]
    before, after, seconds = counter[:-1], counter[1:], np.diff(at)
    grown = after - before
    wrapped = (before > 0.9 * WRAP) & (before < WRAP) & (after < 0.1 * WRAP)
    near = seconds <= GAP
    watts = np.where(wrapped, grown + WRAP, grown) / seconds
    counted = np.where(near & (wrapped | (grown > 0)) & (watts <= MOST_WATTS), watts, np.nan)
    anew = np.where(near & (grown < 0) & ~wrapped & (after / seconds <= MOST_WATTS), after / seconds, np.nan)
    return (at, counted), (at, anew)


def _at(points: Array, watts: Array, moments: Array) -> Array:
    """The power of a layer at each moment; NaN outside of it."""
    if not len(watts):
        return np.full(len(moments), np.nan)
    place = np.searchsorted(points, moments, side="right") - 1
    inside = (place >= 0) & (place < len(watts))
    return np.where(inside, watts[np.clip(place, 0, len(watts) - 1)], np.nan)
