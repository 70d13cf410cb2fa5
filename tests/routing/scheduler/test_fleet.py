"""A fleet that no scheduler can serve is refused in words that name the record, the field and its value."""

from typing import Any

import numpy as np
import pytest

from routing.scheduler.fleet import NONE, FleetLimits, empty
from tests.routing.small_fleets import devices_of, models_of

MODELS, DEVICES = models_of(memory_gb=[1.0, 8.0]), devices_of([10.0, 16.0], cache_gb=2.0)


@pytest.mark.parametrize(
    ("models", "devices", "words"),
    [
        ({}, {"memory_gb": [12.0, np.nan]}, "device 1: memory_gb is nan; expected a number"),
        ({"load_s": [1.0, np.inf]}, {}, "model 1: load_s is inf; expected a number"),
        ({"memory_gb": [0.0, 1.0]}, {}, "model 0: memory_gb is 0; expected more than 0"),
        ({"slots": [1, 0]}, {}, "model 1: slots is 0; expected more than 0"),
        ({"step_a": [1.0, -1.0]}, {}, "model 1: step_a is -1; expected more than 0"),
        ({"load_s": [-0.5, 1.0]}, {}, "model 0: load_s is -0.5; expected 0 or more"),
        ({"step_b": [0.0, -2.0]}, {}, "model 1: step_b is -2; expected 0 or more"),
        ({}, {"speed": [1.0, 0.0]}, "device 1: speed is 0; expected more than 0"),
        ({}, {"weights_gb": [10.0, 30.0]}, "device 1: weights_gb is 30, more than its memory_gb of 18"),
        ({"memory_gb": [1.0, 17.0]}, {}, "model 1 needs 17 GB and the largest device takes 16 GB"),
        ({"memory_gb": [1.0, 12.0]}, {"drained": [0, 1]}, "model 1 needs 12 GB and the largest device takes 10 GB"),
    ],
)
def test_what_cannot_be_served_is_refused(models: dict[str, Any], devices: dict[str, Any], words: str) -> None:
    wrong_models, wrong_devices = MODELS.copy(), DEVICES.copy()
    for records, changes in ((wrong_models, models), (wrong_devices, devices)):
        for name, value in changes.items():
            records[name] = value
    with pytest.raises(ValueError, match=r"expected|largest|more than") as refused:
        empty(wrong_models, wrong_devices, 1, FleetLimits())
    assert words in str(refused.value)


@pytest.mark.parametrize(("models", "devices"), [(MODELS[:0], DEVICES), (MODELS, DEVICES[:0])])
def test_a_fleet_without_models_or_devices_is_refused(models: Any, devices: Any) -> None:
    with pytest.raises(ValueError, match=r"the fleet has no (models|devices); expected at least one"):
        empty(models, devices, 1, FleetLimits())


def test_a_drained_device_counts_as_largest_only_if_every_device_is_drained() -> None:
    devices = DEVICES.copy()
    devices["drained"] = 1
    big = models_of(memory_gb=12.0)
    assert empty(big, devices, 1, FleetLimits()).state[0]["usable"] == 0


@pytest.mark.parametrize(("count", "busy"), [(1, 1), (2, 1), (19, 18), (20, 19), (21, 19), (64, 60)])
def test_at_most_95_percent_of_the_devices_compute_but_one_always_may(count: int, busy: int) -> None:
    assert empty(MODELS, devices_of([16.0] * count), 1, FleetLimits()).state[0]["most_busy"] == busy


@pytest.mark.parametrize(("early", "scopes"), [(False, 1), (True, 2)])
def test_a_fresh_fleet_has_nobody_resident_and_nobody_waiting(early: bool, scopes: int) -> None:
    given = FleetLimits(max_active=2, replicate=3.0, patience_s=9.0, host_gb=5.0, early=early)
    fleet = empty(MODELS, DEVICES, 3, given)
    state = fleet.state[0]
    assert fleet.queues.shape == (scopes, 2)
    assert (fleet.residents["model"] == NONE).all()
    assert (fleet.places == NONE).all()
    assert not fleet.queues["count"].any()
    assert [state[name] for name in ("max_active", "replicate", "patience_s", "host_limit_gb")] == [2, 3.0, 9.0, 5.0]
    assert (state["arrival"], state["room_model"]) == (NONE, NONE)


def test_what_was_handed_in_stays_as_it_was() -> None:
    models, devices = MODELS.copy(), DEVICES.copy()
    fleet = empty(models, devices, 1, FleetLimits())
    fleet.models["waiting"], fleet.devices["running"] = 7, 7
    assert (models == MODELS).all()
    assert (devices == DEVICES).all()
