"""`manage.py practice month` as a command: both halves on real installations, one JSON object, nothing left running."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.services.place import REPOSITORY
from versions import practised

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
QUICK = ("--models", "16", "--days", "4", "--day-seconds", "1", "--rate", "10", "--seed", "3", "--json")


def test_a_short_month_is_played_twice_and_told_as_one_object(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    own = {"DATA_DIR": str(data), "TMPDIR": str(tmp_path)}
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    done = subprocess.run(
        [sys.executable, "manage.py", "practice", "month", *QUICK],
        cwd=REPOSITORY, env=kept | own, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result.keys() >= set(practised.SHOWN)
    assert result["changes"] > 20
    assert result["updates"] > 0, "sources saw what changed"
    assert result["calls_with"] > 100
    assert result["calls_without"] > 100
    assert result["caller_errors_without"] > 0, "the upstreams really changed"
    assert practised.result(data) == result
    assert not list(tmp_path.glob("patchbay-month-*")), "both installations are deleted"
