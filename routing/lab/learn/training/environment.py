"""The fleet as a gymnasium environment, for other learners than ours: a step is a decision with more than one option.

An action is an option's place among at most ROWS: the heuristic's shortlist, and to hold if that is allowed. A place
beyond the options, which action_masks() excludes, takes the heuristic's choice. Decisions with one option are taken
without asking. Between steps the simulator runs in machine code (choices_loop.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.spaces import Box, Dict, Discrete
from numpy.random import Generator
from numpy.typing import NDArray

from routing.lab.learn.evaluation.cost import COST, INSIDE
from routing.lab.learn.simulator.entries import MAX_ACTIVE, WEIGHTS, tuned
from routing.lab.learn.simulator.events import Clock, PolicyBuffers
from routing.lab.learn.simulator.machine import Machine
from routing.lab.learn.simulator.simulation import ReadyPolicy, prepared
from routing.lab.learn.training.choices_loop import NOWHERE, Account, account_of, until_choice
from routing.lab.learn.training.situation import SITUATION, work_before
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS, VALIDATION_SEEDS, drawn
from routing.lab.learn.workloads.traffic import Scenario, synthetic
from routing.policies import spaced
from routing.policies.learned import policy as learned
from routing.policies.learned.observation import COUNT, Feature
from routing.policies.learned.policy import INPUTS, MEMORY, ROWS, SEEN
from routing.scheduler.core import Point
from routing.scheduler.fleet import NONE, FleetLimits

WIDEST = 1e6
"""No number of an observation is larger: they are logarithms, shares, or counts of one fleet."""
OPTIONS = ("scenario", "workload_seed")
Observation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is rewarded: -(cost + waste * loading) / (scale_s * devices) since the last choice.

    The cost is the seconds that all calls in the system spent there, aged by `ageing` (cost.py). `loading` is the
    seconds of the loads that were begun, `waste` what one of them costs in seconds of one call: small, since waiting
    shows most of what a load costs. `scale_s` seconds per device count as one. After `limit_s` of simulated time an
    episode is truncated.
    """

    ageing: float = 0.3
    waste: float = 0.01
    scale_s: float = 1000.0
    limit_s: float = inf


@dataclass(slots=True)
class Episode:
    """One run under way: the simulator, what it cost, where it stands, how much of the cost was rewarded."""

    machine: Machine
    clock: Clock
    buffers: PolicyBuffers
    account: Account
    point: Point = NOWHERE
    count: int = 0
    paid: float = 0.0
    over: bool = False


def heuristic(base: NDArray[np.float64], limits: FleetLimits) -> ReadyPolicy:
    """The learned policy before it learned anything, with these weights of the heuristic."""
    return ReadyPolicy(
        "heuristic", None, np.concatenate([base, np.zeros(learned.SIZE - len(base))]), limits, memory=MEMORY
    )


def tuned_heuristic() -> ReadyPolicy:
    """What training starts from. Raises ValueError if its weights are missing."""
    weights, limits = tuned(WEIGHTS / "spaced_tuned.json", spaced.WEIGHTS, FleetLimits(max_active=MAX_ACTIVE))
    return heuristic(np.array(list(weights.values())), limits)


class FleetEnvironment(gymnasium.Env[Observation, np.int64]):
    """The fleet under `contender`'s heuristic and limits, on scenarios that `draw` makes; by default what training has.

    Observation: `rows`, what the learned policy's network sees of each option, and `heuristic`, the heuristic's score
    of each in nats, zeros behind the last option; `situation`, what a critic may see of the fleet. That has arrivals
    still to come in it: a policy that looks at it cheats.

    Info: `now` in seconds, `in_system` calls, `cost` and `loading` so far (Terms), `options` to choose from, their
    `kind` of decision (scheduler.py), and `heuristic`, the place that the heuristic takes; `left`, calls in the system
    when an episode ends.
    """

    def __init__(
        self,
        contender: ReadyPolicy | None = None,
        terms: Terms | None = None,
        draw: Callable[[Generator], Scenario] = drawn,
    ) -> None:
        self.contender, self.terms, self.draw = contender or tuned_heuristic(), terms or Terms(), draw
        if self.contender.limits.early:
            raise ValueError("limits.early is set; expected limits that bind calls late, as the learned policy does")
        shapes = {"rows": (ROWS, INPUTS), "heuristic": (ROWS,), "situation": (SITUATION,)}
        self.observation_space = Dict({name: Box(-WIDEST, WIDEST, one, np.float32) for name, one in shapes.items()})
        self.action_space = Discrete(ROWS)
        self._episode: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode; options: a `scenario`, and the `workload_seed` of its workload, a number. Drawn by default.

        Raises ValueError for other options.
        """
        super().reset(seed=seed)
        given = options or {}
        if not set(given) <= set(OPTIONS):
            strange = ", ".join(sorted(set(given) - set(OPTIONS)))
            raise ValueError(f"unknown options {strange}; expected only {', '.join(OPTIONS)}")
        scenario = given["scenario"] if "scenario" in given else self.draw(self.np_random)
        drawn_seed = int(self.np_random.integers(TRAINING_SEEDS, VALIDATION_SEEDS))
        workload = synthetic(scenario, given.get("workload_seed", drawn_seed))
        machine, clock, buffers = prepared(workload, self.contender)
        account = account_of(work_before(workload), self.terms.ageing, self.terms.limit_s)
        self._episode = Episode(machine, clock, buffers, account)
        self._go_on(self._episode, NONE)
        return self._seen(self._episode), self._told(self._episode)

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take the option and go on to the next choice. Raises ResetNeeded if no episode is under way."""
        run = self._episode
        if run is None or run.over:
            raise ResetNeeded("no episode is under way; call reset() first")
        place = int(action) if 0 <= action < run.count else self._favourite(run)
        self._go_on(run, int(self._options(run)[place]) if run.count else NONE)
        cost = run.account.sums[COST] + self.terms.waste * run.account.loading[0]
        reward = float(run.paid - cost) / (self.terms.scale_s * len(run.machine.fleet.devices))
        run.paid, run.over = cost, run.count == 0
        answered = run.over and self._left(run) == 0 and run.clock.at[0] == len(run.clock.arrivals)
        late = run.over and not answered
        if late and run.machine.fleet.state[0]["now"] < self.terms.limit_s:
            raise RuntimeError(f"{self._left(run)} calls were never answered; the scheduler lost them")
        info = self._told(run) | ({"left": self._left(run)} if run.over else {})
        return self._seen(run), reward, answered, late, info

    def action_masks(self) -> NDArray[np.bool_]:
        """Which places are options; none before the first episode and after one."""
        return np.arange(ROWS) < (self._episode.count if self._episode is not None else 0)

    def _go_on(self, run: Episode, option: int) -> None:
        run.point, run.count = until_choice(run.machine, run.clock, run.buffers, run.account, run.point, option)

    def _rows(self, run: Episode) -> NDArray[np.float64]:
        return run.buffers.memory[: ROWS * COUNT].reshape(ROWS, COUNT)[: run.count]

    def _options(self, run: Episode) -> NDArray[np.float64]:
        return run.buffers.memory[ROWS * COUNT : ROWS * (COUNT + 1)][: run.count]

    def _favourite(self, run: Episode) -> int:
        return int(self._rows(run)[:, Feature.BASE_SCORE].argmax()) if run.count else 0

    def _left(self, run: Episode) -> int:
        return int(run.account.sums[INSIDE])

    def _seen(self, run: Episode) -> Observation:
        rows = np.zeros((ROWS, COUNT), np.float32)
        rows[: run.count] = self._rows(run)
        return {
            "rows": rows[:, SEEN:].copy(),
            "heuristic": rows[:, Feature.BASE_SCORE].copy(),
            "situation": run.account.situation.copy(),
        }

    def _told(self, run: Episode) -> dict[str, Any]:
        return {
            "now": float(run.machine.fleet.state[0]["now"]),
            "in_system": self._left(run),
            "cost": float(run.account.sums[COST]),
            "loading": float(run.account.loading[0]),
            "options": [int(option) for option in self._options(run)],
            "kind": run.point.kind,
            "heuristic": self._favourite(run),
        }
