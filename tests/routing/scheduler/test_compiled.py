"""Machine code and digests follow their sources: a constant that changes anywhere below is never run stale."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from routing.scheduler import sources

ROUTING = Path(sources.__file__).resolve().parents[1]
COUNTS = """
import numpy as np
from routing.scheduler.compiled import KEPT
from routing.scheduler.fleet import DEVICE, MODEL, FleetLimits, empty
from routing.scheduler.merits import reload_share

models, devices = np.ones(1, MODEL), np.ones(1, DEVICE)
fleet = empty(models, devices, 1, FleetLimits())
fleet.models["rate_at"] = 0.0
assert KEPT
print(float(reload_share(fleet, 0, 60.0)), sum(reload_share.stats.cache_hits.values()))
"""
"""exp(-60 / SLOW_S), compiled in merits.py out of a constant of queueing.py; and whether the code was found on disk."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the scheduler that has its own cache."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROUTING / "scheduler", folder / "routing" / "scheduler", ignore=shutil.ignore_patterns("*.pyc"))
    (folder / "routing" / "__init__.py").touch()
    return folder


def share(package: Path) -> tuple[float, int]:
    """The compiled result of the copy to five places, and how many functions came from the cache."""
    run = subprocess.run([sys.executable, "-c", COUNTS], cwd=package, capture_output=True, text=True, check=True)
    value, hits = run.stdout.split()
    return round(float(value), 5), int(hits)


def test_a_constant_that_changes_in_another_module_is_in_the_next_result(package: Path) -> None:
    assert share(package) == (0.81873, 0)
    assert share(package) == (0.81873, 1)
    queueing = package / "routing" / "scheduler" / "queueing.py"
    text = queueing.read_text(encoding="utf-8")
    queueing.write_text(re.sub(r"^FAST_S, SLOW_S = .*$", "FAST_S, SLOW_S = 10.0, 60.0", text, flags=re.MULTILINE))
    assert share(package) == (0.36788, 0)


def test_the_code_of_a_module_is_made_of_all_that_it_imports_by_any_spelling() -> None:
    modules = {
        "house": "",
        "house.core": "import house.physics\nfrom house import rates as shares, roof",
        "house.physics": "def later():\n    from house.deep.constants import HEAT",
        "house.deep.constants": "HEAT = 1",
        "house.rates": "from elsewhere import house",
        "house.roof": "",
        "house.page": "from house import core",
    }
    assert set(sources.closure(["house.core"], modules)) == set(modules) - {"house.page"}
    assert sources.importers("house.core", modules) == ["house.page"]
    assert sources.importers("house.rates", modules) == ["house.core"]
    changed = {**modules, "house.deep.constants": "HEAT = 2"}
    digests = {sources.digest(sources.closure(["house.core"], one)) for one in (modules, changed)}
    assert len(digests) == 2


def test_every_module_that_compiles_is_in_the_name_of_the_machine_code() -> None:
    modules = sources.modules_of(ROUTING)
    made_of = sources.closure(sources.importers("routing.scheduler.compiled", modules), modules)
    decorated = {
        name for name, text in modules.items() if re.search(r"^@(compiled|inlined|njit)\b", text, re.MULTILINE)
    }
    assert decorated
    assert decorated <= set(made_of)
