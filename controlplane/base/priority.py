"""What steps back on a busy machine, so that calls get the processor first: pages, hashes of passwords, races."""

import contextlib
import os


def step_back(niceness: int, whose: int = os.PRIO_PROCESS, number: int = 0) -> None:
    """Let others go first by so much; by default it is this thread that steps back.

    With EQUAL_PRIORITY=1 nobody does: tests that share two cores would wait for what has stepped back.
    """
    if os.environ.get("EQUAL_PRIORITY") != "1":
        with contextlib.suppress(OSError):
            os.setpriority(whose, number, min(19, os.getpriority(whose, number) + niceness))
