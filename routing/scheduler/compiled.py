"""Machine code for the numeric core: one decorator for all that the simulator and the scheduler run per event."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import llvmlite.binding
import numba

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
HERE = Path(__file__).resolve().parent


def _keep() -> bool:
    """Name a folder for machine code by the sources it is made of; whether one could be made.

    Numba looks only at the file of the function itself, so code kept beside it goes stale when a function that it
    calls changes.
    """
    digest = hashlib.sha256()
    for text in (path.read_bytes() for path in sorted(HERE.rglob("*.py"))):
        if b"routing.scheduler.compiled import" in text or b"np.dtype(" in text:
            digest.update(text)
    folder = HERE.parent / ".data" / "compiled" / digest.hexdigest()[:16]
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
    """`function` in machine code, compiled at its first call and kept on disk where that is possible.

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
