"""The program that started the supervisor. Under `make` we end with it, however it ends."""

import os
import signal
from pathlib import Path

from controlplane.services.children import die_with


class Launcher:
    """Our parent process.

    `make` waits for its child when it alone is interrupted, and passes no SIGINT on; but it puts the signal's default
    action back first, which shows in the mask of caught signals. proc(5), /proc/[pid]/status, SigCgt.
    """

    def __init__(self) -> None:
        self.pid = os.getppid()
        die_with(self.pid, signal.SIGTERM)()
        self.caught_at_first = self._catches_interrupt()

    def interrupted(self) -> bool:
        """Whether the launcher was interrupted and now waits for our end."""
        return self.caught_at_first and not self._catches_interrupt()

    def _catches_interrupt(self) -> bool:
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return False
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGINT - 1) & 1)
