"""Queues inside the fleet's arrays against plain deques: order, counts and work, and the rings of devices."""

from collections import deque
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.scheduler import queueing
from routing.scheduler.fleet import HELD, Fleet, FleetLimits, empty
from routing.scheduler.queueing import FAST_S, SLOW_S
from tests.routing.small_fleets import devices_of, models_of

MODELS, DEVICES, CALLS = 4, 3, 40
STEPS_S = np.array([0.5, 1.0, 2.0, 4.0])


def fleet_of(early: bool = False) -> Fleet:
    """Four models, three devices and forty calls of one to five units, all powers and halves that add up exactly."""
    fleet = empty(models_of(step_a=STEPS_S), devices_of([10.0] * DEVICES), CALLS, FleetLimits(early=early))
    fleet.calls["model"] = np.arange(CALLS) % MODELS
    fleet.calls["predicted_units"] = np.arange(CALLS) % 5 + 1.0
    return fleet


def work_s(call: int) -> float:
    """Predicted seconds of a call."""
    return float(STEPS_S[call % MODELS] * (call % 5 + 1))


def agrees(fleet: Fleet, waiting: dict[tuple[int, int], deque[int]]) -> None:
    """Every count in the arrays is what the deques say."""
    for scope in range(len(fleet.queues)):
        some = {model for (where, model), calls in waiting.items() if where == scope and calls}
        count = int(fleet.devices[scope]["waiting_models"])
        assert set(fleet.queues[scope, :count]["waiting"].tolist()) == some
        assert count == len(some)
        for model in range(MODELS):
            calls = waiting.get((scope, model), deque())
            queue = fleet.queues[scope, model]
            assert queue["count"] == len(calls)
            assert queue["work_s"] == sum(map(work_s, calls))
            if calls:
                assert queue["head"] == calls[0]
                assert queue["tail"] == calls[-1]
                assert fleet.queues[scope, queue["place"]]["waiting"] == model
    for model in range(MODELS):
        calls = deque(call for (_, one), some in waiting.items() if one == model for call in some)
        assert fleet.models[model]["waiting"] == len(calls)
        assert fleet.models[model]["waiting_work"] == sum(map(work_s, calls))
    assert fleet.state[0]["held"] == sum(map(len, waiting.values()))


STEPS = st.lists(st.tuples(st.sampled_from(("hold", "take")), st.integers(0, DEVICES - 1), st.integers(0, MODELS - 1)))


@given(STEPS, st.booleans())
def test_queues_are_first_in_first_out_and_every_count_follows(steps: list[tuple[str, int, int]], early: bool) -> None:
    fleet, waiting, free = fleet_of(early), dict[tuple[int, int], deque[int]](), list(range(CALLS))
    for verb, device, model in steps:
        scope = device if early else 0
        calls = waiting.setdefault((scope, model), deque())
        if verb == "hold":
            call = next((one for one in free if one % MODELS == model), None)
            if call is None:
                continue
            free.remove(call)
            queueing.hold(fleet, scope, call)
            calls.append(call)
            assert fleet.calls[call]["state"] == HELD
        elif calls:
            assert queueing.take(fleet, scope, model) == calls.popleft()
        agrees(fleet, waiting)


@given(st.lists(st.tuples(st.sampled_from(("hold", "take")), st.integers(0, DEVICES - 1)), max_size=20))
def test_work_in_line_of_a_device_is_counted_only_if_calls_are_bound_early(steps: list[tuple[str, int]]) -> None:
    early, late = fleet_of(early=True), fleet_of()
    lines: list[deque[int]] = [deque() for _ in range(DEVICES)]
    for number, (verb, device) in enumerate(steps):
        call = 4 * number
        if verb == "hold" and call < CALLS:
            queueing.hold(early, device, call)
            queueing.hold(late, 0, call)
            lines[device].append(call)
        elif verb == "take" and lines[device]:
            assert queueing.take(early, device, 0) == lines[device].popleft()
    assert early.devices["queued"].tolist() == [len(line) for line in lines]
    assert early.devices["queued_s"].tolist() == [sum(map(work_s, line)) for line in lines]
    assert not late.devices["queued"].any()
    assert not late.devices["queued_s"].any()


@given(st.lists(st.one_of(st.integers(0, DEVICES - 1), st.just(-1))))
def test_devices_decide_in_the_order_in_which_they_came_in_line_each_once(steps: list[int]) -> None:
    fleet, line = fleet_of(), deque[int]()
    for device in steps:
        if device >= 0:
            queueing.stand_in_line(fleet, device)
            if device not in line:
                line.append(device)
        elif line:
            assert fleet.devices[fleet.state[0]["line_head"]]["line"] == line.popleft()
            queueing.step_out_of_line(fleet)
        assert bool(queueing.somebody_in_line(fleet)) == bool(line)
        assert fleet.devices["in_line"].tolist() == [one in line for one in range(DEVICES)]


@given(st.lists(st.one_of(st.integers(0, DEVICES - 1), st.just(-1))))
def test_blocked_devices_come_back_in_order_with_everything_to_decide(steps: list[int]) -> None:
    fleet, blocked = fleet_of(), deque[int]()
    for device in steps:
        if device >= 0:
            queueing.block(fleet, device)
            if device not in blocked:
                blocked.append(device)
            continue
        queueing.unblock(fleet)
        if blocked:
            back = blocked.popleft()
            assert fleet.devices[back]["start_due"] == fleet.devices[back]["load_due"] == 1
            assert fleet.devices[back]["in_line"] == 1
    assert fleet.devices["blocked"].tolist() == [one in blocked for one in range(DEVICES)]


def test_a_blocked_device_decides_once_the_fleet_is_less_busy_and_nobody_else_is_in_line() -> None:
    fleet = fleet_of()
    fleet.state["busy"] = fleet.state["most_busy"]
    queueing.block(fleet, 1)
    assert not queueing.somebody_in_line(fleet)
    fleet.state["busy"] -= 1
    assert queueing.somebody_in_line(fleet)
    assert fleet.devices[fleet.state[0]["line_head"]]["line"] == 1


@given(st.lists(st.floats(0.0, 500.0), min_size=1, max_size=20))
def test_arrival_rates_forget_exponentially(gaps: list[float]) -> None:
    fleet = fleet_of()
    times = np.cumsum(gaps).tolist()
    for now in times:
        queueing.arrived(fleet, 0, now)
    model = fleet.models[0]
    for name, constant in (("rate_fast", FAST_S), ("rate_slow", SLOW_S)):
        assert model[name] == pytest.approx(sum(exp(-(times[-1] - at) / constant) for at in times) / constant)
    assert fleet.calls[0]["arrived"] == model["rate_at"] == times[-1]
