"""What the person in front of `make run` reads."""

import sys
import time
from contextlib import suppress


class Console:
    """Lines with the seconds since the start in front."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def step(self, text: str) -> None:
        """One line of progress."""
        self.plain(f"{self.elapsed():6.1f} s  {text}")

    def plain(self, text: str = "") -> None:
        """Lines without a time. A reader who has left is no reason to end."""
        with suppress(OSError):
            print(text, flush=True)

    def problem(self, text: str) -> None:
        """A line about what stands in the way."""
        with suppress(OSError):
            print(text, file=sys.stderr, flush=True)
