"""A web process with stores of its own, all of which a test may kill."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from controlplane.services.postgres import Postgres
from controlplane.services.valkey import Valkey
from tests.ports import reserved_port
from tests.programs import Front, waited_for_core

ROOT = Path(__file__).resolve().parents[2]


class Plant:
    """PostgreSQL, Valkey and the web process, with models at `upstream`, a port that a test listens on."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o711)
        self.postgres = Postgres(folder / "postgres", reserved_port())
        self.valkey = Valkey(folder / "valkey", reserved_port())
        self.data = folder / "data"
        self.data.mkdir()
        self.port, self.upstream = reserved_port(), reserved_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.web: Front | None = None
        self.key = ""

    def start(self) -> None:
        """Start the stores, fill the database, start the web process."""
        self.start_stores()
        self._manage("manage.py", "migrate", "-v0", "--skip-checks")
        self.key = self._manage("tests/routing/seed_plant.py", "seed", str(self.upstream))
        self.start_web()

    def collect_static(self) -> None:
        """What pages need beside the database; the web process reads it when a first page is asked for."""
        self._manage("manage.py", "collectstatic", "--no-input", "-v0", "--skip-checks")

    def start_stores(self) -> None:
        self.postgres.start()
        self.valkey.start()

    def kill_stores(self) -> None:
        """kill -9, both."""
        for store in (self.postgres, self.valkey):
            assert store.process is not None
            os.killpg(store.process.pid, signal.SIGKILL)
            store.process.wait(10)

    def start_web(self) -> float:
        """Start the web process; the seconds until it answered a call's door, without those it waited for a core."""
        begun = time.monotonic()
        self.web = Front(self.port, self.data, self.environment)
        self.web.start()
        until(lambda: self.models() == 200, 90, self.log)
        return time.monotonic() - begun - waited_for_core(self.web.gateway)

    def kill_web(self) -> None:
        """kill -9."""
        assert self.web is not None
        self.web.kill()

    def stop(self) -> None:
        if self.web is not None:
            self.kill_web()
        self.postgres.stop()
        self.valkey.stop()

    def models(self, key: str = "") -> int:
        """The status of GET /v1/models; 0 if nothing answers."""
        try:
            headers = {"authorization": f"Bearer {key or self.key}"}
            return httpx.get(f"{self.url}/v1/models", headers=headers, trust_env=False, timeout=10).status_code
        except httpx.TransportError:
            return 0

    def ready(self) -> dict[str, Any]:
        """What /readyz says."""
        told: dict[str, Any] = httpx.get(f"{self.url}/readyz", trust_env=False, timeout=20).json()
        return told

    def fates(self) -> dict[str, int]:
        """Call records of this web process by fate."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False, timeout=20).text
        lines = (line for line in text.splitlines() if line.startswith("patchbay_call_records_total{"))
        return {line.split('"')[1]: int(float(line.rsplit(" ", 1)[1])) for line in lines}

    def outstanding(self) -> int:
        """Calls that wait for an upstream or stream from one."""
        text = httpx.get(f"{self.url}/metrics", trust_env=False, timeout=20).text
        (line,) = (line for line in text.splitlines() if line.startswith("patchbay_calls_outstanding "))
        return int(float(line.rsplit(" ", 1)[1]))

    def drained(self) -> int:
        """Store every record that waits in Redis; how many PostgreSQL has then."""
        return int(self._manage("tests/routing/seed_plant.py", "drain"))

    def key_for(self, at_once: int) -> str:
        """A new key that may make so many calls at once."""
        return self._manage("tests/routing/seed_plant.py", "key", str(at_once))

    def log(self) -> str:
        """What the web process wrote, and the spool's files."""
        spool = self.data / "spool"
        files = [path.name for path in spool.iterdir()] if spool.is_dir() else []
        return f"{self.web.said() if self.web is not None else ''}\n{json.dumps(files)}"

    @property
    def environment(self) -> dict[str, str]:
        """The stores and folders of this plant."""
        named = {"DATA_DIR": str(self.data), "DATABASE_URL": self.postgres.url("patchbay"), "PORT": str(self.port)}
        return {**os.environ, **named, "REDIS_URL": self.valkey.url, "PYTHONPATH": str(ROOT)}

    def _manage(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], env=self.environment, cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def until(condition: Callable[[], object], seconds: float, said: Callable[[], str] = str) -> None:
    """Wait for a condition. Fails after `seconds` with what `said` gives."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen in {seconds} s: {said()}"
        time.sleep(0.05)
