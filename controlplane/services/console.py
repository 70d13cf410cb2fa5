"""What the person in front of `make run` reads."""

import sys
import time


class Console:
    """Lines with the seconds since the start in front."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def step(self, text: str) -> None:
        """One line of progress."""
        print(f"{self.elapsed():6.1f} s  {text}", flush=True)

    def plain(self, text: str = "") -> None:
        """Lines without a time."""
        print(text, flush=True)

    def problem(self, text: str) -> None:
        """A line about what stands in the way."""
        print(text, file=sys.stderr, flush=True)
