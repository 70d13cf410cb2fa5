"""Starting and ending child processes that must never outlive the supervisor."""

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with(parent: int, death: signal.Signals) -> Callable[[], None]:
    """What a fresh child runs before its program: the kernel sends it `death` when the thread that forked it ends.

    A parent that is gone already sends no signal any more, so that is looked at too.
    """

    def bind() -> None:
        LIBC.prctl(_PR_SET_PDEATHSIG, death)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def dropping_to(account: pwd.struct_passwd | None) -> dict[str, Any]:
    """Arguments of `subprocess` that run a program as `account`, with none of our groups."""
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}


@dataclass(frozen=True)
class Inherited:
    """What a child gets of us: its environment, and open sockets under their own numbers."""

    environment: Mapping[str, str]
    sockets: tuple[int, ...] = ()


def launch(
    command: Sequence[str | Path],
    log: Path,
    *,
    errors: Path | None = None,
    death: signal.Signals = signal.SIGTERM,
    inherited: Inherited | None = None,
    account: pwd.struct_passwd | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in its own session, appending its output to `log` and its errors there too, or to `errors`."""
    with log.open("ab") as output, (errors or log).open("ab") as complaints:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
            cwd="/",
            env=inherited.environment if inherited is not None else None,
            start_new_session=True,
            pass_fds=inherited.sockets if inherited is not None else (),
            preexec_fn=die_with(os.getpid(), death),
            **dropping_to(account),
        )


def alive(pid: int) -> int | None:
    """Start time of process `pid` in clock ticks since boot, None if it is gone or only waits to be reaped.

    A PID and its start time together name one process for ever; a PID alone is used again. proc(5), /proc/[pid]/stat.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def working_in(folder: Path) -> tuple[int, ...]:
    """Processes whose current folder is `folder`."""
    pids = (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
    return tuple(pid for pid in pids if _folder_of(pid) == str(folder) and alive(pid))


def _folder_of(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def send(pid: int, what: signal.Signals) -> None:
    """Signal `pid`; one that has gone in the meantime needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, what)


def send_session(pid: int, what: signal.Signals) -> None:
    """Signal a child and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, what)


def end(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait until `process`, already asked to stop, has ended; after `seconds` it and all it started are killed."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        send_session(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(done: Callable[[], bool], seconds: float) -> bool:
    """Whether `done` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def tail(log: Path, size: int = 1200) -> str:
    """The last `size` characters of a log."""
    try:
        return log.read_bytes()[-size:].decode(errors="replace").strip()
    except OSError:
        return ""
