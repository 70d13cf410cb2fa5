"""A program under watch: started, seen to have died, started again with back-off."""

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY = 60.0
NAMES = {int(one): one.name for one in signal.Signals}
"""Python names two of the 33 real-time signals only."""


def pause_after(failures: int) -> float:
    """Seconds to wait before the next start when `failures` starts in a row did not last."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures, 10))


def in_words(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"exit code {code}"
    return f"signal {NAMES.get(-code, -code)}"


@dataclass
class Watched:
    """One program of the run. `start` launches it and returns the process; it may raise to say that it could not."""

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    since: float = 0.0
    again_at: float = 0.0

    def begin(self) -> None:
        """Start it now. An OSError or StoreError of `start` passes through."""
        self.since = time.monotonic()
        self.process = self.start()

    def died(self) -> str | None:
        """How it ended, told once, with the pause before the next start set; None while it runs or waits."""
        if self.process is None or self.process.poll() is None:
            return None
        return self.failed(in_words(self.process.returncode))

    def failed(self, how: str) -> str:
        """Note a start that failed or did not last; the words for the person who watches."""
        now = time.monotonic()
        self.failures = 0 if now - self.since > STEADY else self.failures
        pause = pause_after(self.failures)
        self.process, self.failures, self.again_at = None, self.failures + 1, now + pause
        return f"{self.name} ended ({how}); starting it again in {pause:g} s (log: {self.log})"

    def due(self) -> bool:
        """Whether it waits for its next start and the pause is over."""
        return self.process is None and time.monotonic() >= self.again_at
