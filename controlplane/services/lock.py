"""One run per data folder."""

import contextlib
import fcntl
import json
import os
import time
from typing import Any

from controlplane.services.files import read_note
from controlplane.services.place import Place, RunRefused

PATIENCE, PATIENCE_WITH_STOPPING = 1.0, 8.0


class Lock:
    """The right to run in a data folder. The kernel gives it back when its holder ends, however that ends."""

    def __init__(self, place: Place) -> None:
        self.place = place
        path = place.data / "run.lock"
        path.touch(mode=0o600)
        self.file = path.open("a+")
        self.path = path

    def take(self) -> None:
        """Take it; a holder that is just stopping is waited for. Raises RunRefused naming the holder."""
        began = time.monotonic()
        while not self._taken():
            holder = read_note(self.path)
            patience = PATIENCE_WITH_STOPPING if holder.get("stopping") else PATIENCE
            if time.monotonic() - began > patience:
                raise RunRefused(_busy(self.place, holder))
            time.sleep(0.05)
        self.say(stopping=False)

    def check(self) -> None:
        """Raise RunRefused when the data folder was deleted or replaced: another run may own the new one."""
        try:
            same = self.path.stat().st_ino == os.fstat(self.file.fileno()).st_ino
        except (FileNotFoundError, NotADirectoryError):
            same = False
        except OSError:
            return
        if not same:
            raise RunRefused(f"{self.place.data} was deleted or replaced while Patchbay ran from it.")

    def say(self, stopping: bool) -> None:
        """Write down who holds it, for the one who comes next; on a full disk that one is told less."""
        with contextlib.suppress(OSError):
            self.file.truncate(0)
            self.file.write(json.dumps({"pid": os.getpid(), "url": self.place.url, "stopping": stopping}))
            self.file.flush()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _busy(place: Place, holder: dict[str, Any]) -> str:
    pid = holder.get("pid", "unknown")
    return (
        f"Patchbay already runs from {place.data}: {holder.get('url', 'still starting')} (process {pid}).\n"
        f"Stop it with Ctrl-C in its terminal or `kill {pid}`, or start another one beside it:\n"
        f"  DATA_DIR=/path/to/other/data PORT={place.port + 1} make run"
    )
