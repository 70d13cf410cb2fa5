"""The scheduler core under random small fleets and hostile picks: nobody is lost or waits for ever, no mask breaks."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routing.lab.learn.workloads.traffic import Workload
from routing.policies import hrrn
from routing.scheduler import core as scheduler
from routing.scheduler import queueing, residency
from routing.scheduler.core import EVICT, LOAD, START, Point
from routing.scheduler.fleet import (
    DONE,
    EXPECTED,
    HELD,
    LOADING,
    NONE,
    OCCUPANCY,
    RUNNING,
    WARM,
    Fleet,
    FleetLimits,
    empty,
)
from tests.routing.small_fleets import (
    Pick,
    Run,
    by_lot,
    devices_of,
    drive,
    first,
    last,
    limits,
    models_of,
    workload_of,
    workloads,
)

TINY_GB = 1e-6
NEXT = {EXPECTED: {HELD, RUNNING}, HELD: {RUNNING}, RUNNING: {DONE}, DONE: set()}
WEIGHTS, MEMORY, PARTS = np.array(list(hrrn.WEIGHTS.values())), np.zeros(8), np.zeros((16, 6))


def ratio(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
    """The highest response ratio; the oldest call if policies bind early."""
    if fleet.state[0]["early"]:
        return first(fleet, point, candidates)
    return int(hrrn.pick(fleet, point, candidates, WEIGHTS, MEMORY, PARTS))


def contrary(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
    """Whoever came last; the resident used last leaves; the device with the most to do."""
    if point.kind in (START, LOAD):
        scope = point.device if fleet.state[0]["early"] else 0
        return int(max(candidates, key=lambda one: fleet.calls[fleet.queues[scope, one]["head"]]["arrived"]))
    if point.kind == EVICT:
        places = fleet.places[candidates, point.device]
        return int(candidates[np.argmax(fleet.residents[point.device, places]["used_at"])])
    return int(candidates[np.argmax(fleet.devices[candidates]["outstanding_s"])])


PICKS: dict[str, Callable[[], Pick]] = {
    "ratio": lambda: ratio,
    "first": lambda: first,
    "last": lambda: last,
    "contrary": lambda: contrary,
    "by lot": lambda: by_lot(1),
    "refusing": lambda: by_lot(2, refuses=0.3),
    "always refusing": lambda: by_lot(3, refuses=1.0),
}


class Auditor:
    """Counts everything anew after every event and every decision, and holds it against what the scheduler believes."""

    def __init__(self) -> None:
        self.state: NDArray[Any] | None = None

    def __call__(self, run: Run, point: Point | None, candidates: NDArray[np.int64]) -> None:
        """One look."""
        fleet = run.machine.fleet
        if point is not None:
            assert len(candidates) == len(set(candidates.tolist())) > 0
            self.overdue_go_first(fleet, point, candidates)
        self.transitions(fleet)
        devices_add_up(fleet)
        models_add_up(fleet)
        queues_add_up(fleet)

    def transitions(self, fleet: Fleet) -> None:
        """No call is lost, run twice or run where none may."""
        now = fleet.calls["state"].copy()
        before = np.zeros_like(now) if self.state is None else self.state
        moved = np.flatnonzero(now != before)
        assert np.count_nonzero(now[moved] != HELD) <= 1
        assert all(now[call] in NEXT[before[call]] for call in moved)
        drained = fleet.devices["drained"]
        for call in moved[now[moved] == RUNNING]:
            assert drained.all() or not drained[fleet.calls[call]["device"]]
        self.state = now

    def overdue_go_first(self, fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> None:
        """Once somebody's patience has run out, no other choice is offered."""
        if point.kind not in (START, LOAD) or self.state is None:
            return
        waiting = np.flatnonzero((self.state == HELD) & np.isin(fleet.calls["model"], candidates))
        if not fleet.state[0]["early"] and len(candidates) > 1:
            assert (point.now - fleet.calls["arrived"][waiting] <= fleet.state[0]["patience_s"] + 1e-9).all()


def devices_add_up(fleet: Fleet) -> None:
    """Memory, slots, active models and loaders of every device, and the fleet's duty."""
    calls, devices, residents, state = fleet.calls, fleet.devices, fleet.residents, fleet.state[0]
    running = np.flatnonzero(calls["state"] == RUNNING)
    where, place = calls["device"][running], calls["place"][running]
    batches = np.zeros(residents.shape, np.int64)
    np.add.at(batches, (where, place), 1)
    taken = residents["model"] != NONE
    assert (residents["running"] == batches).all()
    assert (residents["model"][where, place] == calls["model"][running]).all()
    assert (residents["state"][batches > 0] == WARM).all()
    allowed = np.maximum(1, (OCCUPANCY * fleet.models["slots"]).astype(int))
    assert (batches[taken] <= allowed[residents["model"][taken]]).all()
    weights = np.where(taken, fleet.models["memory_gb"][residents["model"]], 0.0).sum(axis=1)
    cache = np.minimum(
        calls["predicted_units"] * fleet.models["kv_gb_per_unit"][calls["model"]],
        (devices["memory_gb"] - devices["weights_gb"])[calls["device"]],
    )[running]
    assert np.allclose(devices["used_weights_gb"], weights, atol=TINY_GB)
    assert np.allclose(devices["used_gb"], weights + np.bincount(where, cache, len(devices)), atol=TINY_GB)
    assert (devices["used_weights_gb"] <= devices["weights_gb"] + TINY_GB).all()
    assert (devices["used_gb"] <= devices["memory_gb"] + TINY_GB).all()
    assert (devices["running"] == batches.sum(axis=1)).all()
    assert (devices["active"] == (batches > 0).sum(axis=1)).all()
    assert (devices["active"] <= state["max_active"]).all()
    assert state["busy"] == np.count_nonzero(devices["running"]) <= state["most_busy"]
    loading = residents["state"] == LOADING
    assert (loading.sum(axis=1) == (devices["loading"] != NONE)).all()
    assert (residents["model"][loading] == devices["loading"][devices["loading"] != NONE]).all()
    assert devices["drained"].all() or not (devices["drained"] & (devices["loading"] != NONE)).any()


def models_add_up(fleet: Fleet) -> None:
    """Where each model is, in which state, how many of its calls wait and run, and who sleeps in host memory."""
    calls, models, residents, state = fleet.calls, fleet.models, fleet.residents, fleet.state[0]
    count = len(models)
    for name, phase in (("waiting", HELD), ("running", RUNNING)):
        assert (models[name] == np.bincount(calls["model"][calls["state"] == phase], minlength=count)).all()
    for name, phase in (("replicas", WARM), ("loading", LOADING)):
        here = residents["model"][(residents["state"] == phase) & (residents["model"] != NONE)]
        assert (models[name] == np.bincount(here, minlength=count)).all()
    for model, device in zip(*np.nonzero(fleet.places != NONE), strict=True):
        assert residents[device, fleet.places[model, device]]["model"] == model
    assert np.count_nonzero(fleet.places != NONE) == np.count_nonzero(residents["model"] != NONE)
    asleep = models["memory_gb"][models["asleep"] == 1].sum()
    assert abs(state["host_gb"] - asleep) < TINY_GB
    assert asleep <= state["host_limit_gb"] + TINY_GB


def queues_add_up(fleet: Fleet) -> None:
    """Every held call stands in one queue, behind those of its model that came before it."""
    seen: list[int] = []
    for scope in range(len(fleet.queues)):
        listed = fleet.queues[scope, : fleet.devices[scope]["waiting_models"]]["waiting"].tolist()
        assert sorted(listed) == np.flatnonzero(fleet.queues[scope]["count"] > 0).tolist()
        for model in listed:
            line = [int(fleet.queues[scope, model]["head"])]
            while len(line) < fleet.queues[scope, model]["count"]:
                line.append(int(fleet.calls[line[-1]]["next"]))
            assert line[-1] == fleet.queues[scope, model]["tail"]
            assert (fleet.calls["model"][line] == model).all()
            assert line == sorted(line)
            seen += line
    held = np.flatnonzero(fleet.calls["state"] == HELD).tolist()
    assert sorted(seen) == held
    assert fleet.state[0]["held"] == len(held)


@settings(max_examples=200, deadline=None)
@given(workload=workloads(), told=limits(), name=st.sampled_from(sorted(PICKS)))
def test_everybody_is_served_once_and_no_mask_ever_breaks(workload: Workload, told: FleetLimits, name: str) -> None:
    run = drive(workload, told, PICKS[name](), Auditor())
    assert run.left == []
    assert (run.calls["finished"] >= run.calls["started"]).all()
    assert (run.calls["started"] >= run.calls["arrived"]).all()


@settings(max_examples=500, deadline=None)
@given(workload=workloads(most_calls=40), told=limits(), name=st.sampled_from(sorted(PICKS)))
def test_nobody_waits_for_ever(workload: Workload, told: FleetLimits, name: str) -> None:
    assert drive(workload, told, PICKS[name]()).left == []


@settings(max_examples=30, deadline=None)
@given(workload=workloads(), told=limits(), name=st.sampled_from(sorted(PICKS)))
def test_the_same_picks_give_the_same_run_to_the_bit(workload: Workload, told: FleetLimits, name: str) -> None:
    runs = [drive(workload, told, PICKS[name]()) for _ in range(2)]
    assert runs[0].decisions == runs[1].decisions
    assert runs[0].calls.tobytes() == runs[1].calls.tobytes()
    assert runs[0].machine.devices.tobytes() == runs[1].machine.devices.tobytes()


def test_a_loader_looks_again_once_a_resident_it_could_not_evict_is_idle_for_good() -> None:
    """Device 1 keeps model 0 for calls that device 0 serves in the end; then model 1 fits on device 1 only."""
    models = models_of(memory_gb=[1.0, 16.0], slots=4)
    calls = [(0.0, 0, 1.0)] * 4 + [(0.0, 1, 1.0)]
    run = drive(workload_of(models, devices_of([10.0, 16.0]), calls), FleetLimits(patience_s=1e9), first)
    assert run.left == []


def test_a_loader_looks_further_once_the_model_it_was_claimed_for_is_served_elsewhere() -> None:
    """Device 0 is claimed for model 3, which device 1 loads first; model 4 fits on device 0 only."""
    models = models_of(memory_gb=[7.0, 9.0, 1.0, 10.0, 16.0])
    calls = [(0.0, 0, 50.0), (0.1, 1, 12.0), (1.5, 2, 3.0), (2.0, 3, 1.0), (20.0, 4, 1.0)]
    workload = workload_of(models, devices_of([16.0, 10.0, 10.0], drained=[0, 0, 1]), calls)
    assert drive(workload, FleetLimits(patience_s=5.0, replicate=50.0), first).left == []


def test_a_model_that_is_warm_on_a_drained_device_only_is_loaded_elsewhere() -> None:
    workload = workload_of(models_of(), devices_of([10.0, 10.0]), [(0.0, 0, 1.0), (20.0, 0, 1.0)])

    def drain(run: Run, point: Point | None, candidates: NDArray[np.int64]) -> None:
        if run.calls[0]["state"] == DONE and run.machine.fleet.state[0]["usable"] == 2:
            scheduler.drain(run.machine.fleet, run.calls[0]["device"], True, run.machine.fleet.state[0]["now"])

    assert drive(workload, FleetLimits(patience_s=10.0), first, drain, again=5).left == []


def test_host_memory_is_counted_without_drift() -> None:
    fleet = empty(models_of(memory_gb=[0.2, 0.1, 0.3, 0.6]), devices_of([10.0]), 1, FleetLimits(host_gb=0.6))
    for model in (2, 2, 0, 3, 1, 1, 3):
        if fleet.places[model, 0] != NONE:
            residency.evict(fleet, 0, model)
        else:
            residency.begin_load(fleet, 0, model)
            residency.warm(fleet, 0, 0.0)
    models_add_up(fleet)


def waiting_fleet(waiting: int, replicas: int) -> Fleet:
    """Four devices that may compute all but one; model 0 is warm on the first `replicas`, calls of 45 s wait for it."""
    fleet = empty(models_of(), devices_of([10.0] * 4), 8, FleetLimits(replicate=1.0, calls_per_replica=2.0))
    fleet.calls["predicted_units"] = 45.0
    for device in range(replicas):
        residency.begin_load(fleet, device, 0)
        residency.warm(fleet, device, 0.0)
    for call in range(waiting):
        queueing.hold(fleet, 0, call)
    return fleet


def test_a_busy_fleet_loads_another_replica_for_many_calls_only() -> None:
    wanted = {}
    for waiting in (1, 2, 3):
        fleet = waiting_fleet(waiting, replicas=1)
        for busy in (0, fleet.state[0]["most_busy"]):
            fleet.state[0]["busy"] = busy
            wanted[waiting, busy > 0] = bool(residency.wants_replica(fleet, 0))
    assert wanted == {
        (1, False): True,
        (2, False): True,
        (3, False): True,
        (1, True): False,
        (2, True): False,
        (3, True): True,
    }
    fleet = waiting_fleet(1, replicas=0)
    fleet.state[0]["busy"] = fleet.state[0]["most_busy"]
    assert residency.wants_replica(fleet, 0)


def test_an_idle_replica_may_leave_where_the_others_take_all_that_wait() -> None:
    found = [bool(residency.evictable(waiting_fleet(waiting, replicas=3), 0, 0)) for waiting in range(5)]
    assert found == [True, True, True, False, False]
    assert not residency.evictable(waiting_fleet(1, replicas=1), 0, 0)
