"""Who used a window's energy: the busy part goes to calls by the seconds that each spent on the device.

Idle power times the known seconds is idle energy; what is above it is busy, and goes to calls in proportion to their
seconds in the window, each placement with its weight. A device without a call in the window was idle throughout. A
call's share of the energy is its share of the device's price and of its carbon, so that everything adds up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.energy.curve import STEP, Array, Numbers, summed


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """What a window gave each whole device: joules of its known seconds, counted seconds, and its idle power then.

    `money` is the price of the known seconds, NaN without a price. Nothing in it changes once the window is settled.
    """

    devices: Numbers
    joules: Array
    known_s: Array
    counted_s: Array
    idle_watts: Array
    money: Array
    emulated: NDArray[np.bool_]

    def columns(self) -> Array:
        """What is shared out, a row for each device: joules, money, joules with a price, emulated joules."""
        priced = ~np.isnan(self.money)
        return np.stack(
            [
                self.joules,
                np.where(priced, self.money, 0.0),
                self.joules * priced,
                self.joules * self.emulated,
            ],
            axis=1,
        )


@dataclass(frozen=True, slots=True)
class PlacedPairs:
    """Which replica sits on which device, by their places in lists, and with which weight."""

    replica: Numbers
    device: Numbers
    weight: Array


@dataclass(frozen=True, slots=True)
class ReplicaRates:
    """For each replica: what a second of one call used (the columns of WindowFacts), and which part was measured."""

    used: Array
    measured: Array
    busy: Array
    """For each device, the part of its energy that went to calls, from 0 to 1."""


def rates(facts: WindowFacts, pairs: PlacedPairs, seconds: Array) -> ReplicaRates:
    """The rates of each replica, whose calls spent `seconds` in the window; calls that overlap count each."""
    devices, replicas = len(facts.devices), len(seconds)
    loaded = summed(pairs.device, pairs.weight * seconds[pairs.replica], devices)
    idle = np.minimum(facts.joules, facts.idle_watts * facts.known_s)
    with np.errstate(invalid="ignore", divide="ignore"):
        busy = np.where((loaded > 0) & (facts.joules > 0), 1 - idle / facts.joules, 0.0)
        each = np.where(loaded > 0, busy / loaded, 0.0)
    shared = facts.columns()[pairs.device] * (each[pairs.device] * pairs.weight)[:, None]
    used = np.zeros((replicas, shared.shape[1]))
    np.add.at(used, pairs.replica, shared)
    weights = summed(pairs.replica, pairs.weight, replicas)
    known = summed(pairs.replica, pairs.weight * facts.known_s[pairs.device] / STEP, replicas)
    with np.errstate(invalid="ignore", divide="ignore"):
        measured = np.where(weights > 0, known / weights, 0.0)
    return ReplicaRates(used, measured, busy)
