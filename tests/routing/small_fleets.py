"""Small fleets and workloads, made by hand or drawn at random, and a driver that lets a test see every decision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.machine import Machine
from routing.lab.learn.simulator.simulation import ReadyPolicy, prepared
from routing.lab.learn.workloads.traffic import Workload
from routing.scheduler import core as scheduler
from routing.scheduler.core import REST, Point
from routing.scheduler.fleet import DEVICE, DONE, LOADING, MODEL, NONE, Fleet, FleetLimits

Pick = Callable[[Fleet, Point, NDArray[np.int64]], int]
MOST_DECISIONS = 20_000


def models_of(**fields: Any) -> NDArray[Any]:
    """Models of 1 GB that load in a second, wake in a quarter of that, and do one call at once, a unit a second."""
    given = {"memory_gb": 1.0, "load_s": 1.0, "step_a": 1.0, "step_b": 0.0, "slots": 1, "watts": 500.0, **fields}
    models = np.zeros(max(np.size(value) for value in given.values()), MODEL)
    for name, value in given.items():
        models[name] = value
    if "wake_s" not in fields:
        models["wake_s"] = models["load_s"] / 4.0
    return models


def devices_of(weights_gb: Sequence[float], cache_gb: float = 0.0, **fields: Any) -> NDArray[Any]:
    """Devices of speed 1 that take so many GB of weights, and `cache_gb` beside them."""
    devices = np.zeros(len(weights_gb), DEVICE)
    devices["weights_gb"], devices["speed"] = weights_gb, 1.0
    devices["memory_gb"] = devices["weights_gb"] + cache_gb
    for name, value in fields.items():
        devices[name] = value
    return devices


def workload_of(
    models: NDArray[Any], devices: NDArray[Any], calls: Sequence[tuple[float, int, float]], host_gb: float = 0.0
) -> Workload:
    """Calls (seconds, model, units) in order of their time; every size is guessed right."""
    at, model, units = (np.array(column) for column in zip(*sorted(calls), strict=True))
    units = units.astype(np.float64)
    return Workload(models, devices, at.astype(np.float64), model.astype(np.int64), units, units.copy(), host_gb)


@dataclass
class Run:
    """What a driver saw: decisions as (kind, device, candidate, now), and loads as (device, begin, end)."""

    machine: Machine
    decisions: list[tuple[int, int, int, float]] = field(default_factory=list)
    loads: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def calls(self) -> NDArray[Any]:
        """The calls' records."""
        return self.machine.fleet.calls

    @property
    def left(self) -> list[int]:
        """Calls never answered."""
        return [int(call) for call in np.flatnonzero(self.calls["state"] != DONE)]


Watch = Callable[[Run, Point | None, NDArray[np.int64]], None]


def drive(
    workload: Workload,
    limits: FleetLimits,
    pick: Pick,
    watch: Watch = lambda run, point, candidates: None,
    again: int = 0,
) -> Run:
    """Run event by event. `watch` hears of each event (no point) and of each decision once it is carried out.

    If nothing is left to happen and calls wait, every device is looked at again, at most `again` times.
    """
    machine, clock, buffers = prepared(workload, ReadyPolicy("", None, np.zeros(1), limits))
    run, fleet = Run(machine), machine.fleet
    while True:
        if not simulator.step(machine, clock):
            if again == 0 or not run.left:
                return run
            again -= 1
            for device in range(len(fleet.devices)):
                scheduler.look_again(fleet, device, float(fleet.state[0]["now"]))
        watch(run, None, buffers.candidates[:0])
        decide(run, pick, watch, buffers.candidates)


def decide(run: Run, pick: Pick, watch: Watch, candidates: NDArray[np.int64]) -> None:
    """Let `pick` decide until the scheduler rests; if it may not refuse, a refusal counts as the first candidate."""
    fleet = run.machine.fleet
    point = scheduler.next_point(fleet, candidates)
    while point.kind != REST:
        few = candidates[: point.count].copy()
        candidate = int(scheduler.settled(fleet, point, few, pick(fleet, point, few)))
        before = fleet.devices["loading"].copy()
        simulator.carry_out(run.machine, point, candidate)
        run.decisions.append((point.kind, point.device, candidate, point.now))
        assert len(run.decisions) < MOST_DECISIONS, "the scheduler never rests"
        for device in np.flatnonzero(fleet.devices["loading"] != before):
            run.loads.append((int(device), point.now, float(fleet.devices[device]["loader_until"])))
            slot = fleet.places[fleet.devices[device]["loading"], device]
            assert fleet.residents[device, slot]["state"] == LOADING
        watch(run, point, few)
        point = scheduler.next_point(fleet, candidates)


def first(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
    """The first candidate."""
    return int(candidates[0])


def last(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
    """The last candidate."""
    return int(candidates[-1])


def by_lot(seed: int, refuses: float = 0.0) -> Pick:
    """Any candidate; none in a share `refuses` of the decisions."""
    rng = np.random.default_rng(seed)

    def pick(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
        return NONE if rng.random() < refuses else int(rng.choice(candidates))

    return pick


SIZES_GB, TENTHS_GB = (1.0, 2.0, 3.0, 5.0, 9.0, 9.5, 10.0, 16.0), (0.1, 0.2, 0.3, 0.7, 2.1, 6.7)


@st.composite
def workloads(draw: st.DrawFn, most_calls: int = 24, most_devices: int = 5, most_models: int = 8) -> Workload:
    """Bursts and equal times on a few devices, some drained, models that need next to nothing or a whole device."""
    devices = draw(fleets(most_devices))
    opened = devices["drained"] == 0
    largest = float(devices["weights_gb"][opened if opened.any() else slice(None)].max())
    count = draw(st.integers(1, most_models))

    def column(values: Sequence[float]) -> NDArray[np.float64]:
        return np.array(draw(st.lists(st.sampled_from(values), min_size=count, max_size=count)))

    models = models_of(
        memory_gb=np.minimum(column(draw(st.sampled_from((SIZES_GB, TENTHS_GB)))), largest),
        load_s=column((0.5, 1.0, 4.0, 20.0)),
        step_a=column((0.01, 0.1, 1.0)),
        step_b=column((0.0, 0.05, 1.0)),
        slots=column((1, 2, 3, 4)),
        kv_gb_per_unit=column((0.0, 0.02, 0.2, 1.0)),
    )
    moments = draw(st.sampled_from(((0.0,), (0.0, 1.0, 1.0, 2.0), (0.0, 0.3, 5.0, 30.0), tuple(range(0, 300, 7)))))
    call = st.tuples(st.sampled_from(moments), st.integers(0, count - 1), st.sampled_from((0.1, 1.0, 3.0, 10.0, 50.0)))
    calls = draw(st.lists(call, min_size=1, max_size=most_calls))
    return workload_of(models, devices, calls, draw(st.sampled_from((0.0, 0.3, 5.0, 20.0))))


@st.composite
def fleets(draw: st.DrawFn, most: int) -> NDArray[Any]:
    """Devices of 10 or 16 GB, of speed 1 or 2."""
    count = draw(st.integers(1, most))

    def column(values: Sequence[float]) -> list[float]:
        return draw(st.lists(st.sampled_from(values), min_size=count, max_size=count))

    drained = column((0, 0, 0, 1)) if draw(st.booleans()) else 0
    cache = draw(st.sampled_from((0.0, 1.0, 4.0)))
    return devices_of(column((10.0, 16.0)), cache, speed=column((1.0, 1.0, 2.0)), drained=drained)


def limits() -> st.SearchStrategy[FleetLimits]:
    """What the scheduler may be told."""
    return st.builds(
        FleetLimits,
        max_active=st.integers(1, 3),
        replicate=st.sampled_from((0.0, 0.1, 2.0, 50.0)),
        calls_per_replica=st.sampled_from((0.0, 0.5, 2.0, 5.0)),
        patience_s=st.sampled_from((0.0, 1.0, 10.0, 300.0, 1e9)),
        early=st.booleans(),
    )
