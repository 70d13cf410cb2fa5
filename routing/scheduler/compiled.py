"""Machine code for the numeric core: one decorator for all that the simulator and the scheduler run per event."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import llvmlite.binding
import numba

from routing.scheduler import sources

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
ROUTING = Path(__file__).resolve().parents[1]


def _keep() -> bool:
    """Name a folder for machine code by the sources it is made of; whether one could be made.

    Numba looks only at the file of the function itself, so code kept beside it goes stale if a function or a constant
    that it uses changes elsewhere.
    """
    modules = sources.modules_of(ROUTING)
    made_of = sources.closure(sources.importers(__name__, modules), modules)
    folder = ROUTING.parent / ".data" / "compiled" / sources.digest(made_of)[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    if not any(folder.iterdir()):
        log.warning("compiling the scheduler core: once after each change of it, about a minute")
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    return True


KEPT = _keep()
INLINE = 20_000
llvmlite.binding.set_option("patchbay", f"--inline-threshold={INLINE}")
"""Functions that hand a fleet's arrays to each other run two to five times faster as one (benchmarks/simulator.py)."""


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` in machine code, compiled at its first call and kept on disk if that is possible.

    No fast-math: the same seed must give the same result to the bit, compiled or not (`function.py_func`).
    """
    made: Callable[P, R] = numba.njit(cache=KEPT, error_model="numpy")(function)
    return made


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """`compiled` for a few lines in a hot loop: pasted into its callers, as a call costs more than they do."""
    made: Callable[P, R] = numba.njit(inline="always", error_model="numpy")(function)
    return made


def typeof(value: object) -> Any:
    """The compiler's type of a value."""
    return numba.typeof(value)  # type: ignore[no-untyped-call]
