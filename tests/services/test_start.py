"""The measurement of a gateway's start: it starts real ones, and tells goals that are missed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.start import missed
from controlplane.services.place import REPOSITORY

FIGURES = {"ready s", "ready CPU s", "first call s", "PSS MB", "RSS MB", "idle CPU ms/s"}
WELL = {"ready s": 1.9, "PSS MB": 80.0, "idle CPU ms/s": 4.0}


@pytest.mark.slow
def test_it_measures_first_and_later_starts_of_each_size(tmp_path: Path) -> None:
    command = ["benchmarks.start", "--models", "5,20", "--starts", "1", "--idle", "0.5", "--json", str(tmp_path / "x")]
    done = subprocess.run([sys.executable, "-m", *command], cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    found = json.loads((tmp_path / "x").read_text())
    assert list(found["models"]) == ["5", "20"]
    for each in found["models"].values():
        assert list(each) == ["first", "again"]
        for figures in each.values():
            assert set(figures) == FIGURES
            assert 0 < figures["ready CPU s"] < 60
            assert 0 < figures["ready s"] < figures["first call s"] < 60
            assert 20 < figures["PSS MB"] <= figures["RSS MB"] < 300
    assert bool(found["missed"]) == (done.returncode == 1)


@pytest.mark.parametrize(
    ("models", "figure", "value", "told"),
    [
        (500, "ready s", 2.1, True),
        (500, "PSS MB", 121.0, True),
        (500, "idle CPU ms/s", 5.1, True),
        (10_000, "ready s", 3.9, False),
        (10_000, "ready s", 4.1, True),
        (10_000, "PSS MB", 140.0, False),
        (20, "ready s", 9.0, False),
    ],
)
def test_a_goal_that_is_missed_is_told(models: int, figure: str, value: float, told: bool) -> None:
    lines = missed(models, {"first": WELL, "again": {**WELL, figure: value}})
    assert [figure in line and "again" in line for line in lines] == ([True] if told else [])


def test_a_gateway_loads_nothing_that_it_does_not_need() -> None:
    """Each of them would cost every gateway megabytes and part of its start."""
    programs = "celery kombu numpy numba scipy uvicorn httpx plotly channels registry.emulators"
    names = f"{programs} huggingface_hub dulwich picklescan versions.diff.classify versions.sources"
    code = f"import sys, controlplane.gateway; print(*(set({names.split()!r}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
