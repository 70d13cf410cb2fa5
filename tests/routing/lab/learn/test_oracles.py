"""The simulator against what others know: simpy, a fluid integrator, hand-made times, queueing theory, physics."""

from collections.abc import Generator
from math import exp, factorial
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.machine import (
    AMBIENT_C,
    CONTENTION,
    CONTEXT_W,
    HEAT_S,
    HOT_C,
    HOT_CLOCK,
    IDLE_W,
    KELVIN_PER_W,
    let_stand,
)
from routing.lab.learn.simulator.simulation import ReadyPolicy, simulate
from routing.lab.learn.workloads.traffic import SCENARIOS, Workload, at_size, synthetic
from routing.policies import hrrn
from routing.scheduler.core import BIND, LOAD, START, Point
from routing.scheduler.fleet import Fleet, FleetLimits
from tests.routing.small_fleets import (
    Run,
    by_lot,
    devices_of,
    drive,
    limits,
    models_of,
    workload_of,
    workloads,
)

NO_TIME_S = 1e-9
"""A load this short does not move anything that is compared."""
IN_ORDER = simulator.in_machine_code(hrrn.pick)
WEIGHTS = np.array(list(hrrn.WEIGHTS.values()))


def oldest(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
    """First come, first served; the model's home if its call binds early."""
    if point.kind == BIND and fleet.state[0]["early"]:
        return int(fleet.models[point.model]["home"])
    if point.kind not in (START, LOAD):
        return int(candidates[0])
    scope = point.device if fleet.state[0]["early"] else 0
    return int(min(candidates, key=lambda one: fleet.calls[fleet.queues[scope, one]["head"]]["arrived"]))


def random_calls(rng: np.random.Generator, count: int, models: int, seconds: float) -> list[tuple[float, int, float]]:
    """Calls at distinct times."""
    at, units = np.sort(rng.uniform(0.0, seconds, count)), rng.exponential(1.0, count)
    return [(float(a), int(rng.integers(models)), float(u)) for a, u in zip(at, units, strict=True)]


def in_simpy(workload: Workload, servers: list[simpy.Resource], env: simpy.Environment) -> NDArray[np.float64]:
    """When each call ends if model m's calls queue at servers[m], first come first served."""
    ends = np.zeros(len(workload.at))

    def call(number: int) -> Generator[simpy.Event, Any, None]:
        yield env.timeout(workload.at[number])
        with servers[workload.model[number]].request() as turn:
            yield turn
            yield env.timeout(workload.units[number])
        ends[number] = env.now

    for number in range(len(ends)):
        env.process(call(number))
    env.run()
    return ends


@pytest.mark.parametrize("seed", range(5))
def test_devices_with_a_queue_each_end_calls_when_simpy_does(seed: int) -> None:
    """Six models live on three of four devices, so that three may compute at once; one call at a time on each."""
    rng = np.random.default_rng(seed)
    models = models_of(load_s=NO_TIME_S, home=[0, 1, 2, 0, 1, 2])
    workload = workload_of(models, devices_of([10.0] * 4), random_calls(rng, 300, 6, 110.0))
    run = drive(workload, FleetLimits(max_active=1, early=True, patience_s=1e9), oldest)
    env = simpy.Environment()
    servers = [simpy.Resource(env) for _ in range(3)]
    ends = in_simpy(workload, [servers[home] for home in models["home"]], env)
    assert np.allclose(run.calls["finished"], ends, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_devices_with_one_queue_end_calls_when_simpy_does(seed: int) -> None:
    """One model on all five devices, of which four (95 %) may compute at once: four servers, one queue."""
    rng = np.random.default_rng(seed)
    workload = workload_of(models_of(load_s=NO_TIME_S), devices_of([10.0] * 5), random_calls(rng, 400, 1, 110.0))
    run = drive(workload, FleetLimits(max_active=1, replicate=0.0, calls_per_replica=0.0, patience_s=1e9), oldest)
    env = simpy.Environment()
    ends = in_simpy(workload, [simpy.Resource(env, capacity=4)], env)
    assert np.allclose(run.calls["finished"], ends, rtol=0.0, atol=1e-5)


def test_one_device_loads_runs_and_evicts_at_the_times_worked_out_by_hand() -> None:
    """6 GB each on 10 GB: load 0-2, run 2-6, evict, load 6-9, run 9-14, evict, load 14-16, run 16-20."""
    models = models_of(memory_gb=6.0, load_s=[2.0, 3.0])
    workload = workload_of(models, devices_of([10.0]), [(0.0, 0, 4.0), (1.0, 1, 5.0), (10.0, 0, 4.0)])
    run = drive(workload, FleetLimits(), oldest)
    assert run.calls["started"] == pytest.approx([2.0, 9.0, 16.0])
    assert run.calls["finished"] == pytest.approx([6.0, 14.0, 20.0])
    assert run.loads == [(0, 0.0, 2.0), (0, 6.0, 9.0), (0, 14.0, 16.0)]
    assert run.machine.fleet.state[0]["evictions"] == 2


def test_a_model_that_sleeps_in_host_memory_wakes_in_its_wake_time() -> None:
    """As above with 12 GB of host memory: model 0 sleeps from 6 and wakes from 14 to 14.5."""
    models = models_of(memory_gb=6.0, load_s=[2.0, 3.0], wake_s=0.5)
    calls = [(0.0, 0, 4.0), (1.0, 1, 5.0), (10.0, 0, 4.0)]
    run = drive(workload_of(models, devices_of([10.0]), calls, host_gb=12.0), FleetLimits(host_gb=12.0), oldest)
    assert run.calls["finished"] == pytest.approx([6.0, 14.0, 18.5])
    assert run.machine.fleet.state[0]["wakes"] == 1


def test_two_models_share_a_device_and_a_load_slows_it_at_the_times_worked_out_by_hand() -> None:
    """A alone beside B's load 2-5 does 0.9 a second; 1.3 of it are left; halved, it ends at 7.6; B, alone, at 11.3."""
    models = models_of(memory_gb=4.0, load_s=[2.0, 3.0])
    workload = workload_of(models, devices_of([10.0]), [(0.0, 0, 4.0), (1.0, 1, 5.0)])
    run = drive(workload, FleetLimits(), oldest)
    assert CONTENTION == 0.9
    assert run.calls["finished"] == pytest.approx([7.6, 11.3])


def fluid(run: Run, workload: Workload, device: int) -> dict[int, float]:
    """When the device's calls end, given when they started and what was loaded: every call followed by itself."""
    model = workload.models[workload.model]
    waiting = sorted(
        np.flatnonzero(run.calls["device"] == device).tolist(), key=lambda call: run.calls["started"][call]
    )
    changes = sorted({t for where, begin, end in run.loads if where == device for t in (begin, end)})
    left: dict[int, float] = {}
    ends: dict[int, float] = {}
    now = 0.0
    while waiting or left:
        batch = {one: [workload.model[call] for call in left].count(one) for one in workload.model[list(left)]}
        loading = any(where == device and begin <= now < end for where, begin, end in run.loads)
        speed = workload.devices["speed"][device] * (CONTENTION if loading else 1.0) / max(1, len(batch))
        rate = {c: speed / (model["step_a"][c] + model["step_b"][c] * batch[workload.model[c]]) for c in left}
        then = min([now + left[call] / rate[call] for call in left], default=np.inf)
        coming = [t for t in changes if t > now] + [run.calls["started"][call] for call in waiting]
        until = min([then, *coming])
        left = {call: work - rate[call] * (until - now) for call, work in left.items()}
        ends |= {call: until for call, work in left.items() if work < 1e-9}
        left = {call: work for call, work in left.items() if call not in ends}
        now = until
        while waiting and run.calls["started"][waiting[0]] <= now:
            left[waiting[0]] = workload.units[waiting[0]]
            waiting.pop(0)
    return ends


@settings(max_examples=60, deadline=None)
@given(workload=workloads(), told=limits(), seed=st.integers(0, 9))
def test_batches_that_share_devices_end_when_a_fluid_integrator_says(
    workload: Workload, told: FleetLimits, seed: int
) -> None:
    run = drive(workload, told, by_lot(seed))
    for device in range(len(workload.devices)):
        for call, end in fluid(run, workload, device).items():
            assert run.calls["finished"][call] == pytest.approx(end, abs=1e-6)


def erlang_wait(servers: int, arrivals: float, service: float) -> float:
    """Mean wait of M/M/c: the chance to wait (Erlang C) over the spare rate."""
    load = arrivals / service
    last = load**servers / factorial(servers) * servers / (servers - load)
    rng = last / (sum(load**k / factorial(k) for k in range(servers)) + last)
    return rng / (servers * service - arrivals)


def poisson(seed: int, calls: int, rate: float, models: NDArray[Any], devices: int) -> Workload:
    """Poisson arrivals of one model whose calls take a second on average."""
    rng = np.random.default_rng(seed)
    at, units = np.cumsum(rng.exponential(1.0 / rate, calls)), rng.exponential(1.0, calls)
    return Workload(models, devices_of([10.0] * devices), at, np.zeros(calls, np.int64), units, units.copy())


def seen_over_seeds(rate: float, models: NDArray[Any], devices: int, told: FleetLimits) -> NDArray[np.float64]:
    """Mean latency less mean size of eight runs of 60,000 calls, without the first tenth."""
    waits = []
    for seed in range(8):
        workload = poisson(seed, 60_000, rate, models, devices)
        latency = simulate(workload, ReadyPolicy("", IN_ORDER, WEIGHTS, told)).latency
        waits.append(float(np.mean(latency[6000:]) - np.mean(workload.units[6000:])))
    return np.array(waits)


@pytest.mark.parametrize(("devices", "servers", "load"), [(1, 1, 0.7), (4, 3, 0.8), (9, 8, 0.85)])
def test_one_slot_each_waits_as_erlang_c_says(devices: int, servers: int, load: float) -> None:
    """One model on every device, one call at a time: M/M/c with as many servers as may compute at once."""
    told = FleetLimits(max_active=1, replicate=0.0, calls_per_replica=0.0, patience_s=1e9)
    waits = seen_over_seeds(load * servers, models_of(load_s=NO_TIME_S), devices, told)
    error = waits.std(ddof=1) / len(waits) ** 0.5
    expected = erlang_wait(servers, load * servers, 1.0)
    assert abs(waits.mean() - expected) < 4.0 * error
    assert error < 0.05 * expected


def test_a_batch_without_gain_waits_as_processor_sharing_says() -> None:
    """A step of b*n seconds is processor sharing: latency 1 / (1 - load), so 1.5 s of it waiting at a load of 0.6."""
    models = models_of(load_s=NO_TIME_S, step_a=NO_TIME_S, step_b=1.0, slots=400)
    waits = seen_over_seeds(0.6, models, 1, FleetLimits())
    error = waits.std(ddof=1) / len(waits) ** 0.5
    assert abs(waits.mean() - 1.5) < 4.0 * error
    assert error < 0.05 * 1.5


@settings(max_examples=60, deadline=None)
@given(workload=workloads(), told=limits(), seed=st.integers(0, 9))
def test_useful_seconds_are_the_work_served_where_calls_run_one_at_a_time(
    workload: Workload, told: FleetLimits, seed: int
) -> None:
    """However many models share a device, and whatever slows it, a batch of one does one unit of work a unit."""
    workload.models["slots"] = 1
    run = drive(workload, told, by_lot(seed))
    model = workload.models[workload.model]
    work = workload.units * (model["step_a"] + model["step_b"]) / workload.devices["speed"][run.calls["device"]]
    useful = np.bincount(run.calls["device"], work, len(workload.devices))
    assert run.machine.devices["useful_s"] == pytest.approx(useful)
    loading = np.zeros(len(workload.devices))
    for device, begin, end in run.loads:
        loading[device] += end - begin
    assert run.machine.devices["loading_s"] == pytest.approx(loading)


@settings(max_examples=60, deadline=None)
@given(workload=workloads(), told=limits(), seed=st.integers(0, 9))
def test_useful_seconds_lie_between_the_work_in_full_batches_and_one_at_a_time(
    workload: Workload, told: FleetLimits, seed: int
) -> None:
    assume((workload.devices["speed"] == 1.0).all())
    run = drive(workload, told, by_lot(seed))
    model = workload.models[workload.model]
    full = workload.units * (model["step_a"] / np.maximum(1, (0.95 * model["slots"]).astype(int)) + model["step_b"])
    alone = workload.units * (model["step_a"] + model["step_b"])
    assert full.sum() - 1e-6 <= run.machine.devices["useful_s"].sum() <= alone.sum() + 1e-6
    assert (run.machine.devices["useful_s"] <= run.machine.devices["duty_s"] + 1e-6).all()


def test_energy_and_heat_add_up_to_what_is_worked_out_by_hand() -> None:
    """Ten seconds empty, five at 600 W, five with an idle resident, five at 600 W."""
    workload = workload_of(
        models_of(load_s=NO_TIME_S, watts=600.0), devices_of([10.0]), [(10.0, 0, 5.0), (20.0, 0, 5.0)]
    )
    run = drive(workload, FleetLimits(), oldest)
    spent = [(10.0, IDLE_W), (5.0, 600.0), (5.0, IDLE_W + CONTEXT_W), (5.0, 600.0)]
    assert run.machine.devices["joules"].sum() == pytest.approx(sum(seconds * watts for seconds, watts in spent))
    celsius = AMBIENT_C + KELVIN_PER_W * IDLE_W
    for seconds, watts in spent:
        settled = AMBIENT_C + KELVIN_PER_W * watts
        celsius = settled + (celsius - settled) * exp(-seconds / HEAT_S)
    assert run.machine.fleet.devices["celsius"][0] == pytest.approx(celsius)


def test_a_device_that_computes_for_long_settles_at_its_power_times_its_resistance() -> None:
    workload = workload_of(models_of(watts=700.0), devices_of([10.0]), [(0.0, 0, 50.0 * HEAT_S)])
    run = drive(workload, FleetLimits(), oldest)
    assert run.machine.fleet.devices["celsius"][0] == pytest.approx(AMBIENT_C + KELVIN_PER_W * 700.0)


def test_a_hot_device_computes_slower() -> None:
    """900 W settle at 91 C; the call that starts then runs at the lower clock."""
    models = models_of(load_s=NO_TIME_S, watts=900.0)
    run = drive(workload_of(models, devices_of([10.0]), [(0.0, 0, 900.0), (900.0, 0, 9.0)]), FleetLimits(), oldest)
    assert AMBIENT_C + KELVIN_PER_W * 900.0 > HOT_C
    assert run.calls["finished"] - run.calls["started"] == pytest.approx([900.0, 9.0 / HOT_CLOCK])


def test_a_scenario_is_the_same_to_the_bit_compiled_whole_or_driven_step_by_step() -> None:
    workload = synthetic(at_size(SCENARIOS["A"], 60, 8), 3)
    told = FleetLimits(max_active=2)
    outcomes = [simulate(workload, ReadyPolicy("", IN_ORDER, WEIGHTS, told)) for _ in range(2)]
    memory, parts = np.zeros(8), np.zeros((len(workload.models), simulator.PARTS))

    def pick(fleet: Fleet, point: Point, candidates: NDArray[np.int64]) -> int:
        return int(hrrn.pick(fleet, point, candidates, WEIGHTS, memory, parts))

    run = drive(workload, told, pick)
    let_stand(run.machine, outcomes[0].makespan)
    for outcome in outcomes:
        assert outcome.fleet.calls.tobytes() == run.calls.tobytes()
        assert outcome.fleet.devices.tobytes() == run.machine.fleet.devices.tobytes()
        assert outcome.decisions == len(run.decisions)
    assert outcomes[0].useful_s == outcomes[1].useful_s == float(run.machine.devices["useful_s"].sum())
