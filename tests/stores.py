"""Starts PostgreSQL and Valkey once for a test run, before Django reads its settings."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from controlplane.services.postgres import Postgres
from controlplane.services.valkey import Valkey


def start_stores(shares_postgres: bool) -> None:
    """Start the stores in a temporary folder and name them in the environment.

    A worker of a parallel run has its parent's PostgreSQL, in which it makes a database of its own, and a Valkey and a
    data folder of its own: queues and notices of two workers must not meet.
    """
    folder = Path(tempfile.mkdtemp(prefix="patchbay-test-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "data" / "static").mkdir(parents=True)
    os.environ["DATA_DIR"] = str(folder / "data")
    valkey = Valkey(folder / "valkey")
    atexit.register(valkey.stop)
    valkey.launch()
    if not shares_postgres:
        postgres = Postgres(folder / "postgres")
        atexit.register(postgres.stop)
        postgres.start()
        os.environ["DATABASE_URL"] = postgres.url("patchbay") + "?options=-c%20patchbay.flush%3Don"
    valkey.wait_ready()
    os.environ["REDIS_URL"] = valkey.url


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give every run its own stores, before Django reads its settings."""
    start_stores(shares_postgres="PYTEST_XDIST_WORKER" in os.environ)
