"""The programs that answer callers, without a supervisor: the console, and one gateway before it on a port."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from controlplane.services.programs import without_supervisor

ROOT = Path(__file__).resolve().parent.parent


class Front:
    """Console and gateway. Their logs are `console.log` and `gateway.log` in `folder`."""

    def __init__(self, port: int, folder: Path, environment: Mapping[str, str]) -> None:
        self.port, self.folder, self.environment = port, folder, environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start what does not run."""
        socket = self.folder / "run" / "console.sock"
        for name, command in zip(("console", "gateway"), without_supervisor(self.port, socket), strict=True):
            if name not in self.running:
                with (self.folder / f"{name}.log").open("ab") as log:
                    self.running[name] = subprocess.Popen(
                        command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
                    )

    def kill(self, *names: str) -> None:
        """kill -9: those named, or all."""
        for name in names or tuple(self.running):
            process = self.running.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    @property
    def gateway(self) -> int:
        """The gateway's process id."""
        return self.running["gateway"].pid

    def ended(self) -> bool:
        """Whether one of them has ended by itself."""
        return any(process.poll() is not None for process in self.running.values())

    def said(self) -> str:
        """The end of both logs."""
        logs = (self.folder / f"{name}.log" for name in ("console", "gateway"))
        return "\n".join(log.read_text()[-3000:] for log in logs if log.exists())


def waited_for_core(*pids: int) -> float:
    """Seconds in which the main threads of these processes could run and had no core: others' doing, not theirs."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) for pid in pids) / 1e9
