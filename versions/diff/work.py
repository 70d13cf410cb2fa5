"""How much one comparison may do: steps are counted, and a clock stops what the count misjudges."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import thread_time

STEPS = 2_000_000
"""Steps of one comparison; a step is a handful of Python operations."""
SECONDS = 2.0
"""CPU time of one comparison, looked at now and then."""
BETWEEN = 500


class Exhausted(Exception):
    """A comparison used up its allowance."""


class _Allowance:
    def __init__(self) -> None:
        self.left = STEPS
        self.look = STEPS - BETWEEN
        self.end = thread_time() + SECONDS


_current: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


@contextmanager
def limited() -> Iterator[None]:
    """Everything done inside shares one allowance; what goes beyond it raises Exhausted."""
    token = _current.set(_Allowance())
    try:
        yield
    finally:
        _current.reset(token)


def spend(steps: int = 1) -> None:
    """Count some steps. Raises Exhausted if none are left; outside `limited` it does nothing."""
    allowance = _current.get()
    if allowance is None:
        return
    allowance.left -= steps
    if allowance.left < allowance.look:
        allowance.look = allowance.left - BETWEEN
        if allowance.left < 0:
            raise Exhausted(f"more than {STEPS} steps")
        if thread_time() > allowance.end:
            raise Exhausted(f"more than {SECONDS} s")
