"""Our PPO beside sb3-contrib's MaskablePPO: one small scenario, the same network, start, reward and decisions.

    python -m benchmarks.cross_check [--minutes 1.5] [--seeds 30] [--models 63] [--devices 8] [--workloads 4]
        [--plays 16] [--rate R] [--horizon-s SECONDS] [--out docs/routing-lab/cross-check.json]

MaskablePPO trains in FleetEnvironment for the minutes; ours trains for as many simulated decisions, then once more from
the start for as many minutes. All start from the heuristic's score in the logits. Afterwards each runs greedily on the
test seeds in the same simulator. What stays different: ours simulates each workload several times, compares the
rollouts, has no critic, learns from the decisions in doubt, samples sharper and discounts by time; MaskablePPO has a
critic that sees the coming arrivals, learns from all decisions and discounts by step, here by as much as the mean step
lasts. Neither lowers its rate, and the last weights count: neither chooses by validation.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import exp, inf
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from gymnasium.spaces import Dict
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn

from routing.lab.learn.evaluation import evaluate
from routing.lab.learn.simulator import entries
from routing.lab.learn.simulator.simulation import ReadyPolicy
from routing.lab.learn.training import ppo, train
from routing.lab.learn.training.environment import FleetEnvironment, Terms, tuned_heuristic
from routing.lab.learn.training.rollout import LogTotal
from routing.lab.learn.training.situation import SITUATION
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS
from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, at_size, synthetic
from routing.policies.learned import policy as learned
from routing.policies.learned.policy import BASE, INPUTS, ROWS

ENVIRONMENTS, STEPS, BATCH, EPOCHS, CRITIC = 8, 512, 2048, 4, 64
"""Environments that MaskablePPO steps in turn, the steps of each between two updates, decisions a gradient step,
epochs, width of its critic."""
LOSSLESS = Terms(waste=0.0)
"""The cost that ours is trained on."""


class Flat(BaseFeaturesExtractor):
    """Lays an observation flat: the heuristic's scores, the options' rows, the critic's situation."""

    def __init__(self, observation_space: Dict) -> None:
        super().__init__(observation_space, ROWS + ROWS * INPUTS + SITUATION)

    def forward(self, seen: dict[str, Tensor]) -> Tensor:
        """One row per environment."""
        return torch.cat([seen["heuristic"], seen["rows"].flatten(1), seen["situation"]], dim=1)


class SharedScorer(nn.Module):
    """One network that scores every option, added to the heuristic's score; a critic that sees the situation alone."""

    latent_dim_pi, latent_dim_vf = ROWS, CRITIC

    def __init__(self) -> None:
        super().__init__()
        self.actor = ppo.ScoreNetwork()
        self.critic = nn.Sequential(nn.Linear(SITUATION, CRITIC), nn.Tanh(), nn.Linear(CRITIC, CRITIC), nn.Tanh())

    def forward(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the options and what the value is read from."""
        return self.forward_actor(flat), self.forward_critic(flat)

    def forward_actor(self, flat: Tensor) -> Tensor:
        """A score for each place."""
        rows = flat[:, ROWS:-SITUATION].reshape(-1, ROWS, INPUTS)
        hidden = torch.relu(self.actor.second(torch.relu(self.actor.first(rows))))
        return cast(Tensor, flat[:, :ROWS] + self.actor.last(hidden).squeeze(-1))

    def forward_critic(self, flat: Tensor) -> Tensor:
        """What the last layer of the value reads."""
        return cast(Tensor, self.critic(flat[:, -SITUATION:]))


class SharedPolicy(MaskableMultiInputActorCriticPolicy):
    """A policy whose logits are the shared scorer's, nothing behind them."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = cast(Any, SharedScorer())

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        self.action_net = nn.Identity()


class Deadline(BaseCallback):
    """Ends a training after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.ends = time.monotonic() + seconds

    def _on_step(self) -> bool:
        return time.monotonic() < self.ends


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gave: the network's weights, and what it took."""

    vector: NDArray[np.float64]
    decisions: int
    seconds: float
    extra: dict[str, float]


def environment(scenario: Scenario) -> FleetEnvironment:
    """The scenario, with a new workload each episode."""
    return FleetEnvironment(tuned_heuristic(), LOSSLESS, lambda rng: scenario)


def step_s(scenario: Scenario) -> float:
    """Mean simulated seconds between two choices of the heuristic."""
    env, steps, over = environment(scenario), 0, False
    _, info = env.reset(seed=0)
    while not over:
        _, _, answered, late, info = env.step(info["heuristic"])
        steps, over = steps + 1, answered or late
    return float(info["now"]) / steps


def maskable(scenario: Scenario, plan: train.TrainingPlan, seconds: float) -> Trained:
    """MaskablePPO with our settings if it has them."""
    kept = exp(-step_s(scenario) / (2.0 * plan.horizon_s))
    torch.manual_seed(plan.seed)
    model = MaskablePPO(
        SharedPolicy, DummyVecEnv([lambda: environment(scenario)] * ENVIRONMENTS), learning_rate=plan.rate,
        n_steps=STEPS, batch_size=BATCH, n_epochs=EPOCHS, gamma=kept,
        gae_lambda=kept, clip_range=ppo.CLIP, ent_coef=plan.entropy, max_grad_norm=1.0,
        target_kl=ppo.MOST_KL, seed=plan.seed, device="cpu",
        policy_kwargs={"features_extractor_class": Flat, "ortho_init": False},
    )  # fmt: skip
    began = time.monotonic()
    model.learn(10**9, callback=Deadline(seconds))
    took = time.monotonic() - began
    scorer = cast(SharedScorer, model.policy.mlp_extractor)
    vector = scorer.actor.vector()
    agreement = in_environment(scenario, model) - run_of(scenario, 0, vector)["mean_s"]
    updates = model._n_updates // EPOCHS
    notes = {"updates": updates, "environment_off_by_s": agreement}
    return Trained(vector, updates * STEPS * ENVIRONMENTS, took, notes)


def in_environment(scenario: Scenario, model: MaskablePPO) -> float:
    """Mean latency on test seed 0, seconds, when MaskablePPO itself acts in the environment."""
    env = FleetEnvironment(tuned_heuristic(), replace(LOSSLESS, ageing=0.0))
    seen, info = env.reset(seed=0, options={"scenario": scenario, "workload_seed": 0})
    over = False
    while not over:
        action, _ = model.predict(seen, action_masks=env.action_masks(), deterministic=True)
        seen, _, answered, late, info = env.step(np.int64(action))
        over = answered or late
    return float(info["cost"]) / scenario.calls


def ours(scenario: Scenario, plan: train.TrainingPlan, decisions: float, seconds: float) -> Trained:
    """Our PPO, until it has simulated so many choices or trained for so long."""
    torch.manual_seed(plan.seed)
    learner, start, began = ppo.learner(plan.rate, "cpu", plan.inverse_temperature), tuned_heuristic(), time.monotonic()
    base, seed, done, updates = start.weights[:BASE], TRAINING_SEEDS, 0.0, 0
    while done < decisions and time.monotonic() - began < seconds:
        contender = train.ready_policy(base, start.limits, learner.actor.vector())
        rollouts = [
            [train.recorded(workload, contender, plan, first + number) for number in range(plan.rollouts)]
            for workload, first in (
                (synthetic(scenario, one), one * plan.rollouts) for one in range(seed, seed + plan.workloads)
            )
        ]
        ppo.update(learner, ppo.batch_of(rollouts, plan.horizon_s), plan.entropy)
        done += sum(log.total[LogTotal.CHOICES] for several in rollouts for log in several)
        seed, updates = seed + plan.workloads, updates + 1
    return Trained(learner.actor.vector(), round(done), time.monotonic() - began, {"updates": updates})


def policy_of(vector: NDArray[np.float64]) -> ReadyPolicy:
    """The greedy policy with these weights, ready to run."""
    start = tuned_heuristic()
    return train.ready_policy(start.weights[:BASE], start.limits, vector, entries.machine_code(learned))


def run_of(scenario: Scenario, seed: int, vector: NDArray[np.float64]) -> dict[str, float]:
    """The figures of one test seed."""
    return evaluate.simulated(synthetic(scenario, seed), policy_of(vector))


def table(scenario: Scenario, seeds: int, trained: dict[str, Trained]) -> list[dict[str, Any]]:
    """A row for each, with 95 % intervals; differences paired by seed."""
    untrained = Trained(np.zeros(learned.SIZE - BASE), 0, 0.0, {})
    runs = {
        name: [run_of(scenario, seed, one.vector) for seed in range(seeds)]
        for name, one in chain([("heuristic", untrained)], trained.items())
    }
    reference = evaluate.means(runs["heuristic"])
    rows: list[dict[str, Any]] = []
    for name, found in runs.items():
        full = evaluate.row(name, found, {})
        row = {key: full[key] for key in ("policy", "mean_s", "mean_ci95", "p99_s", "max_wait_s")}
        if name in trained:
            one = trained[name]
            spent = {"decisions": one.decisions, "seconds": round(one.seconds, 1), **one.extra}
            row |= {"versus": evaluate.versus("heuristic", evaluate.means(found), reference), **spent}
        rows.append(row)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = train.TrainingPlan(workloads=4)
    defaults = {"minutes": 1.5, "seeds": 30, "models": 63, "devices": 8, "workloads": usual.workloads}
    defaults |= {"plays": usual.rollouts, "rate": usual.rate, "horizon-s": usual.horizon_s}
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    parser.add_argument("--out", type=Path, help="file for what is printed; the lab's page shows it")
    options = parser.parse_args(arguments)
    scenario = at_size(SCENARIOS["A"], options.models, options.devices)
    given = {"workloads": options.workloads, "rollouts": options.plays, "rate": options.rate}
    plan = replace(usual, horizon_s=options.horizon_s, **given)
    torch.set_num_threads(1)
    theirs = maskable(scenario, plan, 60.0 * options.minutes)
    trained = {
        "maskable_ppo": theirs,
        "ours_same_decisions": ours(scenario, plan, theirs.decisions, inf),
        "ours_same_time": ours(scenario, plan, inf, theirs.seconds),
    }
    found = {
        "scenario": scenario.name, "calls": scenario.calls, "machine": evaluate.machine(), "seeds": options.seeds,
        "plan": {name: train.named(plan)[name] for name in ("rate", "entropy", "workloads", "plays", "horizon_s")},
        "policies": table(scenario, options.seeds, trained),
    }  # fmt: skip
    print(json.dumps(found, indent=2))
    if options.out:
        options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
