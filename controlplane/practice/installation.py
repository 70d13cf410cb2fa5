"""An installation that a practice month is played on: the product as a child process, with free ports and own data."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from controlplane.services.place import REPOSITORY
from controlplane.services.ports import free_port

READY_WITHIN = 300.0


class InstallationFailed(Exception):
    """The installation did not start or a command on it failed; the message has the end of what it said."""


class PracticeInstallation:
    """One installation in `folder` with a practice fleet (emulated) of `models`."""

    def __init__(self, folder: Path, models: int) -> None:
        self.data = folder / "data"
        self.output = folder / "output.txt"
        self.port = free_port()
        self.models = models
        self.url = f"http://127.0.0.1:{self.port}"
        self.fleet = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._people: list[subprocess.Popen[str]] = []

    @staticmethod
    def data_here() -> str:
        """Where the installation that the command was called in keeps its data."""
        return os.environ.get("DATA_DIR") or str(REPOSITORY / ".data")

    def start(self) -> None:
        """Start, and wait until every model of the fleet is plugged in. Raises InstallationFailed."""
        command = (sys.executable, "-m", "controlplane.services", "run")
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=REPOSITORY, env=self._environment(), stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + READY_WITHIN
        while "Stop with Ctrl-C" not in self.output.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise InstallationFailed(f"it did not become ready:\n{self.output.read_text()[-2000:]}")
            time.sleep(0.2)
        self.fleet = f"http://{self._first_run()['practice_address']}"

    def stop(self) -> None:
        """End everything."""
        for people in self._people:
            if people.poll() is None:
                people.kill()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def import_specs(self, text: str) -> None:
        """Save the models of a spec file, each proven by a real call."""
        file = self.data / "month.yaml"
        file.write_text(text)
        self._manage("import_models", "--skip-checks", str(file), "--apply", "--user", "first-run")

    def set_up(self, keys: int, sources: dict[str, str]) -> dict[str, Any]:
        """Make accounts, keys and sources."""
        file = self.data / "month-sources.json"
        file.write_text(json.dumps(sources))
        return dict(json.loads(self._manage("practice_people", "set-up", "--keys", str(keys), "--sources", str(file))))

    def counts(self) -> dict[str, Any]:
        """How the updates stand."""
        return dict(json.loads(self._manage("practice_people", "counts")))

    def people(self, what: str) -> subprocess.Popen[str]:
        """Let people review or import until their input is closed."""
        process = subprocess.Popen(
            (sys.executable, str(REPOSITORY / "manage.py"), "practice_people", what),
            cwd=REPOSITORY, env=self._environment(with_stores=True), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=(self.data.parent / "people.txt").open("w"),
        )  # fmt: skip
        self._people.append(process)
        return process

    def _manage(self, *arguments: str) -> str:
        done = subprocess.run(
            (sys.executable, str(REPOSITORY / "manage.py"), *arguments),
            cwd=REPOSITORY, env=self._environment(with_stores=True), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise InstallationFailed(f"{arguments[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout.strip().rpartition("\n")[2]

    def _first_run(self) -> dict[str, Any]:
        return dict(json.loads((self.data / "first-run.json").read_text()))

    def _environment(self, with_stores: bool = False) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        own = {"DATA_DIR": str(self.data), "PORT": str(self.port), "PRACTICE": str(self.models)}
        own |= {"PRACTICE_GPUS": "0", "PRACTICE_TRAFFIC": "0"}
        stores = json.loads((self.data / "stores.json").read_text()) if with_stores else {}
        return {**kept, **own, **stores}
