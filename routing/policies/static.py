"""Static partition: every model has one home device, whatever happens. What a team without a scheduler runs.

Which device is home is settled before the start: routing.lab.learn.workloads.homes has the two ways people take.
"""

from typing import TYPE_CHECKING, Any

from routing.policies.choice import BIND
from routing.scheduler.indices import SCORE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from routing.scheduler.core import Point
    from routing.scheduler.fleet import Fleet

WEIGHTS: dict[str, float] = {}
PARTS = {BIND: ("from_home",)}


def pick(
    fleet: "Fleet",
    point: "Point",
    candidates: "NDArray[np.int64]",
    weights: "NDArray[np.float64]",
    memory: "NDArray[np.float64]",
    parts: "NDArray[Any]",
) -> int:
    """The model's home; if that takes no calls, the next device after it."""
    best, lowest = 0, len(fleet.devices)
    for place in range(len(candidates)):
        away = (candidates[place] - fleet.models[point.model].home) % len(fleet.devices)
        parts[place, SCORE] = away
        if away < lowest:
            best, lowest = place, away
    return int(candidates[best])
