"""Starts PostgreSQL and Valkey once for a test run, before Django reads its settings."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from controlplane.services.postgres import Postgres
from controlplane.services.valkey import Valkey


def start_stores() -> None:
    """Start both stores in a temporary folder and name them in the environment that xdist workers inherit."""
    folder = Path(tempfile.mkdtemp(prefix="patchbay-test-"))
    folder.chmod(0o711)
    os.environ["DATA_DIR"] = str(folder / "data")
    (folder / "data").mkdir()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
    atexit.register(postgres.stop)
    atexit.register(valkey.stop)
    postgres.start()
    valkey.start()
    os.environ["DATABASE_URL"] = postgres.url("patchbay") + "?options=-c%20patchbay.flush%3Don"
    os.environ["REDIS_URL"] = valkey.url


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give every run its own stores; workers of a parallel run share their parent's."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        start_stores()
