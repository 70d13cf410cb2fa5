"""Home devices of a static partition, the two ways that people take: level the memory, or level the expected work."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from routing.lab.learn.workloads.traffic import Workload
from routing.scheduler.features import pooled_s


def balanced(workload: Workload) -> NDArray[np.int64]:
    """Largest first, each model to the device with the fewest GB so far. Homes may hold more than fits at once."""
    size = workload.models["memory_gb"]
    return _shared_out(np.argsort(-size, kind="stable"), size, size, workload.devices)


def popular(workload: Workload) -> NDArray[np.int64]:
    """Longest processing time first (Graham 1969) on expected work a second: calls times pooled cost; draws by memory.

    The partition is given each model's true number of calls, which is more than a real one knows.
    """
    models = workload.models
    calls = np.bincount(workload.model, minlength=len(models))
    cost = [pooled_s(float(one["typical_units"]), one["step_a"], one["step_b"], float(one["slots"])) for one in models]
    work = calls * np.array(cost)
    order = np.lexsort((-models["memory_gb"], -work))
    return _shared_out(order, work, models["memory_gb"], workload.devices)


def _shared_out(
    order: NDArray[np.int64], weight: NDArray[np.float64], size: NDArray[np.float64], devices: NDArray[Any]
) -> NDArray[np.int64]:
    """Each model in turn to the device, of those that can hold it, with the least weight; draws by GB, then number."""
    weights, gb = np.zeros(len(devices)), np.zeros(len(devices))
    homes = np.zeros(len(order), np.int64)
    for model in order:
        level = np.where(devices["weights_gb"] >= size[model], weights, np.inf)
        home = np.lexsort((gb, level))[0]
        homes[model] = home
        weights[home] += weight[model]
        gb[home] += size[model]
    return homes
