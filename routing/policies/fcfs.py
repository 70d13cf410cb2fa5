"""First come, first served, bound late: whoever arrived first takes the next free slot, or the next free loader."""

import numpy as np
from numpy.typing import NDArray

from routing.scheduler.compiled import compiled
from routing.scheduler.core import Point
from routing.scheduler.fleet import Fleet
from routing.scheduler.picks import PARTS as PARTS
from routing.scheduler.picks import plain

WEIGHTS: dict[str, float] = {}


@compiled
def pick(
    fleet: Fleet,
    point: Point,
    candidates: NDArray[np.int64],
    weights: NDArray[np.float64],
    memory: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> int:
    """The oldest call; the least busy device; the resident used longest ago leaves."""
    return plain(fleet, point, candidates, parts)
