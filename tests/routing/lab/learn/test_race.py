"""Races side by side: in slices they end as they would alone, and what pages offer is what the simulator knows."""

import json
from itertools import islice, pairwise

import pytest

from routing.lab import races as lab
from routing.lab.learn.simulator import entries
from routing.lab.learn.simulator.race import MOST_SAMPLES, figures, moments, race
from routing.lab.learn.simulator.simulation import simulate
from routing.lab.learn.workloads.traffic import SCENARIOS, synthetic

PAIR = ("static", "hrrn")
COMPILING_S = 600
pytestmark = pytest.mark.timeout(COMPILING_S)


def test_slices_change_nothing() -> None:
    lines = list(race("together", PAIR, 5))
    workload = synthetic(SCENARIOS["together"], 5)
    for name in PAIR:
        alone = figures(workload, simulate(workload, entries.ready_policy(name)))
        assert {**lines[-1]["policies"][name], "decision_us": 0} == {**alone, "decision_us": 0}


def test_lines_tell_the_start_the_course_and_the_end() -> None:
    start, *samples, end = json.loads(json.dumps(list(race("together", PAIR, 1))))
    assert start == {
        "kind": "start", "scenario": "together", "policies": list(PAIR), "seed": 1,
        "calls": 500, "devices": 64, "models": 500,
    }  # fmt: skip
    assert {one["kind"] for one in samples} == {"sample"}
    assert 40 <= len(samples) <= 200
    times = [one["at_s"] for one in samples]
    assert times[0] == 0.0
    assert times == sorted(set(times))
    for name in PAIR:
        course = [one["policies"][name] for one in samples]
        answered = [one["answered"] for one in course]
        assert answered == sorted(answered)
        assert answered[-1] == 500
        assert course[0]["mean_s"] is None
        assert course[-1]["mean_s"] == pytest.approx(end["policies"][name]["mean_s"], abs=0.01)
        assert course[-1]["loads"] == end["policies"][name]["loads"]
        assert max(one["busy"] for one in course) <= 0.95
        assert all(one["waiting"] + one["running"] + one["answered"] <= 500 for one in course)
    assert all(0 < end["policies"][name][share] <= 1 for name in PAIR for share in ("useful", "loading", "duty"))


def test_the_same_seed_gives_the_same_course_to_the_bit() -> None:
    first, second = ([line for line in race("together", PAIR, 2) if line["kind"] != "end"] for _ in range(2))
    assert first == second


def test_moments_never_stand_still_however_long_it_takes() -> None:
    times = list(islice(moments(synthetic(SCENARIOS["A"], 0)), MOST_SAMPLES))
    assert all(later > earlier for earlier, later in pairwise(times))
    assert times[-1] > 1_000_000


def test_pages_offer_what_the_simulator_knows() -> None:
    assert set(lab.SCENARIOS) == set(SCENARIOS)
    assert set(lab.POLICIES) == set(entries.names())


@pytest.mark.parametrize(("scenario", "policy"), [("Z", "hrrn"), ("A", "magic")])
def test_what_nobody_knows_is_named(scenario: str, policy: str) -> None:
    with pytest.raises(ValueError, match=r"expected one of|known are"):
        next(race(scenario, [policy], 1))
