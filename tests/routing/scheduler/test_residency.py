"""Who is where: memory that comes back to the bit, sleeping models, victims, and another replica only if it pays."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.scheduler import queueing, residency
from routing.scheduler.fleet import NONE, RESIDENTS, Fleet, FleetLimits, empty
from routing.scheduler.residency import RELOAD_S
from tests.routing.small_fleets import devices_of, models_of

ROOM = np.zeros(RESIDENTS, np.int64)


def fleet_of(memory_gb: Any = (2.0, 3.0, 4.0), devices: int = 1, **limits: Any) -> Fleet:
    """Models of those sizes, four slots each, on devices of 10 GB with 2 GB for caches."""
    models = models_of(memory_gb=list(memory_gb), slots=4, load_s=8.0, kv_gb_per_unit=0.1)
    fleet = empty(models, devices_of([10.0] * devices, cache_gb=2.0), 20, FleetLimits(**limits))
    fleet.calls["model"], fleet.calls["predicted_units"] = np.arange(20) % len(models), 1.0 + np.arange(20) % 3
    return fleet


def load(fleet: Fleet, model: int, device: int = 0, now: float = 0.0) -> None:
    """Load the model and warm it at once."""
    fleet.state["now"] = now
    residency.begin_load(fleet, device, model)
    residency.warm(fleet, device, now)


@given(st.lists(st.integers(0, 19), max_size=12, unique=True))
def test_memory_work_and_counts_come_back_to_nothing_when_the_last_call_leaves(calls: list[int]) -> None:
    fleet = fleet_of()
    for model in range(3):
        load(fleet, model)
    for call in calls:
        residency.enter(fleet, call, 0)
    device = fleet.devices[0]
    assert device["running"] == len(calls) == fleet.models["running"].sum() == fleet.residents[0]["running"].sum()
    assert device["active"] == len({call % 3 for call in calls})
    cache = sum(0.1 * (1 + call % 3) for call in calls)
    assert device["used_gb"] == pytest.approx(9.0 + cache)
    idle = [bool(residency.leave(fleet, call, 5.0)) for call in reversed(calls)]
    assert sum(idle) == len({call % 3 for call in calls}), "a model is idle on the device once, at its last call"
    device = fleet.devices[0]
    assert (device["used_gb"], device["outstanding_s"]) == (9.0, 0.0)
    assert (device["running"], device["active"], fleet.state[0]["busy"]) == (0, 0, 0)


def test_a_load_takes_a_slot_memory_and_the_loader_for_its_time() -> None:
    fleet = fleet_of()
    fleet.state["now"] = 3.0
    assert residency.begin_load(fleet, 0, 1) == 0
    device = fleet.devices[0]
    assert (device["loading"], device["loader_until"], device["used_weights_gb"]) == (1, 11.0, 3.0)
    assert (fleet.models[1]["loading"], fleet.models[1]["replicas"]) == (1, 0)
    residency.warm(fleet, 0, 11.0)
    assert (fleet.devices[0]["loading"], fleet.models[1]["loading"], fleet.models[1]["replicas"]) == (NONE, 0, 1)


def test_a_slot_that_is_left_is_taken_again_and_the_last_ones_are_dropped() -> None:
    fleet = fleet_of()
    for model in range(3):
        load(fleet, model)
    residency.evict(fleet, 0, 1)
    assert fleet.devices[0]["residents"] == 3
    assert residency.free_slot(fleet, 0) == 1
    residency.evict(fleet, 0, 2)
    assert fleet.devices[0]["residents"] == 1, "empty slots at the end are not looked at any more"
    load(fleet, 2)
    assert fleet.places[2, 0] == 1


def test_a_load_soon_after_an_eviction_counts_as_waste() -> None:
    fleet = fleet_of()
    load(fleet, 0, now=0.0)
    residency.evict(fleet, 0, 0)
    load(fleet, 0, now=RELOAD_S - 1.0)
    assert fleet.state[0]["reloads"] == 1
    residency.evict(fleet, 0, 0)
    load(fleet, 0, now=2 * RELOAD_S)
    assert fleet.state[0]["reloads"] == 1
    assert (fleet.state[0]["loads"], fleet.state[0]["evictions"]) == (3, 2)


@pytest.mark.parametrize(("host_gb", "asleep"), [(0.0, []), (3.5, [1]), (5.0, [0, 1]), (9.0, [0, 1, 2])])
def test_models_sleep_in_host_memory_as_far_as_it_goes(host_gb: float, asleep: list[int]) -> None:
    fleet = fleet_of(host_gb=host_gb)
    for model in range(3):
        load(fleet, model, now=float(model))
    for model in (2, 0, 1):
        fleet.state["now"] += 1.0
        residency.evict(fleet, 0, model)
    assert np.flatnonzero(fleet.models["asleep"]).tolist() == asleep
    assert fleet.state[0]["host_gb"] == fleet.models["memory_gb"][asleep].sum()


def test_a_model_that_sleeps_wakes_faster_and_frees_host_memory() -> None:
    fleet = fleet_of(host_gb=9.0)
    load(fleet, 0)
    assert residency.load_s(fleet, 0) == 8.0
    residency.evict(fleet, 0, 0)
    assert residency.load_s(fleet, 0) == 2.0
    residency.begin_load(fleet, 0, 0)
    assert (fleet.models[0]["asleep"], fleet.state[0]["host_gb"], fleet.state[0]["wakes"]) == (0, 0.0, 1)


def test_victims_are_warm_idle_and_not_needed() -> None:
    fleet = fleet_of()
    for model in range(3):
        load(fleet, model)
    residency.enter(fleet, 0, 0)
    queueing.hold(fleet, 0, 1)
    assert ROOM[: residency.victims(fleet, 0, ROOM)].tolist() == [2]
    fleet.devices[0]["claim"] = 2
    assert ROOM[: residency.victims(fleet, 0, ROOM)].tolist() == [1, 2], "a claim does not ask who waits"


@pytest.mark.parametrize(
    ("replicas", "loading", "work", "calls", "wanted"),
    [
        (0, 0, 0.1, 1, True),
        (1, 0, 15.9, 1, False),
        (1, 0, 16.1, 1, True),
        (1, 1, 16.1, 1, False),
        (2, 0, 32.1, 1, True),
    ],
)
def test_another_replica_is_worth_twice_its_load_time_of_waiting_work(
    replicas: int, loading: int, work: float, calls: int, wanted: bool
) -> None:
    fleet = fleet_of(devices=20, replicate=2.0)
    fields = ("replicas", "loading", "waiting_work", "waiting")
    for name, value in zip(fields, (replicas, loading, work, calls), strict=True):
        fleet.models[0][name] = value
    assert residency.wants_replica(fleet, 0) == wanted


@pytest.mark.parametrize(("calls", "wanted"), [(2, False), (3, True)])
def test_a_busy_fleet_asks_for_many_calls_too(calls: int, wanted: bool) -> None:
    fleet = fleet_of(devices=20, replicate=2.0, calls_per_replica=2.0)
    fleet.state["busy"] = fleet.state["most_busy"]
    fleet.models[0]["replicas"], fleet.models[0]["waiting_work"], fleet.models[0]["waiting"] = 1, 99.0, calls
    assert residency.wants_replica(fleet, 0) == wanted


def test_replicas_on_drained_devices_do_not_count() -> None:
    fleet = fleet_of(devices=2)
    load(fleet, 0, 0)
    load(fleet, 0, 1)
    fleet.devices[1]["drained"] = 1
    residency.recount(fleet)
    assert (fleet.models[0]["replicas"], fleet.state[0]["usable"]) == (1, 1)
    fleet.devices["drained"] = 1
    residency.recount(fleet)
    assert (fleet.models[0]["replicas"], fleet.state[0]["usable"]) == (2, 0)
