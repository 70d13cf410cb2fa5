"""Episodes for learning: the simulator under the sampling policy, with everything that PPO needs written down.

The policy samples at every decision with more than one option, and those in doubt are recorded: what is nearly sure
teaches hardly anything, and is most of them. (Sampling at some decisions only, and taking the best elsewhere, was
tried: a small step of the weights then flips many best options at once, which no bound on the divergence sees, and
training fell apart after 20 rounds.)
"""

from math import exp, log
from typing import NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from routing.lab.learn.evaluation.cost import COST, step_with_cost, sums_of
from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.events import Clock, PolicyBuffers
from routing.lab.learn.simulator.machine import Machine
from routing.policies.learned import policy as learned
from routing.policies.learned.observation import COUNT, Feature
from routing.policies.learned.policy import BASE, ROWS
from routing.scheduler import core as scheduler
from routing.scheduler.compiled import KEPT, compiled, typeof
from routing.scheduler.core import REST
from routing.scheduler.indices import NamedIndex

SURE = 0.98
"""A decision whose best option is more likely than this is not recorded: hardly anything can be learned from it."""


class LogTotal(NamedIndex):
    """What a log sums up."""

    DECISIONS = "recorded"
    ROWS = "recorded"
    COST = "s, so far"
    CHOICES = "decisions with more than one option, recorded or not"


class Log(NamedTuple):
    """What was recorded of K decisions: their options' rows one after the other, how many, which was taken.

    `total` has the sums by `LogTotal`, `rng` the random state.
    """

    rows: NDArray[np.float32]
    options: NDArray[np.int64]
    taken: NDArray[np.int64]
    likelihood: NDArray[np.float32]
    at: NDArray[np.float64]
    cost: NDArray[np.float64]
    total: NDArray[np.float64]
    rng: NDArray[np.uint64]


class Exploring(NamedTuple):
    """The ageing in the cost, and the inverse temperature at which the policy samples."""

    ageing: float
    inverse_temperature: float


def recorded(log_: Log) -> int:
    """How many decisions were recorded."""
    return int(log_.total[LogTotal.DECISIONS])


def log_of(most: int, seed: int) -> Log:
    """An empty log for at most `most` decisions."""
    return Log(
        rows=np.zeros((most * ROWS // 2, COUNT), np.float32),
        options=np.zeros(most, np.int64),
        taken=np.zeros(most, np.int64),
        likelihood=np.zeros(most, np.float32),
        at=np.zeros(most),
        cost=np.zeros(most),
        total=np.zeros(len(LogTotal)),
        rng=np.array([(seed * 2 + 1) * 0x9E3779B97F4A7C15 % 2**64], np.uint64),
    )


@compiled
def uniform(rng: NDArray[np.uint64]) -> float:
    """The next number in [0, 1) of a xorshift64* generator."""
    x = rng[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    rng[0] = x
    return float((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(11)) / 9007199254740992.0


@compiled
def explore(machine: Machine, buffers: PolicyBuffers, log_: Log, exploring: Exploring, point: scheduler.Point) -> int:
    """One decision, sampled; if more than one option is likely it is written down."""
    rows = buffers.memory[: ROWS * COUNT].reshape((ROWS, COUNT))
    options = buffers.memory[ROWS * COUNT : ROWS * (COUNT + 1)]
    scores = buffers.memory[ROWS * (COUNT + 1) : ROWS * (COUNT + 2)]
    hidden = buffers.memory[ROWS * (COUNT + 2) :]
    count = learned.prepare(machine.fleet, point, buffers.candidates[: point.count], buffers.weights, rows, options)
    if count == 1:
        return int(options[0])
    best = 0
    for place in range(count):
        scores[place] = rows[place, Feature.BASE_SCORE] + learned.network(rows[place], buffers.weights[BASE:], hidden)
        scores[place] *= exploring.inverse_temperature
        if scores[place] > scores[best]:
            best = place
    total = 0.0
    for place in range(count):
        total += exp(scores[place] - scores[best])
    left = uniform(log_.rng) * total
    taken = 0
    while taken < count - 1:
        left -= exp(scores[taken] - scores[best])
        if left < 0.0:
            break
        taken += 1
    record, row = int(log_.total[LogTotal.DECISIONS]), int(log_.total[LogTotal.ROWS])
    full = record >= len(log_.at) or row + count > len(log_.rows)
    log_.total[LogTotal.CHOICES] += 1.0
    if full or total * SURE < 1.0:
        return int(options[taken])
    log_.total[LogTotal.DECISIONS] += 1
    log_.total[LogTotal.ROWS] += count
    log_.rows[row : row + count] = rows[:count]
    log_.options[record], log_.taken[record] = count, taken
    log_.likelihood[record] = scores[taken] - scores[best] - log(total)
    log_.at[record], log_.cost[record] = point.now, log_.total[LogTotal.COST]
    return int(options[taken])


def _episode(machine: Machine, clock: Clock, buffers: PolicyBuffers, log_: Log, exploring: Exploring) -> float:
    sums = sums_of()
    while step_with_cost(machine, clock, sums, exploring.ageing):
        log_.total[LogTotal.COST] = sums[COST]
        point = scheduler.next_point(machine.fleet, buffers.candidates)
        while point.kind != REST:
            simulator.carry_out(machine, point, explore(machine, buffers, log_, exploring, point))
            point = scheduler.next_point(machine.fleet, buffers.candidates)
    return float(machine.fleet.state[0].now)


_TINY = simulator.TINY
_LOG, _EXPLORING = log_of(1, 0), Exploring(0.1, 1.0)
_EPISODE = types.float64(
    typeof(_TINY), typeof(simulator.CLOCK), typeof(simulator.BUFFERS), typeof(_LOG), typeof(_EXPLORING)
)
_episode_compiled = njit(_EPISODE, cache=KEPT, error_model="numpy", nogil=True)(_episode)


def episode(machine: Machine, clock: Clock, buffers: PolicyBuffers, log_: Log, exploring: Exploring) -> float:
    """Run one episode to its last answer, writing to `log_`. Returns its makespan in seconds. Releases the GIL."""
    return float(_episode_compiled(machine, clock, buffers, log_, exploring))
