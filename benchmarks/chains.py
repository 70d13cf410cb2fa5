"""Measures the exact search for the best combination of a chain: how long it takes, whether it is right, what it saves.

    python -m benchmarks.chains [--json] [--instances 300]

Every instance has 500 candidates. `realistic` ones are as models are: larger ones are slower, need more energy and are
more accurate, with noise, so most are beaten by another; of `hard` ones none is. A time is that of one call of
`best` (with its explanation if nothing is feasible), made once for each instance; building the Chain is extra.
CPU time leaves out what other work on the machine took.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from routing.chains.best import best, stagewise
from routing.chains.chain import (
    FASTEST,
    LEAST_ENERGY,
    MOST_ACCURATE,
    Chain,
    ChainLimits,
    ChainMeasures,
    Combination,
    Infeasible,
    Objective,
    Stage,
    StageCandidate,
)
from routing.chains.pareto import TooManyCombinations

SEED, CANDIDATES, SMALL, TRAINING, GRID = 2025, 500, 36, 48, 6
COMPARISONS, DEEP = 100_000_000, 6
MARKS = ("p50", "p99", "worst", "cpu p50", "cpu p99", "build")
WISHES = (FASTEST, LEAST_ENERGY, MOST_ACCURATE, Objective(latency=1.0, energy=0.02))
SHAPES: dict[str, dict[str, tuple[str, ...]]] = {
    "3 in a row": {"perception": (), "planning": ("perception",), "control": ("planning",)},
    "6 in a diamond": {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "e": ("d",), "f": ("e",)},
    "12 in a tangle": {f"s{n:02}": tuple(f"s{n - back:02}" for back in (1, 3, 4) if n >= back) for n in range(12)},
}
Array = npt.NDArray[np.float64]
Maker = Callable[[np.random.Generator, int], list[StageCandidate]]


@dataclass(frozen=True, slots=True)
class Instance:
    """One thing to find: the chain, what is wanted, and within which limits."""

    chain: Chain
    wish: Objective
    limits: ChainLimits

    def judged(self, measures: ChainMeasures) -> tuple[float, float]:
        """The sum of the shares by which limits are overrun (0: within them), and the score; less is better."""
        over, score = self.judged_all(*(np.array([one]) for one in asdict(measures).values()))
        return float(over[0]), float(score[0])

    def judged_all(self, latency: Array, energy: Array, accuracy: Array) -> tuple[Array, Array]:
        """The same for many combinations."""
        weights, limits = self.wish.weights, self.limits
        over = np.zeros(np.broadcast_shapes(latency.shape, energy.shape, accuracy.shape))
        if limits.latency_s is not None:
            over = over + np.maximum(0.0, latency / limits.latency_s - 1)
        if limits.energy_j is not None:
            over = over + np.maximum(0.0, energy / limits.energy_j - 1)
        if limits.accuracy is not None:
            over = over + np.maximum(0.0, 1 - accuracy / limits.accuracy)
        return over, weights[0] * latency + weights[1] * energy - weights[2] * accuracy


def realistic(random: np.random.Generator, count: int) -> list[StageCandidate]:
    """Models of many sizes: 2 to 40 ms, 0.05 to 2 J and 2 to 25 % wrong answers, with noise on each."""
    size = random.uniform(0, 1, count)
    latency = 0.002 * np.exp(3 * size + random.normal(0, 0.35, count))
    energy = 0.05 * np.exp(3.5 * size + random.normal(0, 0.5, count))
    wrong = np.clip(0.25 * np.exp(-2.5 * size + random.normal(0, 0.35, count)), 0.001, 0.6)
    return _candidates(latency, energy, 1 - wrong)


def hard(random: np.random.Generator, count: int) -> list[StageCandidate]:
    """Models on a sphere of trade-offs: whatever is better in one number is worse in another."""
    good = np.abs(random.normal(0, 1, (count, 3)))
    bad = 1 - good / np.linalg.norm(good, axis=1, keepdims=True)
    return _candidates(0.002 + 0.06 * bad[:, 0], 0.05 + 2 * bad[:, 1], 0.99 - 0.4 * bad[:, 2])


def _candidates(*numbers: Array) -> list[StageCandidate]:
    rows = zip(*(one.tolist() for one in numbers), strict=True)
    return [StageCandidate(f"m{number:03}", *row) for number, row in enumerate(rows)]


def instance(random: np.random.Generator, shape: str, maker: Maker, wish: Objective, count: int) -> Instance:
    """A chain of this shape with `count` candidates in all. Four of five limits are set, some too tight to be met."""
    stages = SHAPES[shape]
    sizes = [len(part) for part in np.array_split(np.arange(count), len(stages))]
    named = zip(stages.items(), sizes, strict=True)
    chain = Chain(tuple(Stage(name, tuple(maker(random, size)), waits) for (name, waits), size in named))
    extremes = [stagewise(chain, one).measures for one in WISHES[:3]]
    values = []
    for measure, good in (("latency_s", min), ("energy_j", min), ("accuracy", max)):
        found = [getattr(one, measure) for one in extremes]
        bad = max(found) if good is min else min(found)
        values.append(good(found) + float(random.uniform(0.15, 0.75)) * (bad - good(found)))
    set_ = [value if random.uniform() < 0.8 else None for value in values]
    return Instance(chain, wish, ChainLimits(*set_))


def instances(seed: int, shape: str, maker: Maker, count: int, candidates: int = CANDIDATES) -> list[Instance]:
    """The same instances for the same seed, each wish in turn."""
    random = np.random.default_rng(seed)
    return [instance(random, shape, maker, WISHES[number % len(WISHES)], candidates) for number in range(count)]


def tables(chain: Chain) -> list[Array]:
    """Latency, energy and accuracy of each stage's candidates, three rows a stage, in the chain's order."""
    rows = [[(one.latency_s, one.energy_j, one.accuracy) for one in chain.stages[at].candidates] for at in chain.order]
    return [np.array(one).T for one in rows]


def measures_of(chain: Chain, chosen: Sequence[Array]) -> tuple[Array, Array, Array]:
    """What many combinations measure; `chosen` holds three rows a stage, in the chain's order, which broadcast."""
    finish: dict[str, Array] = {}
    energy, accuracy = np.zeros(1), np.ones(1)
    for at, rows in zip(chain.order, chosen, strict=True):
        stage = chain.stages[at]
        start = np.zeros(1)
        for name in stage.waits_for:
            start = np.maximum(start, finish[name])
        finish[stage.name] = start + rows[0]
        energy, accuracy = energy + rows[1], accuracy * rows[2]
    latency = np.zeros(1)
    for one in finish.values():
        latency = np.maximum(latency, one)
    return latency, energy, accuracy


def brute(instance: Instance) -> float | None:
    """The best score of all combinations, by trying every one; None if none is within the limits."""
    stages = tables(instance.chain)
    shaped = []
    for at, stage in enumerate(stages):
        shape = [1] * len(stages)
        shape[at] = stage.shape[1]
        shaped.append(stage.reshape(3, *shape))
    over, score = instance.judged_all(*measures_of(instance.chain, shaped))
    within = np.broadcast_to(score, over.shape)[over == 0]
    return float(within.min()) if within.size else None


def weighted(instance: Instance, weights: Sequence[float]) -> tuple[float, float, ChainMeasures]:
    """The usual heuristic: each stage takes its least weighted sum of latency, energy and loss, each as a share of the
    chain's spread; then single swaps, the best first, until within the limits and no swap makes the score better.
    """
    stages = tables(instance.chain)
    priced = [np.stack((one[0], one[1], -np.log(one[2]))) for one in stages]
    spread = sum(np.ptp(one, axis=1) for one in priced)
    picks = [int((np.array(weights) / spread @ one).argmin()) for one in priced]
    now = (np.inf, np.inf)
    while True:
        swaps = list(_swaps(instance, stages, picks))
        over, score, at, pick = min(swaps)
        if (over, score) >= now:
            chosen = [stage[:, [pick]] for stage, pick in zip(stages, picks, strict=True)]
            return *now, ChainMeasures(*(float(one[0]) for one in measures_of(instance.chain, chosen)))
        now = (over, score)
        picks[at] = pick


def _swaps(one: Instance, stages: Sequence[Array], picks: Sequence[int]) -> Iterator[tuple[float, float, int, int]]:
    """Of each stage the best swap: overrun and score after it, the stage and the candidate."""
    chosen = [stage[:, [pick]] for stage, pick in zip(stages, picks, strict=True)]
    for at, stage in enumerate(stages):
        over, score = one.judged_all(*measures_of(one.chain, [*chosen[:at], stage, *chosen[at + 1 :]]))
        first = int(np.lexsort((score, over))[0])
        yield float(over[first]), float(score[first]), at, first


def tuned(shape: str, maker: Maker) -> dict[Objective, tuple[float, ...]]:
    """For each wish the weights that do best on other instances of the same kind, whose exact answers are known."""
    known = [(one, best(one.chain, one.wish, one.limits)) for one in instances(SEED + 1, shape, maker, TRAINING)]
    grid = [(a, b, GRID - a - b) for a, b in product(range(GRID + 1), repeat=2) if a + b <= GRID]
    found: dict[Objective, tuple[float, ...]] = {}
    for wish in WISHES:
        own = [(one, answer) for one, answer in known if one.wish == wish and isinstance(answer, Combination)]
        found[wish] = min(grid, key=lambda weights: sum(_regret(one, answer, weights) for one, answer in own))
    return found


def _regret(instance: Instance, answer: Combination, weights: Sequence[float]) -> float:
    """The share by which the heuristic's score is worse than the exact one; 1 if it finds nothing."""
    over, score, _ = weighted(instance, weights)
    exact = instance.judged(answer.measures)[1]
    return 1.0 if over else (score - exact) / abs(exact)


@dataclass(frozen=True, slots=True)
class Timing:
    """What one call took, in ms by the names of MARKS; `gave_up` calls would have needed too many comparisons."""

    shape: str
    kind: str
    instances: int
    gave_up: int
    feasible: float
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """What the exact best saves against one baseline, in mean shares over the instances if something is feasible.

    `within` is the share of them if the baseline is within the limits. The savings in latency, energy and score are
    over those alone, as outside the limits a baseline is no answer; `any_latency` and `any_energy` are over all.
    """

    shape: str
    kind: str
    wish: str
    baseline: str
    within: float
    latency: float | None
    energy: float | None
    score: float | None
    any_latency: float
    any_energy: float


def timed(shape: str, maker: Maker, count: int) -> tuple[Timing, list[tuple[Instance, Combination]]]:
    """Call `best` once on every instance, after a few calls on others; also what is feasible, with the answers."""
    for one in instances(SEED + 2, shape, maker, 4):
        _asked(one)
    taken, built, answered, gave_up = [], [], [], 0
    for one in instances(SEED, shape, maker, count):
        began = time.perf_counter()
        Chain(one.chain.stages)
        built.append(time.perf_counter() - began)
        began, worked = time.perf_counter(), time.thread_time()
        answer = _asked(one)
        taken.append((time.perf_counter() - began, time.thread_time() - worked))
        gave_up += answer is None
        if isinstance(answer, Combination):
            answered.append((one, answer))
    clock, cpu = np.array(taken).T * 1000
    marks = [*np.quantile(clock, (0.5, 0.99, 1.0)), *np.quantile(cpu, (0.5, 0.99)), np.median(built) * 1000]
    kind, share = maker.__name__, len(answered) / count
    return Timing(shape, kind, count, gave_up, share, tuple(round(float(mark), 3) for mark in marks)), answered


def _asked(one: Instance) -> Combination | Infeasible | None:
    try:
        return best(one.chain, one.wish, one.limits, COMPARISONS)
    except TooManyCombinations:
        return None


def proven(shape: str, maker: Maker, count: int) -> int:
    """How many answers on small instances are right: as good as by trying all, or that nothing is feasible."""
    right = 0
    for one in instances(SEED, shape, maker, count, SMALL):
        answer, score = best(one.chain, one.wish, one.limits), brute(one)
        if isinstance(answer, Infeasible):
            right += score is None
        else:
            right += score is not None and one.judged(answer.measures) <= (0.0, score + 1e-12 * abs(score))
    return right


def savings(shape: str, maker: Maker, answered: list[tuple[Instance, Combination]]) -> Iterator[Saving]:
    """What is saved against each baseline, wish by wish."""
    weights = tuned(shape, maker)
    for wish in {one.wish: None for one, _ in answered}:
        own = [(one, answer) for one, answer in answered if one.wish == wish]
        baselines: dict[str, Callable[[Instance], ChainMeasures]] = {
            "each stage's own best": lambda one: stagewise(one.chain, one.wish).measures,
            "each stage's most accurate": lambda one: stagewise(one.chain, MOST_ACCURATE).measures,
            f"tuned weights {weights[wish]}, repaired": lambda one: weighted(one, weights[one.wish])[2],
        }
        for name, baseline in baselines.items():
            rows = [_compared(one, answer.measures, baseline(one)) for one, answer in own]
            inside = [row[1:] for row in rows if row[0]]
            means = [float(mean) for mean in np.mean(inside, axis=0)] if inside else [None] * 3
            anyhow = [float(mean) for mean in np.mean([row[1:3] for row in rows], axis=0)]
            yield Saving(shape, maker.__name__, _said(wish), name, len(inside) / len(rows), *means, *anyhow)


def _compared(one: Instance, exact: ChainMeasures, other: ChainMeasures) -> tuple[bool, float, float, float]:
    """Whether the other is within the limits, and the shares of its latency, energy and score that the exact saves."""
    over, score = one.judged(other)
    latency, energy = 1 - exact.latency_s / other.latency_s, 1 - exact.energy_j / other.energy_j
    return over == 0, latency, energy, (score - one.judged(exact)[1]) / abs(score)


def _said(wish: Objective) -> str:
    names = {FASTEST: "fastest", LEAST_ENERGY: "least energy", MOST_ACCURATE: "most accurate"}
    return names.get(wish, f"{wish.latency:g} * s + {wish.energy:g} * J")


def told(timings: list[Timing], proofs: dict[str, int], saved: list[Saving]) -> str:
    """All results as text."""
    heads = ("n", "gave up", "feasible", *MARKS)
    lines = [
        "The machine is shared and noisy: times by the clock hold other work too.",
        "",
        f"{'chain':15}{'kind':10}" + "".join(f"{head:>9}" for head in heads),
    ]
    for row in timings:
        numbers = "".join(f"{mark:9.2f}" for mark in row.marks)
        lines.append(f"{row.shape:15}{row.kind:10}{row.instances:9}{row.gave_up:9}{row.feasible:9.0%}{numbers}")
    lines += ["", "Small instances answered as by trying all:"]
    lines += [f"{kind}: {right} of {timings[0].instances}" for kind, right in proofs.items()]
    lines += ["", "Share of baselines within the limits, what the best saves against those, and against all of them:"]
    lines.append(f"{'chain':15}{'kind':10}{'wish':17}{'baseline':36}  within latency energy  score | latency  energy")
    for saving in saved:
        shape, kind, wish, baseline, *shares = asdict(saving).values()
        parts = ["     -" if share is None else f"{share:6.1%}" for share in shares]
        lines.append(f"{shape:15}{kind:10}{wish:17}{baseline:36}  {' '.join(parts[:4])} | {' '.join(parts[4:])}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--instances", type=int, default=300, help="how many of each kind")
    options = parser.parse_args()
    timings: list[Timing] = []
    proofs: dict[str, int] = {}
    saved: list[Saving] = []
    for shape, maker in product(SHAPES, (realistic, hard)):
        tangled = len(SHAPES[shape]) > DEEP
        timing, answered = timed(shape, maker, options.instances // 10 if tangled else options.instances)
        timings.append(timing)
        if not tangled:
            proofs[f"{shape}, {maker.__name__}"] = proven(shape, maker, options.instances)
            saved += savings(shape, maker, answered)
    if options.json:
        parts = {"timings": map(asdict, timings), "savings": map(asdict, saved)}
        print(json.dumps({"proofs": proofs} | {name: list(rows) for name, rows in parts.items()}, indent=1))
    else:
        print(told(timings, proofs, saved))


if __name__ == "__main__":
    main()
