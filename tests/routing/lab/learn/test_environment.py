"""The environment is the simulator: gymnasium's checks, the heuristic to the bit, rewards that sum to the cost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from numpy.random import Generator
from numpy.typing import NDArray

from routing.lab.learn.evaluation.cost import AGE_S, COST
from routing.lab.learn.simulator import entries
from routing.lab.learn.simulator.simulation import RunOutcome, prepared, simulate
from routing.lab.learn.training import rollout, train
from routing.lab.learn.training.environment import FleetEnvironment, Observation, Terms, heuristic, tuned_heuristic
from routing.lab.learn.training.rollout import LogTotal
from routing.lab.learn.workloads.catalogue import KINDS
from routing.lab.learn.workloads.traffic import Scenario, synthetic
from routing.policies import spaced
from routing.policies.learned import policy as learned
from routing.policies.learned.policy import BASE, ROWS
from routing.scheduler.fleet import NONE, FleetLimits

TINY = Scenario("tiny", calls=100, seconds=40.0, models=24, devices=3)
SLEEPY = Scenario("sleepy", calls=80, seconds=30.0, models=40, devices=2, alpha=0.9, cv=4.0, host_gb=200.0)
CROWDED = Scenario("crowded", calls=120, seconds=5.0, models=60, devices=4)
ALL = (TINY, SLEEPY, CROWDED)
Act = Callable[[FleetEnvironment, dict[str, Any]], int]
pytestmark = pytest.mark.timeout(600)
"""The first run after a change compiles the simulator, which takes minutes on a busy machine."""


def environment(scenario: Scenario = TINY, **terms: float) -> FleetEnvironment:
    return FleetEnvironment(terms=Terms(**terms), draw=lambda rng: scenario)


def by_heuristic(env: FleetEnvironment, info: dict[str, Any]) -> int:
    return int(info["heuristic"])


def by_lot(seed: int) -> Act:
    rng: Generator = np.random.default_rng(seed)
    return lambda env, info: int(rng.choice(np.flatnonzero(env.action_masks())))


Seen = list[tuple[Observation, float, bool, bool, dict[str, Any]]]


def episode(env: FleetEnvironment, act: Act, scenario: Scenario = TINY, seed: int = 0) -> Seen:
    """Everything that was answered from reset() to the end; reset() earns nothing."""
    first, info = env.reset(seed=seed, options={"scenario": scenario, "workload_seed": seed})
    seen: Seen = [(first, 0.0, False, False, info)]
    while not (seen[-1][2] or seen[-1][3]):
        seen.append(env.step(np.int64(act(env, seen[-1][4]))))
    return seen


def finished(env: FleetEnvironment) -> NDArray[np.float64]:
    """When each call of the last episode was answered, seconds."""
    assert env._episode is not None
    times: NDArray[np.float64] = env._episode.machine.fleet.calls["finished"]
    return times


def played(policy: Any, scenario: Scenario, seed: int) -> RunOutcome:
    return simulate(synthetic(scenario, seed), replace(tuned_heuristic(), pick=entries.machine_code(policy)))


@pytest.mark.filterwarnings("ignore:.*Not able to test alternative render modes")
@pytest.mark.filterwarnings("error::UserWarning")
def test_gymnasium_finds_nothing_wrong() -> None:
    check_env(environment())


@pytest.mark.parametrize("scenario", ALL, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", range(2))
def test_the_heuristics_choices_are_its_run_to_the_bit(scenario: Scenario, seed: int) -> None:
    env = environment()
    episode(env, by_heuristic, scenario, seed)
    assert np.array_equal(finished(env), played(learned, scenario, seed).fleet.calls["finished"])
    assert np.array_equal(finished(env), played(spaced, scenario, seed).fleet.calls["finished"])


def test_weights_and_limits_are_the_players() -> None:
    base = np.array(list(spaced.WEIGHTS.values())) * 0.5
    contender = heuristic(base, FleetLimits(max_active=3))
    env = FleetEnvironment(contender)
    episode(env, by_heuristic, CROWDED)
    other = simulate(synthetic(CROWDED, 0), replace(contender, pick=entries.machine_code(spaced)))
    assert len(base) == BASE
    assert np.array_equal(finished(env), other.fleet.calls["finished"])


@pytest.mark.parametrize("act", [by_heuristic, by_lot(3)], ids=["heuristic", "lot"])
@pytest.mark.parametrize("scenario", ALL, ids=lambda one: one.name)
def test_rewards_sum_to_the_cost(scenario: Scenario, act: Act) -> None:
    env = environment(ageing=0.4, waste=0.05, scale_s=10.0)
    seen = episode(env, act, scenario)
    workload = synthetic(scenario, 0)
    latency = finished(env) - workload.at
    cost = latency.sum() + 0.4 * (latency**2).sum() / 2.0 / AGE_S
    run = env._episode
    assert run is not None
    assert run.account.sums[COST] == pytest.approx(cost, rel=1e-9)
    assert run.account.loading[0] == pytest.approx(run.machine.devices["loading_s"].sum(), rel=1e-9)
    rewards = sum(one[1] for one in seen)
    loading = run.machine.devices["loading_s"].sum()
    assert rewards == pytest.approx(-(cost + 0.05 * loading) / (10.0 * scenario.devices), rel=1e-9)
    assert all(one[1] <= 0.0 for one in seen)
    assert seen[-1][2:4] == (True, False)
    assert seen[-1][4]["left"] == seen[-1][4]["in_system"] == 0


@pytest.mark.parametrize("inverse_temperature", [0.5, train.CERTAIN])
def test_training_counts_the_same_cost(inverse_temperature: float) -> None:
    workload = synthetic(CROWDED, 0)
    machine, clock, buffers = prepared(workload, tuned_heuristic())
    log = rollout.log_of(len(workload.at), 0)
    makespan = rollout.episode(machine, clock, buffers, log, rollout.Exploring(0.7, inverse_temperature))
    latency = machine.fleet.calls["finished"] - workload.at
    assert log.total[LogTotal.COST] == pytest.approx(latency.sum() + 0.7 * (latency**2).sum() / 2.0 / AGE_S, rel=1e-9)
    assert makespan >= machine.fleet.calls["finished"].max()


def test_age_costs_what_it_costs_in_training() -> None:
    assert Terms().ageing == train.TrainingPlan().ageing


@pytest.mark.parametrize("scenario", ALL, ids=lambda one: one.name)
def test_every_step_is_a_choice_among_the_masked(scenario: Scenario) -> None:
    env, most, holds = environment(scenario), 0, 0
    act = by_lot(1)

    def checking(env: FleetEnvironment, info: dict[str, Any]) -> int:
        nonlocal most, holds
        options = info["options"]
        assert len(options) == len(set(options)) >= 2
        assert env.action_masks().tolist() == [place < len(options) for place in range(ROWS)]
        assert NONE not in options[:-1]
        most, holds = max(most, len(options)), holds + (options[-1] == NONE)
        return act(env, info)

    for seen, *_, info in episode(env, checking, scenario):
        count = len(info["options"])
        assert not seen["rows"][count:].any()
        assert not seen["heuristic"][count:].any()
        assert env.observation_space.contains(seen)
        if count:
            assert seen["heuristic"][:count].argmax() == info["heuristic"]
            assert seen["rows"][:count].any(axis=1).all()
    assert holds > 0
    assert most > 3 if scenario is not CROWDED else most == ROWS
    assert not env.action_masks().any()


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, tuple):
        return all(map(same, one, other))
    return bool(np.array_equal(one, other))


def test_a_seed_gives_one_run() -> None:
    runs = [episode(environment(), by_lot(5), SLEEPY, 9) for _ in range(2)]
    assert len(runs[0]) == len(runs[1])
    assert all(map(same, *runs))
    assert not same(runs[0][1], episode(environment(), by_lot(5), SLEEPY, 8)[1])


def test_a_seed_draws_one_scenario_of_the_curriculum() -> None:
    env = FleetEnvironment()
    starts = [env.reset(seed=4), env.reset(), env.reset(seed=4), env.reset(), env.reset(seed=5)]
    assert same(starts[0], starts[2])
    assert same(starts[1], starts[3])
    assert not same(starts[0], starts[1])
    assert not same(starts[0], starts[4])


def test_a_place_beyond_the_options_is_the_heuristics_choice() -> None:
    env = environment()
    episode(env, by_heuristic)
    expected = finished(env)
    episode(env, lambda env, info: ROWS - 1 if len(info["options"]) < ROWS else info["heuristic"])
    assert np.array_equal(finished(env), expected)


def test_the_time_limit_truncates_and_tells_who_is_left() -> None:
    env = environment(limit_s=20.0)
    seen = episode(env, by_heuristic)
    *_, answered, late, info = seen[-1]
    assert (answered, late) == (False, True)
    whole = played(learned, TINY, 0).fleet.calls
    now = info["now"]
    assert now >= 20.0
    assert info["left"] == np.count_nonzero((whole["arrived"] <= now) & (whole["finished"] > now)) > 0
    assert all(one[4]["now"] < 20.0 for one in seen[:-1])
    with pytest.raises(ResetNeeded):
        env.step(np.int64(0))


def test_what_leaves_nothing_to_choose_ends_at_the_first_step() -> None:
    alone = Scenario("alone", calls=1, seconds=1.0, models=1, devices=1, kinds=KINDS[:1])
    env = environment()
    seen = episode(env, lambda env, info: 0, alone)
    assert len(seen) == 2
    assert seen[-1][2:4] == (True, False)
    assert seen[-1][1] < 0.0


def test_wrong_use_is_told() -> None:
    with pytest.raises(ResetNeeded, match="call reset"):
        environment().step(np.int64(0))
    with pytest.raises(ValueError, match="unknown options scenari; expected only scenario, workload_seed"):
        environment().reset(options={"scenari": TINY})
    with pytest.raises(ValueError, match=r"limits\.early is set"):
        FleetEnvironment(replace(tuned_heuristic(), limits=FleetLimits(early=True)))
