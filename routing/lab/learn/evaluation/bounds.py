"""What no policy can beat on a workload: lower bounds on mean latency and makespan, an upper bound on utilisation.

Why they hold. Let S be a model's batch slots allowed (95 %), a + b*n the seconds of a step of a batch of n, speed 1.
- A call of u units alone takes p = u*(a + b) seconds on the fastest device that can hold its model; a batch, other
  active models, a load beside it and heat only slow it. So it never advances faster than 1/p of itself a second.
- Say a call is q = u*(a/S + b) seconds of work: its share of a full batch. A device with k active models and batches
  of n <= S does sum(n*(a/S + b) / (k*(a + b*n))) <= 1 second of work a second. At most `most_busy` devices compute at
  once (`fleet.OCCUPANCY`), so the fleet works no faster than the sum G of that many of the highest speeds.
- Nothing is resident at the start: a call is not worked on before its release r. Clairvoyant: r = max(arrival, load
  time). Online: r = max(arrival, first arrival of its model + load time), for schedulers that load only models that
  somebody waits for, as routing.scheduler.core does.

Cold floor: a call ends at C >= r + p.

Pooled bound: let M be the call's mean busy time, the mean of t over its work. As it advances at most 1/p a second and
is whole at C, C >= M + p/2. The sum of all M over any way of sharing a speed of G is least if at each moment the
released call with the smallest *whole* q is worked on, preemptively (Goemans et al., Single machine scheduling with
release dates, 2002: the LP relaxation in mean busy times, unit weights). Hence sum C >= sum M + sum p/2. Ordering by
remaining work (SRPT) minimises the sum of C on one machine, not the sum of M, and would not be valid here.

Both bounds hold, so the larger does. They ignore memory: `paging` bounds what must be loaded.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.workloads.traffic import Workload
from routing.scheduler.fleet import OCCUPANCY

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds for one workload, from a cold fleet. Times in seconds, latencies as means over all calls.

    `warm_floor_s` is the mean solo time; `cold_floor_s` adds waiting for the first load (online); `pooled_*_s` are the
    pooled bounds; `latency_*_s` the best bound known: `clairvoyant` for a policy that knows all calls beforehand,
    `online` for one that loads a model only once it is called.

    `work_s` and `solo_s` are device-seconds of all calls at their best and at their worst batch; `offered` is `work_s`
    over what `speed` devices do while calls arrive. `utilisation` bounds useful seconds / (all devices x makespan).
    """

    calls: int
    devices: int
    most_busy: int
    speed: float
    work_s: float
    solo_s: float
    offered: float
    warm_floor_s: float
    cold_floor_s: float
    pooled_warm_s: float
    pooled_clairvoyant_s: float
    pooled_online_s: float
    latency_clairvoyant_s: float
    latency_online_s: float
    makespan_clairvoyant_s: float
    makespan_online_s: float
    utilisation: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of each call, in seconds: alone on the fastest and on the slowest device for it; its work; its model's load."""

    solo: Floats
    slowest: Floats
    work: Floats
    load: Floats


def bounds(workload: Workload) -> Bounds:
    """All bounds of the workload. Raises ValueError if it has no calls. O(n log n)."""
    if not len(workload.at):
        raise ValueError("the workload has no calls; expected at least one")
    at, sizes, (busy, speed) = workload.at, sizes_of(workload), capacity(workload)
    clairvoyant, online = releases(workload, sizes.load)
    work, solo = float(sizes.work.sum()), float(sizes.solo.sum())
    pooled_warm, pooled_clairvoyant, pooled_online = (
        pooled_bound(at, release, sizes, speed) for release in (at, clairvoyant, online)
    )
    makespan = makespan_bound(online, sizes, speed)
    full = float(online.min()) + float(sizes.slowest.sum()) / busy
    span = float(at.max() - at.min())
    return Bounds(
        calls=len(at),
        devices=len(workload.devices),
        most_busy=busy,
        speed=speed,
        work_s=work,
        solo_s=solo,
        offered=work / (speed * span) if span > 0.0 else 0.0,
        warm_floor_s=solo / len(at),
        cold_floor_s=float(np.mean(online + sizes.solo - at)),
        pooled_warm_s=pooled_warm,
        pooled_clairvoyant_s=pooled_clairvoyant,
        pooled_online_s=pooled_online,
        latency_clairvoyant_s=max(pooled_clairvoyant, float(np.mean(clairvoyant + sizes.solo - at))),
        latency_online_s=max(pooled_online, float(np.mean(online + sizes.solo - at))),
        makespan_clairvoyant_s=makespan_bound(clairvoyant, sizes, speed),
        makespan_online_s=makespan,
        utilisation=float(sizes.slowest.sum()) / (len(workload.devices) * max(makespan, full)),
    )


def floors(workload: Workload) -> dict[str, float]:
    """The bounds that an evaluation is held against, by name: seconds, and shares for `useful` and `offered`."""
    found = bounds(workload)
    return {
        "mean_s": found.latency_online_s,
        "clairvoyant_s": found.latency_clairvoyant_s,
        "pooled_s": found.pooled_online_s,
        "warm_floor_s": found.warm_floor_s,
        "makespan_s": found.makespan_online_s,
        "useful": found.utilisation,
        "offered": found.offered,
    }


def open_devices(workload: Workload) -> NDArray[np.bool_]:
    """Which devices take calls: those not drained, or all if every one is."""
    opened: NDArray[np.bool_] = workload.devices["drained"] == 0
    return opened if opened.any() else np.ones(len(opened), np.bool_)


def capacity(workload: Workload) -> tuple[int, float]:
    """How many devices may compute at once, and the sum of that many of the highest speeds."""
    speeds = np.sort(workload.devices["speed"][open_devices(workload)])[::-1]
    busy = min(len(speeds), max(1, int(OCCUPANCY * len(workload.devices))))
    return busy, float(speeds[:busy].sum())


def sizes_of(workload: Workload) -> Sizes:
    """The calls' sizes in seconds."""
    devices = workload.devices[open_devices(workload)]
    holds = devices["weights_gb"] >= workload.models["memory_gb"][:, None]
    fastest = np.where(holds, devices["speed"], 0.0).max(axis=1)[workload.model]
    slowest = np.where(holds, devices["speed"], np.inf).min(axis=1)[workload.model]
    model = workload.models[workload.model]
    slots = np.maximum(1, (OCCUPANCY * model["slots"]).astype(np.int64))
    alone = workload.units * (model["step_a"] + model["step_b"])
    return Sizes(
        solo=alone / fastest,
        slowest=alone / slowest,
        work=workload.units * (model["step_a"] / slots + model["step_b"]),
        load=model["load_s"],
    )


def releases(workload: Workload, load: Floats) -> tuple[Floats, Floats]:
    """When each call can be worked on at the earliest from a cold fleet: clairvoyant, and online."""
    first = np.full(len(workload.models), np.inf)
    np.minimum.at(first, workload.model, workload.at)
    return np.maximum(workload.at, load), np.maximum(workload.at, first[workload.model] + load)


def pooled_bound(at: Floats, release: Floats, sizes: Sizes, speed: float) -> float:
    """The pooled bound on mean latency, seconds."""
    busy = mean_busy_times(release, sizes.work, speed)
    return float(np.mean(busy + sizes.solo / 2.0 - at))


def mean_busy_times(release: Floats, work: Floats, speed: float) -> Floats:
    """Mean busy time of each job on one machine of that speed that always works on the smallest job released."""
    order = np.argsort(release, kind="stable").tolist()
    moments, left, means = release.tolist(), work.tolist(), [0.0] * len(work)
    waiting: list[tuple[float, int]] = []
    now, following = 0.0, 0
    while following < len(order) or waiting:
        if not waiting:
            now = max(now, moments[order[following]])
        while following < len(order) and moments[order[following]] <= now:
            heapq.heappush(waiting, (float(work[order[following]]), order[following]))
            following += 1
        size, job = waiting[0]
        until = moments[order[following]] if following < len(order) else np.inf
        end = min(until, now + left[job] / speed)
        done = left[job] if end < until else min(left[job], (end - now) * speed)
        means[job] += (done / size if size > 0.0 else 1.0) * (now + end) / 2.0
        left[job] -= done
        now = end
        if left[job] <= 0.0:
            heapq.heappop(waiting)
    return np.array(means)


def makespan_bound(release: Floats, sizes: Sizes, speed: float) -> float:
    """When the last call ends at the earliest: its own time after its release; all work released since any moment."""
    order = np.argsort(release, kind="stable")
    since = np.cumsum(sizes.work[order][::-1])[::-1]
    return float(max(np.max(release + sizes.solo), np.max(release[order] + since / speed)))
