"""Training: the smoke run, stopping and going on; the parts of PPO against slow references and a planted problem."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from routing.lab.learn.evaluation import gate
from routing.lab.learn.simulator import entries
from routing.lab.learn.simulator.entries import MAX_ACTIVE
from routing.lab.learn.simulator.simulation import simulate
from routing.lab.learn.training import ppo, rollout, train
from routing.lab.learn.training.rollout import Log, LogTotal
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS, VALIDATION_SEEDS
from routing.lab.learn.workloads.traffic import Scenario, synthetic
from routing.policies import spaced
from routing.policies.learned import policy as learned
from routing.policies.learned.observation import COUNT, Feature
from routing.policies.learned.policy import HIDDEN, INPUTS
from routing.policies.learned.weights import WeightsError, load
from routing.scheduler.fleet import FleetLimits

TINY = Scenario("tiny", calls=150, seconds=40.0, models=24, devices=3)
PLAN = train.TrainingPlan(minutes=0.05, threads=1, workloads=2, rollouts=2, check_every=1)
BASE, LIMITS = np.array(list(spaced.WEIGHTS.values())), FleetLimits(max_active=MAX_ACTIVE)
SCENARIOS = {name: replace(TINY, calls=100 + 20 * place) for place, name in enumerate("ABCD")}
FEATURE = Feature.WAITING
pytestmark = pytest.mark.timeout(600)
"""The first run after a change compiles the simulator, which takes minutes on a busy machine."""


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The curriculum and the validation are tiny; torch keeps to one thread."""
    monkeypatch.setattr(train, "drawn", lambda rng: replace(TINY, alpha=rng.uniform(0.3, 1.2)))
    monkeypatch.setattr(train, "SCENARIOS", SCENARIOS)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def training(folder: Path, plan: train.TrainingPlan = PLAN) -> train.TrainingRun:
    return train.TrainingRun(plan, BASE, LIMITS, folder)


def learning_actor(seed: int, inverse_temperature: float = 1.0) -> ppo.ScoreNetwork:
    """An actor that learned something, anything."""
    torch.manual_seed(seed)
    actor = ppo.ScoreNetwork(inverse_temperature)
    torch.nn.init.normal_(actor.last.weight, std=0.5)
    return actor


def test_a_smoke_training_learns_without_losing_its_numbers(tmp_path: Path) -> None:
    one = training(tmp_path)
    before = one.learner.actor.vector()
    lines = list(islice(one.run(), 40))
    assert len(lines) > 2
    assert one.seconds >= 60.0 * PLAN.minutes or len(lines) == 40
    assert one.curve == lines
    assert [line["round"] for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        assert all(np.isfinite(value) for value in line.values()), line
        assert abs(line["kl"]) < 1.0
        assert 0.0 < line["entropy"] < np.log(learned.ROWS)
        assert 0.5 < line["mean"] < 2.0
    vector = one.learner.actor.vector()
    assert np.isfinite(vector).all()
    assert len(vector) == learned.SIZE - learned.BASE
    assert not np.array_equal(vector, before)
    best = min(range(len(lines)), key=lambda place: train.Score(lines[place]["mean"], lines[place]["p99"]).objective)
    assert one.best[0] == train.Score(lines[best]["mean"], lines[best]["p99"]).objective
    assert train.Score(*np.divide(one.validate(one.best[1]), one.reference).mean(0)).objective == one.best[0]


@pytest.mark.parametrize("better", [True, False])
def test_who_graduates_leaves_weights_with_their_record(
    better: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "cells", lambda: {"tiny": TINY})
    monkeypatch.setattr(gate, "WORSE_P99", 1.05 if better else -1.0)
    one = training(tmp_path)
    rounds(one, 1)
    one.checked(one.curve.pop())
    found = one.best[1]
    if better:
        monkeypatch.setattr(gate, "_ratios", lambda *given: [0.9, 1.0])
    verdict = one.finish(tmp_path / "ppo.npz")
    held = load(tmp_path / "ppo.npz")
    assert (verdict["passed"], held.gated) == (better, not better)
    assert np.array_equal(held.weights, np.concatenate([BASE, found if better else np.zeros_like(found)]))
    assert held.limits == LIMITS
    assert held.record["rounds"] == 1
    assert held.record["plan"]["plays"] == PLAN.rollouts
    assert (tmp_path / "ppo-training.png").read_bytes().startswith(b"\x89PNG")


def rounds(one: train.TrainingRun, count: int) -> None:
    """Some rounds."""
    with ThreadPoolExecutor(1) as pool:
        for _ in range(count):
            one.curve.append(one.round(pool))


def test_what_was_kept_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    first = training(tmp_path)
    assert not first.go_on()
    rounds(first, 2)
    first.best = (0.75, first.learner.actor.vector())
    first.keep()
    seconds = first.seconds
    second = training(tmp_path, replace(PLAN, seed=5))
    assert second.go_on()
    alike(first, second)
    assert (second.best[0], second.seconds) == (0.75, seconds)
    assert np.array_equal(second.best[1], first.best[1])
    assert np.array_equal(second.average, first.average)
    assert second.curve == first.curve
    rounds(second, 1)
    torch.manual_seed(7)
    third = training(tmp_path)
    assert third.go_on()
    rounds(third, 1)
    alike(second, third)
    assert third.rounds == 3
    assert third.next_seed == TRAINING_SEEDS + 3 * PLAN.workloads


def test_a_training_that_began_elsewhere_is_refused_in_words(tmp_path: Path) -> None:
    training(tmp_path).keep()
    with pytest.raises(WeightsError, match=r"course\.npz: begun with other features, heuristic or network; delete it"):
        train.TrainingRun(PLAN, BASE + 1.0, LIMITS, tmp_path).go_on()


def alike(one: train.TrainingRun, other: train.TrainingRun) -> None:
    """Counters, chance, weights and optimiser are equal to the bit."""
    for name in ("rounds", "next_seed"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.rng.bit_generator.state == other.rng.bit_generator.state
    for name, tensor in one._tensors().items():
        assert torch.equal(tensor, other._tensors()[name]), name
    mine, its = one.learner.optimiser.state_dict()["state"], other.learner.optimiser.state_dict()["state"]
    assert mine.keys() == its.keys() != set()
    for number, state in mine.items():
        assert state.keys() == its[number].keys()
        assert all(torch.equal(value, its[number][name]) for name, value in state.items())


@pytest.mark.parametrize("scenario", [TINY, replace(TINY, models=60, calls=200, seconds=5.0, host_gb=100.0)])
def test_the_untrained_policy_is_the_heuristic(scenario: Scenario) -> None:
    workload = synthetic(scenario, 3)
    mine = train.ready_policy(BASE, LIMITS, ppo.ScoreNetwork().vector(), entries.machine_code(learned))
    plain = replace(mine, pick=entries.machine_code(spaced), weights=BASE)
    assert np.array_equal(simulate(workload, mine).latency, simulate(workload, plain).latency)


def test_validation_starts_from_the_heuristic(tmp_path: Path) -> None:
    one = training(tmp_path)
    plain = train.ready_policy(BASE, LIMITS, np.zeros(0), entries.machine_code(spaced))
    first = simulate(synthetic(SCENARIOS["A"], VALIDATION_SEEDS), plain).latency
    assert one.reference[0] == (float(first.mean()), float(np.quantile(first, 0.99)))
    assert one.score(ppo.ScoreNetwork().vector()) == train.Score(1.0, 1.0)


def scores(actor: ppo.ScoreNetwork, rows: NDArray[Any]) -> NDArray[np.float64]:
    """What the compiled policy gives each row."""
    vector, hidden = actor.vector(), np.zeros(2 * HIDDEN)
    return np.array([row[0] + learned.network(row, vector, hidden) for row in rows.astype(np.float64)])


def test_torch_and_machine_code_score_alike() -> None:
    actor, rng = learning_actor(0), np.random.default_rng(0)
    rows = rng.normal(size=(60, COUNT)) * rng.integers(0, 2, (60, COUNT)) * 3.0
    options = np.array([2, 17, 1, 40])
    found = actor.double()(torch.from_numpy(rows), torch.from_numpy(options)).detach().numpy()
    parts = np.split(scores(actor, rows), options.cumsum()[:-1])
    expected = np.concatenate([part - np.logaddexp.reduce(part) for part in parts])
    assert np.abs(found - expected).max() < 1e-5
    assert np.ptp(expected) > 1.0


def test_the_network_sees_all_but_the_heuristics_score() -> None:
    assert INPUTS == COUNT - 1
    actor, rows = learning_actor(1), np.random.default_rng(1).normal(size=(1, COUNT))
    moved = rows.copy()
    moved[0, 0] += 5.0
    assert scores(actor, moved) - scores(actor, rows) == pytest.approx(5.0)


def test_what_was_recorded_is_what_torch_says_of_it() -> None:
    actor = learning_actor(2, PLAN.inverse_temperature)
    log = train.recorded(synthetic(TINY, TRAINING_SEEDS), train.ready_policy(BASE, LIMITS, actor.vector()), PLAN, 0)
    count, row = int(log.total[LogTotal.DECISIONS]), int(log.total[LogTotal.ROWS])
    options = log.options[:count]
    assert count > 20
    assert row == options.sum()
    assert (options > 1).all()
    assert ((log.taken[:count] >= 0) & (log.taken[:count] < options)).all()
    assert (np.diff(log.at[:count]) >= 0.0).all()
    assert (np.diff(log.cost[:count]) >= 0.0).all()
    with torch.no_grad():
        log_probabilities = actor(torch.from_numpy(log.rows[:row]), torch.from_numpy(options)).numpy()
    now = log_probabilities[options.cumsum() - options + log.taken[:count]]
    assert np.abs(now - log.likelihood[:count]).max() < 1e-4


def test_gains_are_the_faded_costs_from_a_decision_on() -> None:
    log = rollout.log_of(5, 0)
    at, cost = [1.0, 1.0, 4.0, 30.0, 31.5], [0.0, 2.0, 2.0, 50.0, 55.0]
    log.at[:], log.cost[:], log.total[:] = at, cost, [5.0, 0.0, 80.0, 5.0]
    paid = np.diff([*cost, 80.0])
    expected = [
        -sum(paid[later] * exp(-(at[later] - at[place]) / 20.0) for later in range(place, 5)) for place in range(5)
    ]
    assert ppo.gains(log, 20.0) == pytest.approx(expected, rel=1e-12)
    assert expected[-1] == -25.0


def test_what_is_nearly_sure_is_not_recorded() -> None:
    contender, workload = train.ready_policy(BASE, LIMITS, ppo.ScoreNetwork().vector()), synthetic(TINY, TRAINING_SEEDS)
    for inverse_temperature in (0.5, PLAN.inverse_temperature):
        log = train.recorded(workload, contender, replace(PLAN, inverse_temperature=inverse_temperature), 0)
        rows, options = log.rows[: int(log.total[LogTotal.ROWS]), 0], log.options[: int(log.total[LogTotal.DECISIONS])]
        for scores in np.split(inverse_temperature * rows.astype(np.float64), options.cumsum()[:-1]):
            assert np.exp(scores.max() - np.logaddexp.reduce(scores)) <= rollout.SURE + 1e-6
        assert 20 < log.total[LogTotal.DECISIONS] < log.total[LogTotal.CHOICES]
    certain = train.recorded(workload, contender, replace(PLAN, inverse_temperature=train.CERTAIN), 0)
    assert certain.total[LogTotal.DECISIONS] < 0.05 * certain.total[LogTotal.CHOICES], "ties alone"


def test_rollouts_of_one_workload_are_compared_at_the_same_time() -> None:
    at = [np.array([0.0, 10.0, 20.0]), np.array([5.0, 15.0]), np.array([0.0, 20.0, 40.0])]
    gained = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 8.0]), np.array([0.0, 2.0, 6.0])]
    found = ppo.compared(at, gained)
    raw = [[1.0 - 2.0, 2.0 - 3.5, 3.0 - 1.0], [4.0 - 1.0, 8.0 - 2.0], [0.0 - 2.5, 2.0 - 1.5, 6.0]]
    spread = np.std(np.concatenate(raw))
    for one, expected in zip(found, raw, strict=True):
        assert one == pytest.approx(np.array(expected) / spread)


def test_traffic_that_all_rollouts_share_is_no_advantage() -> None:
    rng = np.random.default_rng(0)
    at = [np.append(np.sort(rng.uniform(0.0, 100.0, 399)), 100.0) for _ in range(4)]
    own = [rng.normal(size=400) for _ in at]
    found = ppo.compared(at, [50.0 * np.sin(times / 9.0) + mine for times, mine in zip(at, own, strict=True)])
    for one, mine in zip(found, own, strict=True):
        assert np.corrcoef(one, mine)[0, 1] > 0.8


def test_a_play_alone_is_centred() -> None:
    (found,) = ppo.compared([np.array([0.0, 1.0])], [np.array([3.0, 5.0])])
    assert found == pytest.approx([-1.0, 1.0])


def planted(actor: ppo.ScoreNetwork, rng: Generator, count: int = 800) -> tuple[Log, float]:
    """Decisions whose cost is FEATURE of the option taken, far apart in time; the mean chance of the best option."""
    options = rng.integers(2, 5, count)
    ends = options.cumsum()
    rows = rng.normal(size=(ends[-1], COUNT)).astype(np.float32)
    rows[:, 0] = 0.0
    with torch.no_grad():
        log_probabilities = actor(torch.from_numpy(rows), torch.from_numpy(options)).numpy().astype(np.float64)
    drawn = np.split(log_probabilities + rng.gumbel(size=len(log_probabilities)), ends[:-1])
    taken = np.array([part.argmax() for part in drawn])
    best = np.array([part.argmin() for part in np.split(rows[:, FEATURE], ends[:-1])])
    paid = rows[ends - options + taken, FEATURE].astype(np.float64)
    log = Log(
        rows=rows,
        options=options,
        taken=taken,
        likelihood=log_probabilities[ends - options + taken].astype(np.float32),
        at=np.linspace(0.0, 1e4 * count, count),
        cost=np.cumsum(paid) - paid,
        total=np.array([count, ends[-1], paid.sum(), count]),
        rng=np.zeros(1, np.uint64),
    )
    return log, float(np.exp(log_probabilities[ends - options + best]).mean())


def test_a_planted_feature_is_found() -> None:
    torch.manual_seed(0)
    learner, rng, best = ppo.learner(2e-2, "cpu"), np.random.default_rng(0), []
    for _ in range(20):
        log, share = planted(learner.actor, rng)
        best.append(share)
        seen = ppo.update(learner, ppo.batch_of([[log]], 30.0), 0.0)
        assert np.isfinite(list(seen.values())).all()
    assert best[0] == pytest.approx(np.mean([1 / 2, 1 / 3, 1 / 4]), abs=0.03)
    assert best[-1] > 0.8
