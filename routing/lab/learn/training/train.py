"""Trains the learned policy from the heuristic upward: `python -m routing.lab.learn.training.train`, or `make train`.

Resumable: what was learned is kept every few rounds beside the weights. The weights with the best validation, or the
last ones if more workloads show that those do better, are what the gate judges.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from routing.lab.learn.evaluation.gate import judge
from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.entries import MAX_ACTIVE, WEIGHTS, tuned
from routing.lab.learn.simulator.simulation import ReadyPolicy, prepared, simulate
from routing.lab.learn.training import ppo, rollout
from routing.lab.learn.training.curves import draw
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS, VALIDATION_SEEDS, drawn
from routing.lab.learn.workloads.traffic import SCENARIOS, Workload, synthetic
from routing.policies import spaced
from routing.policies.learned import policy as learned
from routing.policies.learned.observation import DIGEST
from routing.policies.learned.weights import WeightsError, save
from routing.scheduler.fleet import FleetLimits

KEPT = 0.8
"""What is validated and shipped is a running average of the weights; each round replaces a fifth of it."""
SEEDS_APART = 50_000
CHECKS = range(VALIDATION_SEEDS, VALIDATION_SEEDS + 3)
FINALS = range(VALIDATION_SEEDS + 300, VALIDATION_SEEDS + 312)
"""Seeds on which training is watched, and more of them on which what is shipped is chosen in the end."""
CERTAIN = 1e3
"""An inverse temperature at which the policy takes the best always."""
FLOAT = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training: minutes, threads, workloads a round and rollouts of each, how much age costs, the inverse temperature
    at which the policy samples, within how many seconds what a decision costs fades.
    """

    minutes: float = 60.0
    threads: int = 2
    workloads: int = 32
    rollouts: int = 16
    ageing: float = 0.3
    inverse_temperature: float = 1.5
    horizon_s: float = 300.0
    rate: float = 5e-3
    entropy: float = 0.001
    seed: int = 0
    device: str = "cpu"
    check_every: int = 8


FIELDS = {"plays": "rollouts", "sharper": "inverse_temperature"}
"""Fields of a plan whose options and records have an older name."""


def named(plan: TrainingPlan) -> dict[str, Any]:
    """The plan as options and records name its fields."""
    older = {field: name for name, field in FIELDS.items()}
    return {older.get(field, field): value for field, value in asdict(plan).items()}


@dataclass(frozen=True, slots=True)
class Score:
    """Validation: mean latency and p99 as shares of the heuristic's, averaged over scenarios; smaller is better."""

    mean: float
    p99: float

    @property
    def objective(self) -> float:
        """The mean, and twice what the 99th percentile is worse by."""
        return self.mean + 2.0 * max(0.0, self.p99 - 1.0)


def relative(seen: list[tuple[float, float]], reference: list[tuple[float, float]]) -> Score:
    """The mean over workloads of what was seen over the heuristic's."""
    return Score(*(np.array(seen) / np.array(reference)).mean(0).tolist())


def ready_policy(base: FLOAT, limits: FleetLimits, vector: FLOAT, pick: object = None) -> ReadyPolicy:
    """The policy with these weights."""
    return ReadyPolicy("ppo", pick, np.concatenate([base, vector]), limits=limits, memory=learned.MEMORY)


def recorded(workload: Workload, contender: ReadyPolicy, plan: TrainingPlan, seed: int) -> rollout.Log:
    """One rollout of a training workload; `seed` is for what the policy samples."""
    machine, clock, buffers = prepared(workload, contender)
    log = rollout.log_of(3 * len(workload.at) + 64, seed)
    rollout.episode(machine, clock, buffers, log, rollout.Exploring(plan.ageing, plan.inverse_temperature))
    return log


def cost_of(logs: Iterable[rollout.Log]) -> float:
    """What several rollouts cost together."""
    return float(sum(log.total[rollout.LogTotal.COST] for log in logs))


class TrainingRun:
    """One training in progress; what it keeps is read by the next run."""

    def __init__(self, plan: TrainingPlan, base: FLOAT, limits: FleetLimits, folder: Path) -> None:
        self.plan, self.base, self.limits, self.folder = plan, base, limits, folder
        torch.manual_seed(plan.seed)
        torch.set_num_threads(plan.threads)
        self.learner = ppo.learner(plan.rate, plan.device, plan.inverse_temperature)
        self.rng = np.random.default_rng(plan.seed)
        self.pick = simulator.in_machine_code(learned.pick)
        self.rounds, self.seconds, self.next_seed = 0, 0.0, TRAINING_SEEDS + SEEDS_APART * plan.seed
        self.curve: list[dict[str, float]] = []
        self.average = self.learner.actor.vector()
        self.best = (np.inf, self.average)
        self.reference = self.validate(self.average)

    def validate(self, vector: FLOAT, seeds: range = CHECKS) -> list[tuple[float, float]]:
        """(mean, p99) of each validation workload."""
        contender = ready_policy(self.base, self.limits, vector, self.pick)
        tasks = [(scenario, seed) for scenario in "ABCD" for seed in seeds]
        with ThreadPoolExecutor(self.plan.threads) as pool:
            done = pool.map(lambda one: simulate(synthetic(SCENARIOS[one[0]], one[1]), contender), tasks)
        return [(float(one.latency.mean()), float(np.quantile(one.latency, 0.99))) for one in done]

    def score(self, vector: FLOAT) -> Score:
        """Validation against the heuristic that training started from."""
        return relative(self.validate(vector), self.reference)

    def round(self, pool: ThreadPoolExecutor) -> dict[str, float]:
        """Simulate some workloads, several times each, and learn from them."""
        began = time.monotonic()
        left = max(0.02, 1.0 - self.seconds / (60.0 * self.plan.minutes))
        for group in self.learner.optimiser.param_groups:
            group["lr"] = self.plan.rate * left
        contender, heuristic = (
            ready_policy(self.base, self.limits, vector)
            for vector in (self.learner.actor.vector(), np.zeros_like(self.average))
        )
        seeds = range(self.next_seed, self.next_seed + self.plan.workloads)
        workloads = [synthetic(drawn(self.rng), seed) for seed in seeds]
        self.next_seed = seeds.stop
        logs = list(pool.map(lambda task: recorded(task[0], contender, self.plan, task[1]), self.tasks(workloads)))
        rollouts = [logs[first : first + self.plan.rollouts] for first in range(0, len(logs), self.plan.rollouts)]
        steady = replace(self.plan, inverse_temperature=CERTAIN)
        against = pool.map(lambda workload: recorded(workload, heuristic, steady, 0), workloads)
        explored = (
            sum(log.total[rollout.LogTotal.COST] for log in logs)
            / self.plan.rollouts
            / sum(log.total[rollout.LogTotal.COST] for log in against)
        )
        simulated = time.monotonic() - began
        batch = ppo.batch_of(rollouts, self.plan.horizon_s, self.plan.device)
        seen = {**ppo.update(self.learner, batch, self.plan.entropy * left), "explored": explored}
        self.average = KEPT * self.average + (1.0 - KEPT) * self.learner.actor.vector()
        self.rounds += 1
        took = time.monotonic() - began
        self.seconds += took
        return {"round": self.rounds, "seconds": self.seconds, "played_s": simulated, "took_s": took, **seen}

    def tasks(self, workloads: list[Workload]) -> list[tuple[Workload, int]]:
        """Each workload as often as it is simulated, every time with a seed of its own."""
        return [
            (workload, (self.rounds * len(workloads) + place) * self.plan.rollouts + number)
            for place, workload in enumerate(workloads)
            for number in range(self.plan.rollouts)
        ]

    @property
    def start(self) -> dict[str, Any]:
        """What a training begins from; it goes on from the same only."""
        return {"features": DIGEST, "heuristic": self.base.tolist(), "network": list(self._tensors())}

    def keep(self) -> None:
        """Write all that it takes to go on: network, optimiser, counters, random states, the best so far, the curve."""
        arrays = {f"net/{name}": tensor.cpu().numpy() for name, tensor in self._tensors().items()}
        for number, state in self.learner.optimiser.state_dict()["state"].items():
            arrays |= {f"adam/{number}/{name}": value.cpu().numpy() for name, value in state.items()}
        arrays["chance"] = torch.get_rng_state().numpy()
        counters = {"rounds": self.rounds, "seconds": self.seconds, "next_seed": self.next_seed, "best": self.best[0]}
        text = json.dumps(
            {"start": self.start, "counters": counters, "chance": self.rng.bit_generator.state, "curve": self.curve}
        )
        draft = self.folder / "course.tmp.npz"
        np.savez(draft, **{"best": self.best[1], "average": self.average, "state": np.array(text), **arrays})  # type: ignore[arg-type]
        os.replace(draft, self.folder / "course.npz")

    def go_on(self) -> bool:
        """Take up what keep() wrote; whether there was any. Raises WeightsError if that started from elsewhere."""
        path = self.folder / "course.npz"
        if not path.exists():
            return False
        with np.load(path, allow_pickle=False) as kept:
            found = json.loads(str(kept["state"]))
            if found.get("start") != self.start:
                raise WeightsError(f"{path}: begun with other features, heuristic or network; delete it to begin anew")
            with torch.no_grad():
                for name, tensor in self._tensors().items():
                    tensor.copy_(torch.from_numpy(kept[f"net/{name}"]))
            optimiser = self.learner.optimiser.state_dict()
            for key in (key for key in kept.files if key.startswith("adam/")):
                number, name = key.split("/")[1:]
                optimiser["state"].setdefault(int(number), {})[name] = torch.from_numpy(kept[key].copy())
            self.learner.optimiser.load_state_dict(optimiser)
            torch.set_rng_state(torch.from_numpy(kept["chance"]))
            self.best, self.average = (found["counters"]["best"], kept["best"]), kept["average"]
        self.rounds, self.seconds = found["counters"]["rounds"], found["counters"]["seconds"]
        self.next_seed, self.curve = found["counters"]["next_seed"], found["curve"]
        self.rng.bit_generator.state = found["chance"]
        return True

    def _tensors(self) -> dict[str, torch.Tensor]:
        return self.learner.actor.state_dict()

    def run(self) -> Iterator[dict[str, float]]:
        """Train until the time is over; every few rounds a line of figures with the validation."""
        with ThreadPoolExecutor(self.plan.threads) as pool:
            while self.seconds < 60.0 * self.plan.minutes:
                line = self.round(pool)
                if self.rounds % self.plan.check_every == 0:
                    yield self.checked(line)

    def checked(self, line: dict[str, float]) -> dict[str, float]:
        """The figures with the validation of the averaged weights; the best so far are remembered."""
        score = self.score(self.average)
        if score.objective < self.best[0]:
            self.best = (score.objective, self.average)
        self.curve.append({**line, "mean": score.mean, "p99": score.p99})
        return self.curve[-1]

    def finalist(self) -> FLOAT:
        """The best that validation saw, or the last average: whichever does better on more workloads."""
        reference = self.validate(np.zeros_like(self.average), FINALS)
        found = [relative(self.validate(one, FINALS), reference) for one in (self.best[1], self.average)]
        return self.best[1] if found[0].objective < found[1].objective else self.average

    def finish(self, path: Path) -> dict[str, Any]:
        """Judge the finalist on fresh workloads and write it with its record. Returns the gate's findings."""
        chosen = self.finalist()
        heuristic = ready_policy(self.base, self.limits, np.zeros_like(chosen), self.pick)
        verdict = judge(ready_policy(self.base, self.limits, chosen, self.pick), heuristic)
        record = {
            "gate": verdict,
            "plan": named(self.plan),
            "chosen": "the last average" if chosen is self.average else "the best validation",
            "rounds": self.rounds,
            "minutes": round(self.seconds / 60.0, 1),
            "training_seeds": [TRAINING_SEEDS + SEEDS_APART * self.plan.seed, self.next_seed - 1],
            "data": "synthetic workloads, routing/lab/learn/workloads/curriculum.py",
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__} on {self.plan.device}",
            "date": datetime.now(UTC).date().isoformat(),
            "curve": [{name: round(value, 4) for name, value in line.items()} for line in self.curve],
        }
        save(path, np.concatenate([self.base, chosen]), self.limits, record)
        draw(self.curve, path.with_name(f"{path.stem}-training.png"))
        return verdict


def main() -> None:
    """Train, then write the weights with their record and curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in named(TrainingPlan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument(
        "--folder", type=Path, default=Path(".data/training"), help="where an unfinished training is kept"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS / "ppo.npz")
    options = vars(parser.parse_args())
    folder, out = options.pop("folder"), options.pop("out")
    folder.mkdir(parents=True, exist_ok=True)
    weights, limits = tuned(WEIGHTS / "spaced_tuned.json", spaced.WEIGHTS, FleetLimits(max_active=MAX_ACTIVE))
    plan = TrainingPlan(**{FIELDS.get(name, name): value for name, value in options.items()})
    training = TrainingRun(plan, np.array(list(weights.values())), limits, folder)
    try:
        begun = training.go_on()
    except WeightsError as error:
        parser.error(str(error))
    if begun:
        print(f"going on after {training.seconds / 60:.1f} minutes, {training.rounds} rounds", flush=True)
    for line in training.run():
        training.keep()
        print(
            f"{line['seconds'] / 60:6.1f} of {training.plan.minutes:g} min  round {line['round']:4.0f}  validation: "
            f"mean {line['mean']:.3f}, p99 {line['p99']:.3f} of the heuristic's; best {training.best[0]:.3f}",
            flush=True,
        )
    verdict = training.finish(out)
    word = "passed" if verdict["passed"] else "not passed, the policy stays the heuristic"
    print(f"{out}: gate {word}; mean {verdict['mean']}, p99 {verdict['p99']} of the heuristic's", flush=True)


if __name__ == "__main__":
    main()
