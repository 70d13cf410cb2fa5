"""A whole Patchbay as a test sees it: the supervisor as a child process, on its own data folder and ports."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from controlplane.services import home
from controlplane.services.children import alive, wait_for, working_in
from controlplane.services.place import REPOSITORY
from tests.ports import reserved_port

COMMAND = (sys.executable, "-m", "controlplane.services", "run")


class Running:
    """One data folder, and the supervisor that runs in it now."""

    def __init__(self, data: Path, practice: int = 5, gpus: int = 0, traffic: int = 0) -> None:
        self.data, self.port, self.practice = data, reserved_port(), practice
        self.more = {"PRACTICE_GPUS": str(gpus), "PRACTICE_TRAFFIC": str(traffic)}
        self.output = data.parent / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self, *command: str) -> subprocess.Popen[bytes]:
        """Start it, by `command` if one is given."""
        own = {"DATA_DIR": str(self.data), "PORT": str(self.port), "PRACTICE": str(self.practice), **self.more}
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command or COMMAND, cwd=REPOSITORY, env=kept | own, stdout=output, stderr=output, start_new_session=True
            )
        return self.process

    def until(self, words: str, seconds: float = 150) -> str:
        """Everything that was printed once `words` are in it."""
        assert self.process is not None
        deadline = time.monotonic() + seconds
        while words not in self.printed():
            assert self.process.poll() is None, f"it ended:\n{self.printed()}"
            assert time.monotonic() < deadline, f"no {words!r} in {seconds} s:\n{self.printed()}"
            time.sleep(0.05)
        return self.printed()

    def printed(self) -> str:
        """What it printed so far."""
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        """The processes it started, by name."""
        return {name: pid for name, (pid, _) in json.loads((self.data / "processes.json").read_text()).items()}

    def killed(self, name: str) -> int:
        """kill -9 the program `name`, once it runs: a store killed before may have taken it along. Returns its PID.

        Raises AssertionError if it does not run within 40 s.
        """
        assert wait_for(lambda: self.living(name) != 0, 40), f"{name} does not run:\n{self.printed()}"
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def living(self, name: str) -> int:
        """The PID of the program `name`; 0 while it has ended and is not started again."""
        pid = self.pids().get(name, 0)
        return pid if pid and alive(pid) is not None else 0

    def came_back(self, name: str, pid: int) -> bool:
        """Whether the program `name`, which was `pid`, runs again under another PID."""
        return wait_for(lambda: self.pids().get(name, pid) != pid, 40)

    def first_run(self) -> dict[str, Any]:
        """What a script needs to go on."""
        found: dict[str, Any] = json.loads((self.data / "first-run.json").read_text())
        return found

    def get(self, path: str, key: str = "") -> tuple[int, bytes]:
        """Status and body of a page."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()

    def everything_ended(self, pids: dict[str, int], seconds: float = 40) -> bool:
        """Whether none of `pids`, and no session of the database, lives on."""
        cluster = home.find(self.data / "postgres").cluster / "data"
        return wait_for(lambda: not any(map(alive, pids.values())) and not working_in(cluster), seconds)

    def end_process(self) -> None:
        """End what still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def end(self) -> None:
        """End what still runs and delete what it wrote, wherever that is."""
        self.end_process()
        home.forget(self.data / "postgres")
