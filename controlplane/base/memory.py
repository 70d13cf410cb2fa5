"""The garbage collector of a process that serves calls: it must not stop them for what stays anyhow."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER = 20_000
"""New objects between two looks of the garbage collector at the youngest ones."""


def settle_memory() -> None:
    """Take what is loaded now out of the garbage collector's sight, and let it look less often.

    With Django loaded a full collection takes tens of milliseconds, which calls in flight would wait for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)


@contextmanager
def many_that_stay() -> Iterator[None]:
    """Make many objects that live long, such as those of a table: the collector does not look at them, now or later.

    They still go when nobody holds them. Cycles that exist at the end and are dropped later are not found any more.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
