"""Processes of an earlier run that outlived it, found again by PID and start time."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from controlplane.services.children import alive, send_session, wait_for
from controlplane.services.files import read_note, write_private


def remember(file: Path, pids: Mapping[str, int]) -> None:
    """Write down which processes this run started."""
    write_private(file, json.dumps({name: [pid, alive(pid)] for name, pid in pids.items()}))


def end(file: Path, seconds: float = 4.0) -> tuple[str, ...]:
    """End what `file` names and still lives: asked first, killed after `seconds`. Returns the names that were ended."""
    left = {name: one[0] for name, one in read_note(file).items() if _still_lives(one)}
    for what in (signal.SIGTERM, signal.SIGKILL):
        for pid in left.values():
            send_session(pid, what)
        if wait_for(lambda: not any(alive(pid) for pid in left.values()), seconds):
            break
    return tuple(left)


def _still_lives(process: object) -> bool:
    """Whether a PID and start time, as `remember` wrote them, are those of a process that runs."""
    if not (isinstance(process, list) and len(process) == 2 and all(type(part) is int for part in process)):
        return False
    pid, since = process
    return bool(alive(pid) == since)
