"""How much must be loaded: a linear programme over windows of time, solved by HiGHS.

What is bounded. Take any schedule from a cold fleet that answers each call j within latency_j seconds of its arrival.
Cut the time while calls arrive into equal windows; one more window, without end, follows. Write y[m, t] for the
replicas of model m on the fleet when window t begins, counted up to 1, and z[m, t] for its loads that end in window t.
- A call that arrives in window u and is answered in window v was served by a replica that was there when u began, or
  whose load ended in u..v:  y[m, u] + z[m, u] + ... + z[m, v] >= 1.
- A replica there when t+1 begins was there when t began, or was loaded in t:  y[m, t+1] <= y[m, t] + z[m, t], and
  nothing is there at the start:  y[m, 0] = 0.
- Weights fit into the fleet's memory when a window begins:  sum over m of size[m] * y[m, t] <= memory for weights.
The least sum of size * z (GB) and of load time * z (seconds) over all y, z >= 0 is no more than what any such schedule
loads, clairvoyant or not. With the latencies of a run it bounds that run, and all that answer nobody later than it did.

What is not bounded. Latency itself: a policy may answer later and load less; with unlimited latencies the programme
asks for one load of each model called. Fractions of models, memory pooled over devices, any number of loads within
one window and the loaders' own time are free, so the true least volume is higher, the more so the longer the windows.
"""

from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.evaluation.bounds import open_devices
from routing.lab.learn.workloads.traffic import Workload

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Loads:
    """The least that has to be loaded over the whole run, in GB and in loader-seconds.

    `once_gb` is the volume of loading each model called once; `took_s` the seconds that solving both programmes took.
    """

    windows: int
    window_s: float
    least_gb: float
    least_s: float
    once_gb: float
    took_s: float


@dataclass(frozen=True, slots=True)
class Needs:
    """Rows of the programme: model `model` has to be there at some time in windows `begin` to `end`, both included."""

    model: Counts
    begin: Counts
    end: Counts


def least_loads(workload: Workload, latency: float | Floats, windows: int = 30) -> Loads:
    """Bound what is loaded by whoever answers each call within `latency` seconds: one for all calls, or one for each.

    Raises ValueError for a workload without calls, RuntimeError if HiGHS gives up.
    """
    if not len(workload.at):
        raise ValueError("the workload has no calls; expected at least one")
    used = np.unique(workload.model)
    models = workload.models[used]
    width = max(float(workload.at.max()) / windows, 1e-9)
    needs = needs_of(workload, latency, windows, width)
    devices = workload.devices[open_devices(workload)]
    memory = float(np.minimum(devices["weights_gb"], devices["memory_gb"]).sum())
    solver = programme(needs, models["memory_gb"], memory, windows + 1)
    again = np.minimum(models["load_s"], models["wake_s"]) if workload.host_gb > 0.0 else models["load_s"]
    once_s = float((models["load_s"] - again).sum())
    return Loads(
        windows=windows,
        window_s=width,
        least_gb=solved(solver, models["memory_gb"], windows + 1),
        least_s=once_s + solved(solver, again, windows + 1),
        once_gb=float(models["memory_gb"].sum()),
        took_s=float(solver.getRunTime()),
    )


def needs_of(workload: Workload, latency: float | Floats, windows: int, width: float) -> Needs:
    """Which model must be there from when to when; of those that begin in one window, only the shortest."""
    begin = np.minimum((workload.at / width).astype(np.int64), windows)
    end = np.minimum(np.floor((workload.at + latency) / width), windows).astype(np.int64)
    place = np.unique(workload.model, return_inverse=True)[1].astype(np.int64)
    order = np.lexsort((end, begin, place))
    place, begin, end = place[order], begin[order], end[order]
    fresh = np.ones(len(place), np.bool_)
    fresh[1:] = (place[1:] != place[:-1]) | (begin[1:] != begin[:-1])
    return Needs(place[fresh], begin[fresh], end[fresh])


def programme(needs: Needs, size: Floats, memory: float, windows: int) -> highspy.Highs:
    """The rows and columns, without costs. Columns: y[m, t] by window within model, then z[m, t]."""
    count = len(size)
    half = count * windows
    lower, upper = np.zeros(2 * half), np.concatenate([np.ones(half), np.full(half, highspy.kHighsInf)])
    upper[:half:windows] = 0.0
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.addVars(2 * half, lower, upper)
    before = (np.arange(count)[:, None] * windows + np.arange(windows - 1)).ravel()
    kept = np.stack([before, before + half, before + 1], axis=1)
    _add(solver, (0.0, highspy.kHighsInf), kept, np.tile([1.0, 1.0, -1.0], (len(kept), 1)))
    resident = np.arange(count) * windows + np.arange(1, windows)[:, None]
    _add(solver, (-highspy.kHighsInf, memory), resident, np.tile(size, (windows - 1, 1)))
    for model, begin, end in zip(needs.model, needs.begin, needs.end, strict=True):
        first = model * windows
        columns = np.concatenate([[first + begin], half + first + np.arange(begin, end + 1)])
        _add(solver, (1.0, highspy.kHighsInf), columns[None], np.ones((1, len(columns))))
    return solver


def _add(solver: highspy.Highs, limits: tuple[float, float], columns: Counts, values: Floats) -> None:
    """Add rows of equally many entries, all within the limits."""
    rows, each = columns.shape
    starts = np.arange(rows, dtype=np.int32) * each
    lower, upper = np.full(rows, limits[0]), np.full(rows, limits[1])
    solver.addRows(rows, lower, upper, rows * each, starts, columns.ravel().astype(np.int32), values.ravel())


def solved(solver: highspy.Highs, cost: Floats, windows: int) -> float:
    """The least cost of all loads, `cost` being a load's. Raises RuntimeError if HiGHS gives up."""
    half = len(cost) * windows
    loads = np.arange(half, 2 * half, dtype=np.int32)
    solver.changeColsCost(half, loads, np.repeat(cost, windows))
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS ended with {solver.modelStatusToString(status)}; try fewer windows")
    return float(solver.getInfo().objective_function_value)
