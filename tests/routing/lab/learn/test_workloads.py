"""What fleets are given: scenarios by seed, of a size and a skew that are asked for, and recordings in their order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.lab.learn.workloads.catalogue import CONTEXT_PER_UNIT, KINDS, LANGUAGE
from routing.lab.learn.workloads.curriculum import DEVICES, TRAINING_SEEDS, VALIDATION_SEEDS, drawn
from routing.lab.learn.workloads.recording import TOKENS, Trace
from routing.lab.learn.workloads.scenarios import RANGES, known, reshaped, scenario_source
from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, at_size, device_records, synthetic
from routing.scheduler.fleet import OCCUPANCY, FleetLimits, empty

SMALL = Scenario("small", calls=4000, seconds=300.0, models=50, devices=6)


def test_a_seed_gives_one_workload_and_another_seed_another() -> None:
    one, again, other = synthetic(SMALL, 3), synthetic(SMALL, 3), synthetic(SMALL, 4)
    for name in ("at", "model", "units", "predicted"):
        assert np.array_equal(getattr(one, name), getattr(again, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_is_one_that_a_fleet_can_serve(name: str) -> None:
    scenario = at_size(SCENARIOS[name], 60, 8)
    workload = synthetic(scenario, 1)
    fleet = empty(workload.models, workload.devices, len(workload.at), FleetLimits())
    assert (len(fleet.models), len(fleet.devices)) == (60, 8)
    assert len(workload.at) == scenario.calls
    assert (np.diff(workload.at) >= 0.0).all()
    assert workload.at[-1] <= scenario.seconds
    assert (workload.units > 0.0).all()
    assert (workload.predicted > 0.0).all()
    assert workload.model.max() < 60


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.5])
def test_popularity_follows_its_rank(alpha: float) -> None:
    workload = synthetic(replace(SMALL, calls=60_000, models=20, alpha=alpha), 1)
    seen = np.bincount(workload.model, minlength=20) / 60_000
    expected = np.arange(1, 21) ** -alpha
    assert seen == pytest.approx(expected / expected.sum(), abs=0.01)


@pytest.mark.parametrize("cv", [0.5, 1.0, 3.0])
def test_arrivals_are_as_bursty_as_asked(cv: float) -> None:
    gaps = np.diff(synthetic(replace(SMALL, calls=40_000, cv=cv), 2).at)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.1)


def test_only_the_length_of_answers_is_guessed_and_a_perfect_guess_is_the_truth() -> None:
    noisy = synthetic(SMALL, 1)
    language = noisy.models["kind"][noisy.model] == LANGUAGE
    assert (noisy.predicted[~language] == noisy.units[~language]).all()
    assert (noisy.predicted[language] != noisy.units[language]).mean() > 0.9
    sure = synthetic(replace(SMALL, guess=0.0), 1)
    assert sure.predicted == pytest.approx(sure.units)


def test_all_at_once_takes_the_models_in_turn() -> None:
    workload = synthetic(replace(SMALL, calls=120, together=True), 1)
    assert not workload.at.any()
    assert workload.model.tolist() == [call % 50 for call in range(120)]


def test_load_times_are_the_weights_over_the_loaders_rate_and_its_start() -> None:
    workload = synthetic(replace(SMALL, load_gb_s=2.0, load_start_s=7.0), 1)
    models = workload.models
    assert models["load_s"] == pytest.approx(models["memory_gb"] / 2.0 + 7.0)
    assert (models["wake_s"] < models["load_s"]).all()


def test_kinds_come_in_their_shares_whatever_the_seed() -> None:
    shares = {kind.memory_gb: kind.share for kind in KINDS}
    for seed in range(3):
        sizes = synthetic(replace(SMALL, models=1000), seed).models["memory_gb"]
        for size, share in shares.items():
            same = sum(kind.share for kind in KINDS if kind.memory_gb == size)
            assert np.mean(sizes == size) == pytest.approx(same / sum(shares.values()), abs=0.06), (size, share)


def test_devices_keep_five_percent_and_room_for_caches() -> None:
    devices = device_records(3)
    assert devices["memory_gb"] == pytest.approx(OCCUPANCY * 80.0)
    assert (devices["weights_gb"] < devices["memory_gb"]).all()
    assert CONTEXT_PER_UNIT > 1.0


@given(st.integers(1, 2000), st.integers(1, 256))
def test_calls_grow_with_the_devices_so_that_the_load_stays_alike(models: int, devices: int) -> None:
    sized = at_size(SCENARIOS["A"], models, devices)
    assert (sized.models, sized.devices) == (models, devices)
    per_device = SCENARIOS["A"].calls / SCENARIOS["A"].devices
    assert sized.calls == max(1, round(per_device * devices))


@given(st.integers(0, 10_000))
def test_the_curriculum_stays_small_and_in_its_neighbourhood(seed: int) -> None:
    scenario = drawn(np.random.default_rng(seed))
    assert scenario.devices in DEVICES
    assert scenario.devices not in {one.devices for one in SCENARIOS.values()}
    assert 0.6 * 0.3 < scenario.alpha < 1.3 * 0.95
    assert 1.0 <= scenario.cv <= 3.0
    assert scenario.calls >= 500
    assert TRAINING_SEEDS < VALIDATION_SEEDS


@pytest.mark.parametrize("key", sorted(RANGES))
@pytest.mark.parametrize("end", [0, 1])
def test_a_shape_out_of_its_range_is_refused_with_the_range(key: str, end: int) -> None:
    least, most = RANGES[key]
    beyond = least - 1 if end == 0 else most + 1
    with pytest.raises(ValueError, match=rf"{key} is {beyond}; expected {least} to {most}"):
        reshaped(SCENARIOS["A"], {key: beyond})


def test_a_label_names_what_was_changed() -> None:
    label, workload = scenario_source("A", {"devices": 4, "models": None, "alpha": 0.9})
    assert label == "A devices=4 alpha=0.9"
    made = workload(1)
    assert (len(made.devices), len(made.models), len(made.at)) == (4, 500, 500)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("Z", {}), r"no scenario is called 'Z'; known are A, B"),
        (("E", {}), r"scenario E replays gentd26: say with --data"),
        (("A", {}, "nobody"), r"no trace is called 'nobody'; known are"),
        (("E", {}, "", Path("/nowhere")), r"--data is /nowhere, which is no folder"),
    ],
)
def test_a_scenario_that_cannot_be_made_is_told(arguments: tuple[Any, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scenario_source(*arguments)
    assert {"A", "E", "F", "together"} <= set(known())


def trace(*at: float) -> Trace:
    """Calls of one model at those times; a call's size is its place in the list."""
    count = len(at)
    size = np.arange(count, dtype=np.float64)
    return Trace("t", np.array(at), np.zeros(count, np.int64), ("m",), TOKENS, size, size)


def test_a_trace_is_sorted_from_zero_and_says_who_was_late() -> None:
    ordered = trace(5.0, 7.0, 6.0, 6.0).ordered()
    assert ordered.at.tolist() == [0.0, 1.0, 1.0, 2.0]
    assert ordered.size.tolist() == [0.0, 2.0, 3.0, 1.0], "equal times stay as they stood"
    assert ordered.notes == ("sorted: 1 calls stood before an earlier one",)
    assert trace(1.0, 2.0).ordered().notes == ()


def test_a_part_of_a_trace_starts_at_zero_and_ends_where_the_next_call_would_come() -> None:
    part = trace(0.0, 2.0, 4.0, 10.0).between(2.0, 10.0)
    assert part.at.tolist() == [0.0, 2.0]
    assert part.span_s == 8.0
    with pytest.raises(ValueError, match=r"t: no calls from 11 s to 12 s; it ends at 10 s"):
        trace(0.0, 10.0).between(11.0, 12.0)


@given(st.integers(1, 30), st.integers(0, 100))
def test_a_sample_is_a_run_of_calls_that_its_seed_chooses(calls: int, seed: int) -> None:
    whole = trace(*np.arange(20.0).tolist())
    sample = whole.sample(calls, seed)
    assert len(sample.at) == min(calls, 20)
    assert np.diff(sample.size).tolist() == [1.0] * (len(sample.size) - 1)
    assert sample.at[0] == 0.0
    assert np.array_equal(sample.size, whole.sample(calls, seed).size)


def test_no_calls_are_no_sample() -> None:
    with pytest.raises(ValueError, match=r"0 calls; expected at least one"):
        trace(1.0).sample(0, 1)
