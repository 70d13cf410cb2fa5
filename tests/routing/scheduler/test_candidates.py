"""Who may be picked, and who may not: each rule of the mask by itself, on a fleet of three devices."""

from collections.abc import Sequence

import numpy as np
import pytest

from routing.scheduler import candidates as choices
from routing.scheduler import queueing, residency
from routing.scheduler.fleet import NONE, Fleet, FleetLimits, empty
from tests.routing.small_fleets import devices_of, models_of

SMALL, LARGE, HUGE = 0, 1, 2
ROOM = np.zeros(8, np.int64)


def fleet_of(warm: Sequence[tuple[int, int]] = (), early: bool = False, patience_s: float = 100.0) -> Fleet:
    """Models of 2, 9 and 15 GB with two slots each on devices of 10, 10 and 16 GB; `warm` are (device, model)."""
    models = models_of(memory_gb=[2.0, 9.0, 15.0], slots=3, load_s=4.0)
    limits = FleetLimits(max_active=2, replicate=0.0, calls_per_replica=0.0, patience_s=patience_s, early=early)
    fleet = empty(models, devices_of([10.0, 10.0, 16.0], cache_gb=1.0), 12, limits)
    fleet.calls["model"], fleet.calls["predicted_units"] = np.arange(12) % 3, 1.0
    for device, model in warm:
        residency.begin_load(fleet, device, model)
        residency.warm(fleet, device, 0.0)
    return fleet


def hold(fleet: Fleet, *calls: int, at: float = 0.0, scope: int = 0) -> None:
    """Let the calls wait since `at`."""
    for call in calls:
        queueing.arrived(fleet, call, at)
        queueing.hold(fleet, scope, call)


def run(fleet: Fleet, device: int, call: int) -> None:
    """Start the call."""
    residency.enter(fleet, call, device)


def given(count: int) -> list[int]:
    """The first `count` candidates."""
    return [int(one) for one in ROOM[:count]]


def bindable(fleet: Fleet, call: int) -> list[int]:
    """Devices where the arriving call may start."""
    return given(choices.free_replicas(fleet, call, ROOM))


def loadable(fleet: Fleet, device: int) -> list[int]:
    """Models that the device's loader may take."""
    return given(choices.loadable_models(fleet, device, ROOM))


def startable(fleet: Fleet, device: int) -> list[int]:
    """Models whose first waiting call may start on the device."""
    return given(choices.startable_models(fleet, device, ROOM))


def test_a_call_may_start_where_its_model_is_warm() -> None:
    fleet = fleet_of([(0, SMALL), (2, SMALL), (1, LARGE)])
    assert bindable(fleet, 0) == [0, 2]
    assert bindable(fleet, 1) == [1]
    assert bindable(fleet, 2) == []


def test_a_call_stands_behind_others_of_its_model() -> None:
    fleet = fleet_of([(0, SMALL)])
    hold(fleet, 3)
    assert bindable(fleet, 0) == []


def test_a_model_that_still_loads_takes_no_call() -> None:
    fleet = fleet_of([(0, SMALL)])
    residency.begin_load(fleet, 1, SMALL)
    assert bindable(fleet, 0) == [0]


def test_of_three_slots_two_may_be_used_and_a_device_computes_few_models() -> None:
    fleet = fleet_of([(2, SMALL)])
    run(fleet, 2, 0)
    assert bindable(fleet, 3) == [2]
    run(fleet, 2, 3)
    assert bindable(fleet, 6) == []
    fleet = fleet_of([(2, SMALL)])
    fleet.devices[2]["active"] = 2
    assert bindable(fleet, 0) == []


def test_memory_for_a_calls_cache_is_masked_and_cut_to_what_is_kept_free_of_weights() -> None:
    fleet = fleet_of([(0, SMALL), (0, LARGE)][:1])
    fleet.models["kv_gb_per_unit"] = 0.75
    run(fleet, 0, 0)
    fleet.devices[0]["used_gb"] = 10.5
    assert bindable(fleet, 3) == []
    fleet.devices[0]["used_gb"] = 10.25
    assert bindable(fleet, 3) == [0]
    fleet.models["kv_gb_per_unit"] = 50.0
    fleet.devices[0]["used_gb"] = 10.0
    assert bindable(fleet, 3) == [0], "no call asks for more than the device keeps free of weights"


def test_a_drained_device_is_out_unless_every_device_is() -> None:
    fleet = fleet_of([(0, SMALL), (1, SMALL)])
    fleet.devices[0]["drained"] = 1
    residency.recount(fleet)
    assert bindable(fleet, 0) == [1]
    fleet.devices["drained"] = 1
    residency.recount(fleet)
    assert bindable(fleet, 0) == [0, 1]


def test_a_replica_with_an_open_circuit_is_out_unless_all_of_its_model_are() -> None:
    fleet = fleet_of([(0, SMALL), (1, SMALL)])
    fleet.residents[0, 0]["broken"] = 1
    fleet.models[SMALL]["broken"] = 1
    assert bindable(fleet, 0) == [1]
    fleet.residents[1, 0]["broken"] = 1
    fleet.models[SMALL]["broken"] = 2
    assert bindable(fleet, 0) == [0, 1]


def test_an_idle_device_waits_while_the_fleet_is_as_busy_as_it_may_be() -> None:
    fleet = fleet_of([(0, SMALL), (1, SMALL)])
    run(fleet, 0, 0)
    fleet.state["most_busy"] = 1
    assert bindable(fleet, 3) == [0]
    assert fleet.devices["blocked"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(("drained", "expected"), [((0, 0, 0), [2]), ((1, 0, 0), [2]), ((1, 1, 1), [2])])
def test_early_binding_asks_every_device_that_can_ever_hold_the_model(
    drained: tuple[int, ...], expected: list[int]
) -> None:
    fleet = fleet_of(early=True)
    fleet.devices["drained"] = drained
    assert given(choices.every_device(fleet, HUGE, ROOM)) == expected


def test_early_binding_falls_back_on_drained_devices_and_counts_that() -> None:
    fleet = fleet_of(early=True)
    fleet.devices["drained"] = (0, 0, 1)
    assert given(choices.every_device(fleet, HUGE, ROOM)) == [2]
    assert fleet.state[0]["failed_open"] == 1
    assert given(choices.every_device(fleet, SMALL, ROOM)) == [0, 1]
    assert fleet.state[0]["failed_open"] == 1


def test_a_model_is_loaded_where_there_is_room_or_others_can_leave() -> None:
    fleet = fleet_of([(0, LARGE)])
    hold(fleet, 0)
    assert given(choices.loaders(fleet, SMALL, ROOM)) == [0, 1, 2]
    run(fleet, 0, 1)
    assert given(choices.loaders(fleet, SMALL, ROOM)) == [1, 2], "a model that runs cannot leave"


def test_a_busy_loader_and_a_device_that_has_the_model_are_no_place_for_it() -> None:
    fleet = fleet_of([(0, SMALL)])
    residency.begin_load(fleet, 1, LARGE)
    hold(fleet, 0, 3, 6)
    assert given(choices.loaders(fleet, SMALL, ROOM)) == [2]


def test_a_freed_slot_goes_to_models_that_wait_and_are_warm_there() -> None:
    fleet = fleet_of([(2, SMALL), (0, LARGE)])
    hold(fleet, 0, 1, 2)
    assert startable(fleet, 2) == [SMALL]
    assert startable(fleet, 0) == [LARGE]
    assert startable(fleet, 1) == []


def test_who_is_overdue_goes_alone_or_keeps_the_device_until_it_may() -> None:
    fleet = fleet_of([(2, SMALL)], patience_s=10.0)
    fleet.devices[2]["weights_gb"] = 30.0
    fleet.devices[2]["memory_gb"] = 31.0
    residency.begin_load(fleet, 2, LARGE)
    residency.warm(fleet, 2, 0.0)
    hold(fleet, 1, at=1.0)
    hold(fleet, 0, at=2.0)
    fleet.state["now"] = 5.0
    assert startable(fleet, 2) == [SMALL, LARGE]
    fleet.state["now"] = 11.5
    assert startable(fleet, 2) == [LARGE], "only one has waited longer than the patience"
    fleet.devices[2]["active"] = 2
    assert startable(fleet, 2) == []


def test_a_free_loader_is_offered_what_fits_and_waits_and_is_not_there() -> None:
    fleet = fleet_of([(0, SMALL)])
    hold(fleet, 1, 2)
    assert loadable(fleet, 0) == [LARGE], "HUGE never fits, and SMALL may leave"
    hold(fleet, 0)
    assert loadable(fleet, 0) == [], "SMALL is there, and may not leave while its own call waits"
    assert sorted(loadable(fleet, 2)) == [SMALL, LARGE, HUGE]
    residency.begin_load(fleet, 2, SMALL)
    assert loadable(fleet, 2) == []


def test_an_overdue_model_that_does_not_fit_claims_the_device_until_it_does() -> None:
    fleet = fleet_of([(2, SMALL)], patience_s=10.0)
    run(fleet, 2, 0)
    hold(fleet, 2, at=0.0)
    fleet.state["now"] = 20.0
    assert loadable(fleet, 2) == []
    assert fleet.devices[2]["claim"] == HUGE
    assert fleet.models[HUGE]["claimed"] == 1
    assert bindable(fleet, 3) == [], "no further call keeps the device busy"
    residency.leave(fleet, 0, 21.0)
    assert loadable(fleet, 2) == [HUGE]


def test_a_claim_ends_when_nobody_waits_any_more() -> None:
    fleet = fleet_of([(2, SMALL)], patience_s=10.0)
    run(fleet, 2, 0)
    hold(fleet, 2, at=0.0)
    fleet.state["now"] = 20.0
    loadable(fleet, 2)
    queueing.take(fleet, 0, HUGE)
    loadable(fleet, 2)
    assert fleet.devices[2]["claim"] == NONE
    assert fleet.models[HUGE]["claimed"] == 0
    assert fleet.devices[2]["start_due"] == 1


def test_a_model_that_fits_is_loaded_before_others_once_it_is_overdue() -> None:
    fleet = fleet_of(patience_s=10.0)
    hold(fleet, 1, at=0.0)
    hold(fleet, 0, at=15.0)
    fleet.state["now"] = 20.0
    assert loadable(fleet, 0) == [LARGE]
    assert fleet.devices[0]["claim"] == NONE
