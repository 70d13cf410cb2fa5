"""The simulator's heaps and its tree of events against the standard library, and the power of a batch."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.lab.learn.simulator import machine as physics
from routing.lab.learn.simulator.machine import BATCH_ONE_SHARE, ENTRY, NEVER, Machine, machine_of
from routing.scheduler.fleet import FleetLimits, empty
from tests.routing.small_fleets import devices_of, models_of


def machine(devices: int) -> Machine:
    """A cold machine of so many devices."""
    return machine_of(empty(models_of(), devices_of([10.0] * devices), 1, FleetLimits()), np.ones(1))


@given(st.lists(st.one_of(st.sampled_from((0.0, 0.5, 1.0, 2.0)), st.none()), max_size=60))
def test_calls_of_a_batch_leave_by_progress_and_of_equals_by_number(steps: list[float | None]) -> None:
    heap, reference = np.zeros(len(steps) + 1, ENTRY), list[tuple[float, int]]()
    for call, key in enumerate(steps):
        if key is not None:
            physics.push(heap, len(reference), key, call)
            heapq.heappush(reference, (key, call))
        elif reference:
            assert physics.pop(heap, len(reference)) == heapq.heappop(reference)[1]
    while reference:
        assert physics.pop(heap, len(reference)) == heapq.heappop(reference)[1]


@given(st.integers(1, 9), st.data())
@settings(max_examples=60)
def test_the_next_event_is_the_earliest_and_of_equals_the_leftmost(devices: int, data: st.DataObject) -> None:
    one, times = machine(devices), [NEVER] * 2 * devices
    moves = st.tuples(st.integers(0, 2 * devices - 1), st.sampled_from((0.0, 1.0, 1.0, 2.0, 5.0, NEVER)))
    for leaf, at in data.draw(st.lists(moves, max_size=30)):
        physics.set_event(one, leaf, at)
        times[leaf] = at
        following = physics.next_event(one)
        assert physics.event_at(one, following) == min(times)
        if min(times) < NEVER:
            assert following == times.index(min(times))


def test_a_cold_machine_has_no_event() -> None:
    one = machine(5)
    assert physics.event_at(one, physics.next_event(one)) == NEVER


@pytest.mark.parametrize("slots", [1, 4, 256])
def test_a_full_batch_draws_all_its_power_and_a_single_call_most_of_it(slots: int) -> None:
    powers = [physics.power_w(400.0, running, slots) for running in range(1, slots + 1)]
    assert powers == sorted(powers)
    assert powers[-1] == pytest.approx(400.0)
    assert powers[0] == pytest.approx(400.0 * (BATCH_ONE_SHARE + (1 - BATCH_ONE_SHARE) / slots))


def test_an_idle_device_draws_its_idle_power_and_cools_down_to_it() -> None:
    one = machine(2)
    one.fleet.devices["celsius"] = 80.0
    physics.let_stand(one, 3600.0)
    assert one.devices["joules"] == pytest.approx(physics.IDLE_W * 3600.0)
    settled = physics.AMBIENT_C + physics.KELVIN_PER_W * physics.IDLE_W
    assert one.fleet.devices["celsius"] == pytest.approx(settled)
    assert not one.devices["useful_s"].any()
