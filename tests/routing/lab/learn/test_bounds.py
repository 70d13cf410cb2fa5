"""No run beats a bound: random picks, every pick there is on tiny cases, and cases where the bound is met."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routing.lab.learn.evaluation.bounds import Bounds, bounds, mean_busy_times
from routing.lab.learn.evaluation.paging import least_loads
from routing.lab.learn.simulator.simulation import outcome
from routing.lab.learn.workloads.traffic import SCENARIOS, Workload, at_size, synthetic
from routing.scheduler.core import EVICT, Point
from routing.scheduler.fleet import NONE, Fleet, FleetLimits
from tests.routing.small_fleets import Run, by_lot, devices_of, drive, limits, models_of, workload_of, workloads

ROUNDING = 1e-6


def holds(found: Bounds, run: Run) -> None:
    """The run stays within all bounds."""
    seen = outcome(run.machine, len(run.decisions), 0.0)
    assert found.warm_floor_s <= found.cold_floor_s + ROUNDING
    assert found.latency_clairvoyant_s <= found.latency_online_s + ROUNDING
    assert found.latency_online_s <= seen.latency.mean() + ROUNDING
    assert found.makespan_online_s <= seen.makespan + ROUNDING
    assert seen.useful_s / (found.devices * seen.makespan) <= found.utilisation + ROUNDING


@settings(max_examples=300, deadline=None)
@given(workload=workloads(), told=limits(), seed=st.integers(0, 9), refuses=st.sampled_from((0.0, 0.2)))
def test_no_policy_beats_the_bounds(workload: Workload, told: FleetLimits, seed: int, refuses: float) -> None:
    holds(bounds(workload), drive(workload, told, by_lot(seed, refuses)))


class Script:
    """A pick that follows a list of places and takes the first beyond its end; `options` counts what it could take."""

    def __init__(self, places: list[int]) -> None:
        self.places, self.options = places, list[int]()

    def __call__(self, fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
        """The place's candidate; the last place refuses."""
        offered = candidates.tolist() if point.kind == EVICT else [*candidates.tolist(), NONE]
        number = len(self.options)
        self.options.append(len(offered))
        return int(offered[self.places[number] if number < len(self.places) else 0])


def every_run(workload: Workload, told: FleetLimits) -> Iterator[Run]:
    """One run for each way to pick, refusing included."""
    places: list[int] = []
    while True:
        script = Script(places)
        yield drive(workload, told, script)
        places = places + [0] * (len(script.options) - len(places))
        while places and places[-1] + 1 == script.options[len(places) - 1]:
            places.pop()
        if not places:
            return
        places[-1] += 1


@settings(max_examples=30, deadline=None)
@given(workload=workloads(most_calls=4, most_devices=2, most_models=2), active=st.integers(1, 2))
def test_the_best_of_all_runs_of_a_tiny_case_does_not_beat_the_bounds(workload: Workload, active: int) -> None:
    found = bounds(workload)
    for run in islice(every_run(workload, FleetLimits(max_active=active, replicate=0.0, calls_per_replica=0.0)), 400):
        if not run.left:
            holds(found, run)


def test_one_call_alone_meets_every_bound() -> None:
    """Called at 3, loaded in 2, served in 4 seconds; useful 4 of 9 seconds."""
    workload = workload_of(models_of(load_s=2.0), devices_of([10.0]), [(3.0, 0, 4.0)])
    found, run = bounds(workload), drive(workload, FleetLimits(), by_lot(0))
    assert found.latency_online_s == pytest.approx(6.0) == pytest.approx(float(run.calls["finished"][0]) - 3.0)
    assert found.latency_clairvoyant_s == pytest.approx(4.0)
    assert found.makespan_online_s == pytest.approx(9.0)
    assert found.utilisation == pytest.approx(4.0 / 9.0)


def test_a_queue_at_one_device_meets_the_pooled_bound_on_makespan_and_misses_half_a_call_on_latency() -> None:
    """Units 1, 2, 3 at once, loaded in 1: best end at 2, 4, 7. Mean busy at 1.5, 3, 5.5, each plus half of itself."""
    calls = [(0.0, 0, 3.0), (0.0, 0, 1.0), (0.0, 0, 2.0)]
    found = bounds(workload_of(models_of(), devices_of([10.0]), calls))
    assert found.pooled_online_s == pytest.approx(13.0 / 3.0)
    assert found.makespan_online_s == pytest.approx(7.0)


@settings(max_examples=200, deadline=None)
@given(
    jobs=st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 5), st.floats(0.0, 1.0), st.sampled_from((1.0, 0.5))), min_size=1
    )
)
def test_no_order_of_work_has_less_mean_busy_time(jobs: list[tuple[int, int, float, float]]) -> None:
    """Against schedules by random priorities in steps of one second of work, some steps left idle."""
    release, work = (np.array([job[part] for job in jobs], np.float64) for part in (0, 1))
    left, sums, now = work.copy(), np.zeros(len(jobs)), 0
    while left.any():
        ready = [job for job in range(len(jobs)) if release[job] <= now and left[job] > 0]
        if (ready and jobs[now % len(jobs)][3] == 1.0) or (ready and now > 60):
            job = min(ready, key=lambda one: jobs[one][2])
            sums[job] += (now + 0.5) / work[job]
            left[job] -= 1.0
        now += 1
    assert mean_busy_times(release, work, 1.0).sum() <= sums.sum() + ROUNDING
    assert mean_busy_times(release, work, 2.0).sum() <= mean_busy_times(release, work, 1.0).sum() + ROUNDING


@settings(max_examples=60, deadline=None)
@given(workload=workloads(), told=limits(), seed=st.integers(0, 9), windows=st.integers(1, 8))
def test_no_run_loads_less_than_its_own_answers_need(
    workload: Workload, told: FleetLimits, seed: int, windows: int
) -> None:
    workload.models["memory_gb"] = 4.0
    run = drive(workload, replace(told, host_gb=workload.host_gb), by_lot(seed))
    least = least_loads(workload, run.calls["finished"] - run.calls["arrived"], windows)
    assert least.least_gb <= 4.0 * run.machine.fleet.state[0]["loads"] + ROUNDING
    assert least.least_s <= run.machine.devices["loading_s"].sum() + ROUNDING
    assert least.once_gb <= least.least_gb + ROUNDING


def test_models_that_take_turns_in_too_little_memory_are_loaded_again() -> None:
    """A, B, A, B with room for one: three loads (keep one through the other's turn). In no hurry, two."""
    models = models_of(memory_gb=6.0, load_s=2.0)
    models = np.concatenate([models, models])
    calls = [(0.0, 0, 1.0), (10.0, 1, 1.0), (20.0, 0, 1.0), (29.9, 1, 1.0)]
    workload = workload_of(models, devices_of([6.0]), calls)
    hurried = least_loads(workload, 5.0, windows=3)
    assert hurried.least_gb == pytest.approx(18.0)
    assert hurried.least_s == pytest.approx(6.0)
    assert least_loads(workload, 1e9, windows=3).least_gb == pytest.approx(12.0) == hurried.once_gb


def test_a_scenario_has_bounds_that_can_be_kept_as_json() -> None:
    workload = synthetic(at_size(SCENARIOS["A"], 60, 8), 0)
    found = asdict(bounds(workload)) | asdict(least_loads(workload, 30.0))
    assert json.loads(json.dumps(found)) == found
    assert all(value >= 0.0 for value in found.values())


def test_a_workload_without_calls_is_refused() -> None:
    nothing = replace(synthetic(at_size(SCENARIOS["A"], 6, 2), 0), at=np.zeros(0))
    for bound in (bounds, lambda workload: least_loads(workload, 1.0)):
        with pytest.raises(ValueError, match="no calls"):
            bound(nothing)
