"""Gives a test run its own PostgreSQL and Valkey: named before Django reads its settings, started if a test asks.

A test asks by the fixture `stores`, or by anything that needs the database. Workers of a parallel run share the
PostgreSQL of their parent, which starts it at once, and each makes a database of its own in it; a Valkey and a data
folder belong to one worker, so that queues and notices of two workers do not meet.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import pytest

from controlplane.services.files import write_private
from controlplane.services.postgres import Postgres
from controlplane.services.valkey import Valkey
from tests.ports import reserved_port

WORKER = "PYTEST_XDIST_WORKER"
waiting: list[Postgres | Valkey] = []
"""The stores that are named and not started."""


def name_stores() -> None:
    """Choose addresses and passwords in a temporary folder, and name them in the environment."""
    folder = Path(tempfile.mkdtemp(prefix="patchbay-test-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "data" / "static").mkdir(parents=True)
    os.environ["DATA_DIR"] = str(folder / "data")
    os.environ["EQUAL_PRIORITY"] = "1"
    valkey = Valkey(folder / "valkey", reserved_port())
    valkey.folder.mkdir()
    write_private(valkey.password_file, secrets.token_urlsafe(24))
    os.environ["REDIS_URL"] = valkey.url
    waiting.append(valkey)
    if WORKER not in os.environ:
        postgres = Postgres(folder / "postgres", reserved_port())
        postgres.folder.mkdir()
        write_private(postgres.role_password_file, secrets.token_urlsafe(24))
        os.environ["DATABASE_URL"] = postgres.url("patchbay") + "?options=-c%20patchbay.flush%3Don"
        waiting.append(postgres)


def start_stores() -> None:
    """Start what is named and not started yet, and wait until it answers."""
    started = [waiting.pop() for _ in range(len(waiting))]
    for store in started:
        atexit.register(store.stop)
        store.launch()
    for store in started:
        store.wait_ready()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give every run its own stores, before Django reads its settings."""
    name_stores()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the PostgreSQL that the workers of a parallel run share; this parent runs no test itself."""
    if session.config.getoption("numprocesses", None):
        start_stores()


@pytest.fixture(scope="session")
def stores() -> None:
    """PostgreSQL and Valkey run, at the addresses in the environment."""
    start_stores()
