"""How the programs that answer callers use the garbage collector."""

import gc

COLLECT_AFTER = 20_000
"""New objects between two looks of the garbage collector at the youngest ones."""


def settle_memory() -> None:
    """Take what is loaded now out of the garbage collector's sight, and let it look less often.

    With Django loaded a full collection takes tens of milliseconds, which calls in flight would wait for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
