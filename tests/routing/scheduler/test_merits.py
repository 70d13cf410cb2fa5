"""The heuristic's scores: each rises with what it should, and what making room loses is the least that can leave."""

from itertools import combinations
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.scheduler import features, merits, picks, queueing, residency
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import NONE, Fleet, FleetLimits, empty
from routing.scheduler.indices import defaults
from routing.scheduler.merits import LEAST_LOSS, MeritWeight
from routing.scheduler.queueing import SLOW_S
from tests.routing.small_fleets import devices_of, models_of

TEXTBOOK = np.array(list(defaults(MeritWeight).values()))
NOW = 100.0
PARTS = np.zeros((8, 6))


def fleet_of(memory_gb: list[float], weights_gb: float = 40.0) -> Fleet:
    """Models that load in 4 s, on two devices; calls of two units that wait for them."""
    models = models_of(memory_gb=memory_gb, load_s=4.0, slots=4, step_a=0.5, step_b=0.1)
    fleet = empty(models, devices_of([weights_gb] * 2, cache_gb=8.0), 12, FleetLimits())
    fleet.calls["model"], fleet.calls["predicted_units"] = np.arange(12) % len(memory_gb), 2.0
    fleet.state["now"] = NOW
    return fleet


def load(fleet: Fleet, model: int, rate: float = 0.0, used_at: float = 0.0, device: int = 0) -> None:
    """The model is warm on the device, was called at `rate` a second until now, and used at `used_at`."""
    slot = residency.begin_load(fleet, device, model)
    residency.warm(fleet, device, NOW)
    fleet.residents[device, slot]["used_at"] = used_at
    fleet.models[model]["rate_slow"], fleet.models[model]["rate_at"] = rate, NOW


def hold(fleet: Fleet, call: int, arrived: float) -> None:
    """The call waits since then."""
    queueing.arrived(fleet, call, arrived)
    queueing.hold(fleet, 0, call)


def at(kind: int, model: int = NONE, call: int = NONE) -> Point:
    """A decision at the first device."""
    return Point(kind, NONE if kind in (BIND, PLACE) else 0, model, call, 1, NOW)


def merit(fleet: Fleet, kind: int, candidate: int) -> float:
    """The candidate's score under the textbook's weights."""
    return float(merits.merit(fleet, at(kind), candidate, TEXTBOOK))


def changed(**values: float) -> np.ndarray:
    """The textbook's weights with some changed."""
    return np.array(list({**defaults(MeritWeight), **values}.values()))


def test_who_waited_longer_or_is_shorter_starts_first() -> None:
    fleet = fleet_of([1.0, 1.0, 1.0])
    for model, arrived in enumerate((90.0, 50.0, 50.0)):
        hold(fleet, model, arrived)
    fleet.calls[2]["predicted_units"] = 20.0
    longer, waited, large = (merit(fleet, START, model) for model in range(3))
    assert waited > longer
    assert waited > large
    assert waited == pytest.approx(log(50.0 + 1.2 + 1e-3) - log(1.2 + 1e-3))


def test_a_load_pays_for_many_who_waited_long_and_costs_by_time_memory_and_backlog() -> None:
    def demand(calls: int, arrived: float, **fields: float) -> float:
        fleet = fleet_of([2.0])
        for call in range(calls):
            hold(fleet, call, arrived)
        for name, value in fields.items():
            fleet.models[0][name] = value
        return merit(fleet, LOAD, 0)

    usual = demand(3, 90.0)
    assert demand(4, 90.0) > usual
    assert demand(3, 50.0) > usual
    assert demand(3, 90.0, load_s=9.0) < usual
    assert demand(3, 90.0, asleep=1) > usual, "waking takes less time than loading"
    assert demand(3, 90.0, replicas=2) > usual, "a backlog is shared by replicas"


def test_what_is_called_often_loads_slowly_is_small_and_was_used_lately_is_evicted_last() -> None:
    fleet = fleet_of([4.0] * 5)
    for model, (rate, used) in enumerate(((0.1, 50.0), (0.4, 50.0), (0.1, 99.0), (0.1, 50.0), (0.1, 50.0))):
        load(fleet, model, rate, used)
    fleet.models[3]["load_s"] = 20.0
    fleet.models[4]["memory_gb"] = 2.0
    usual, often, lately, slow, small = (merit(fleet, EVICT, model) for model in range(5))
    assert max(often, lately, slow, small) < usual


def test_a_call_goes_where_the_least_is_under_way_then_where_memory_is_emptiest() -> None:
    fleet = fleet_of([4.0, 4.0])
    load(fleet, 0)
    assert merit(fleet, BIND, 0) < merit(fleet, BIND, 1)
    fleet.devices[1]["outstanding_s"] = 3.0
    assert merit(fleet, BIND, 0) > merit(fleet, BIND, 1)
    assert merit(fleet, PLACE, 0) == merit(fleet, BIND, 0)


@pytest.mark.parametrize(
    ("units", "outstanding_s", "held"),
    [(50.0, 0.6, True), (50.0, 0.4, False), (2.0, 9.0, False)],
    ids=["heavy beside others", "heavy alone", "light beside others"],
)
def test_only_a_heavy_call_is_held_back_from_a_device_that_has_much_to_do(
    units: float, outstanding_s: float, held: bool
) -> None:
    fleet = fleet_of([1.0])
    load(fleet, 0)
    fleet.calls[0]["predicted_units"] = units
    fleet.devices[0]["outstanding_s"] = outstanding_s
    assert merits.held_back(fleet, at(BIND, 0, call=0), 0, TEXTBOOK) == held
    hold(fleet, 0, NOW)
    assert merits.held_back(fleet, at(START), 0, TEXTBOOK) == held
    assert not merits.held_back(fleet, at(LOAD), 0, TEXTBOOK)


@given(st.lists(st.tuples(st.sampled_from((2.0, 4.0, 8.0)), st.floats(0.0, 1.0)), min_size=1, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_making_room_takes_the_cheapest_memory_first_until_the_model_fits(
    residents: list[tuple[float, float]], data: st.DataObject
) -> None:
    size = data.draw(st.sampled_from((2.0, 10.0, 24.0)))
    fleet = fleet_of([*(gb for gb, _ in residents), size], weights_gb=40.0)
    for model, (_, rate) in enumerate(residents):
        load(fleet, model, rate)
    free = 40.0 - sum(gb for gb, _ in residents)
    expected, short = 0.0, size - free
    for gb, rate in sorted(residents, key=lambda one: one[1] * 4.0 / one[0]):
        if short <= 0.0:
            break
        short, expected = short - gb, expected + rate * 4.0
    lost = merits.lost(fleet, len(residents), 0, NOW)
    assert lost == pytest.approx(expected)
    if lost:
        enough = [
            sum(rate * 4.0 for _, rate in some)
            for count in range(len(residents) + 1)
            for some in combinations(residents, count)
            if sum(gb for gb, _ in some) >= size - free
        ]
        assert lost >= min(enough) - 1e-9, "nothing that makes room loses less than the least that does"


def test_room_that_is_free_costs_nothing_and_a_price_is_taken_where_a_model_is_placed_alone() -> None:
    fleet = fleet_of([30.0, 20.0])
    load(fleet, 0, rate=0.5)
    assert merits.eviction_price(fleet, at(PLACE, 1), 1, TEXTBOOK) == 0.0
    price = merits.eviction_price(fleet, at(PLACE, 1), 0, TEXTBOOK)
    assert price == pytest.approx(log(1.0 + 0.5 * 4.0 / LEAST_LOSS))
    assert merits.eviction_price(fleet, at(PLACE, 1), 0, changed(eviction_price=0.25)) == pytest.approx(price / 4)
    assert merits.eviction_price(fleet, at(BIND, 1), 0, TEXTBOOK) == 0.0


def test_several_replicas_share_what_their_loss_would_cost() -> None:
    fleet = fleet_of([5.0])
    load(fleet, 0, rate=1.0)
    alone = merits.reload_share(fleet, 0, NOW)
    load(fleet, 0, rate=1.0, device=1)
    assert merits.reload_share(fleet, 0, NOW) == pytest.approx(alone / 2)
    assert merits.reload_share(fleet, 0, NOW + SLOW_S) == pytest.approx(alone / 2 * exp(-1.0))


@given(st.floats(0.0, 100.0), st.floats(0.001, 5.0), st.floats(0.0, 1.0), st.integers(1, 64))
def test_a_full_batch_costs_each_call_less_than_a_device_of_its_own(
    units: float, a: float, b: float, slots: int
) -> None:
    assert features.pooled_s(units, a, b, float(slots)) <= features.solo_s(units, a, b) * (1 + 1e-12)
    assert features.solo_s(units, a, b) == pytest.approx(units * features.step_s(a, b, 1.0))
    together = features.joules_per_unit(300.0, a, b, float(slots))
    assert together <= features.joules_per_unit(300.0, a, b, 1.0) * (1 + 1e-12)


@given(st.floats(0.0, 1e4), st.floats(0.01, 1e3))
def test_a_response_ratio_is_one_at_once_and_grows_faster_for_the_short(waited: float, service: float) -> None:
    assert features.response_ratio(0.0, service) == 1.0
    assert features.response_ratio(waited, service) >= features.response_ratio(waited, 2 * service)


def test_sizes_of_models_follow_their_parameters() -> None:
    assert features.weights_gb(8.0, 16) == 16.0
    assert features.gflop_per_token(8.0) == 16.0
    assert features.kv_gb_per_token(32, 8, 128, 16) == pytest.approx(131_072e-9)
    assert features.load_seconds(20.0, 5.0, 4.0) == 8.0


@pytest.mark.parametrize(
    ("kind", "picked"),
    [(START, 1), (LOAD, 1), (EVICT, 2), (BIND, 1), (PLACE, 1)],
)
def test_what_a_policy_leaves_open_goes_by_age_by_last_use_and_by_load(kind: int, picked: int) -> None:
    fleet = fleet_of([2.0, 2.0, 2.0])
    for model, (arrived, used) in enumerate(((50.0, 30.0), (40.0, 20.0), (60.0, 10.0))):
        load(fleet, model, used_at=used)
        hold(fleet, model, arrived)
    fleet.devices[0]["outstanding_s"] = 5.0
    few = np.array([0, 1] if kind in (BIND, PLACE) else [0, 1, 2])
    assert picks.plain(fleet, at(kind), few, PARTS) == picked
