"""What the learned policy sees: each number by its name, on a fleet made by hand, zeros for what does not apply."""

from math import log, log1p

import numpy as np
import pytest

from routing.policies.learned.observation import COUNT, DIGEST, FULL_W, HOT_C, Feature, observe
from routing.scheduler import queueing, residency
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import NONE, Fleet, FleetLimits, empty
from routing.scheduler.indices import names
from tests.routing.small_fleets import devices_of, models_of

NOW = 100.0
KINDS = {START: "is_start", LOAD: "is_load", PLACE: "is_place", EVICT: "is_evict", BIND: "is_bind"}


def fleet_of() -> Fleet:
    """Model 0 is warm on device 0 and runs a call; three calls of model 1, which is nowhere, wait."""
    models = models_of(memory_gb=[4.0, 8.0], load_s=[4.0, 6.0], step_a=0.5, step_b=0.5, slots=4, sensitivity=2.0)
    fleet = empty(models, devices_of([10.0, 20.0], cache_gb=2.0, celsius=58.0, watts=350.0), 8, FleetLimits())
    fleet.calls["model"], fleet.calls["predicted_units"] = [0, 1, 1, 1, 0, 0, 0, 0], 3.0
    fleet.state["now"] = 20.0
    residency.begin_load(fleet, 0, 0)
    residency.warm(fleet, 0, 20.0)
    fleet.state["now"] = 40.0
    residency.enter(fleet, 0, 0)
    for call, at in ((1, 70.0), (2, 80.0), (3, 90.0)):
        queueing.arrived(fleet, call, at)
        queueing.hold(fleet, 0, call)
    fleet.state["now"] = NOW
    return fleet


def seen(fleet: Fleet, kind: int, candidate: int, model: int = NONE, device: int = 0) -> dict[str, float]:
    """The candidate's row by name; what was in the row before must not show."""
    by_device = kind in (BIND, PLACE)
    row = np.full(COUNT, 7.0)
    observe(fleet, Point(kind, NONE if by_device else device, model, NONE, 1, NOW), candidate, row)
    return dict(zip(names(Feature), row.tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_says_which_decision_it_is_for(kind: int) -> None:
    row = seen(fleet_of(), kind, 0, model=0)
    assert {name: row[name] for name in KINDS.values()} == {name: float(name == KINDS[kind]) for name in KINDS.values()}
    assert row["base_score"] == row["behind_best"] == row["holds"] == 0.0


def test_what_waits_for_a_model_is_in_its_row() -> None:
    row = seen(fleet_of(), LOAD, 1, device=1)
    assert row["head_wait"] == pytest.approx(log1p(30.0))
    assert row["head_size"] == pytest.approx(log(3.0 + 0.01))
    assert row["waiting"] == pytest.approx(log1p(3.0))
    assert row["waiting_work"] == pytest.approx(log1p(9.0))
    assert row["load_time"] == pytest.approx(log(6.0 + 0.01))
    assert row["memory"] == 8.0 / 20.0
    assert row["sensitivity"] == 2.0
    assert row["fleet_waiting"] == pytest.approx(log1p(3 / 2))
    assert row["fleet_busy"] == 1.0


def test_what_a_device_holds_and_does_is_in_its_row() -> None:
    row = seen(fleet_of(), PLACE, 0, model=1)
    assert row["active"] == 1.0
    assert row["device_running"] == pytest.approx(log1p(1))
    assert row["outstanding"] == pytest.approx(log1p(3.0))
    assert row["free_memory"] == pytest.approx(0.6)
    assert row["must_evict"] == pytest.approx((8.0 - 6.0) / 10.0)
    assert row["heat_margin"] == pytest.approx((HOT_C - 58.0) / 50.0)
    assert row["power"] == pytest.approx(350.0 / FULL_W)
    assert row["loader_busy"] == 0.0


def test_a_resident_is_told_by_its_calls_and_its_age_and_a_model_that_is_not_there_has_none() -> None:
    row = seen(fleet_of(), EVICT, 0)
    assert row["resident_running"] == pytest.approx(log1p(1))
    assert row["resident_idle"] == pytest.approx(log1p(60.0))
    assert row["resident_age"] == pytest.approx(log1p(80.0))
    assert row["resident_served"] == pytest.approx(log1p(1))
    away = seen(fleet_of(), LOAD, 1, device=1)
    assert not any(away[name] for name in away if name.startswith("resident"))


def test_to_hold_is_told_apart_and_still_sees_what_waits() -> None:
    row = seen(fleet_of(), PLACE, NONE, model=1)
    assert row["holds"] == 1.0
    assert row["waiting"] == pytest.approx(log1p(3.0))
    assert row["free_memory"] == row["memory"] == 0.0


def test_every_number_is_finite_for_every_candidate_of_every_decision() -> None:
    fleet = fleet_of()
    for kind in KINDS:
        for candidate in (0, 1, NONE):
            row = seen(fleet, kind, candidate, model=candidate if candidate != NONE else 1)
            assert np.isfinite(list(row.values())).all()


def test_weights_are_bound_to_names_and_units() -> None:
    assert len(DIGEST) == 64
    assert len(set(names(Feature))) == COUNT
    assert names(Feature)[0] == "base_score"
