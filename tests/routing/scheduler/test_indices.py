"""Weights and features are found by name: their order is free, and one that is inserted shifts no other."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from routing.scheduler import indices
from routing.scheduler.indices import NamedIndex

ROUTING = Path(indices.__file__).resolve().parents[1]
SCORES = """
import json, zlib
import numpy as np
from routing.policies.learned import policy
from routing.policies.learned.observation import COUNT, Feature, observe
from routing.scheduler import core, merits
from routing.scheduler.core import BIND, EVICT, LOAD, PLACE, START, Point
from routing.scheduler.fleet import CALL, DEVICE, MODEL, Fleet, FleetLimits, empty
from routing.scheduler.indices import names

def numbers(name, count):
    return np.random.default_rng(zlib.crc32(name.encode())).uniform(0.2, 1.5, count)

models, devices = np.zeros(3, MODEL), np.zeros(2, DEVICE)
for name, least in (("memory_gb", 5), ("load_s", 4), ("wake_s", 1), ("step_a", 0.1), ("step_b", 0.01)):
    models[name] = np.linspace(least, 6 * least, 3)
models["typical_units"], models["slots"], models["watts"], models["gflop_per_unit"] = 3.0, 4, 300.0, 20.0
devices["memory_gb"], devices["weights_gb"], devices["speed"], devices["celsius"] = 60.0, 40.0, 1.0, 50.0
made = empty(models, devices, 9, FleetLimits())
fleet = Fleet(*(array.view(np.recarray) if array.dtype.names else array for array in made))
fleet.calls["model"], fleet.calls["predicted_units"] = np.arange(9) % 3, np.linspace(1, 20, 9)
candidates = np.zeros(8, np.int64)
now = 0.0
for call in range(9):
    now += 7.0
    core.arrive(fleet, call, now)
    while (point := core.next_point(fleet, candidates)).kind:
        core.apply(fleet, point, int(candidates[0]))
    if call in (2, 5):
        for device in range(2):
            if fleet.devices[device].loading >= 0:
                core.loaded(fleet, device, now + 1.0)

weights = np.array([numbers(name, 1)[0] for name in names(merits.MeritWeight)])
rows, scores = [], {}
for kind in (BIND, START, PLACE, LOAD, EVICT):
    for model in range(3):
        by_device = kind in (BIND, PLACE)
        if kind == EVICT and fleet.places[model, 0] < 0 or kind in (START, LOAD) and fleet.models[model].waiting == 0:
            continue
        point = Point(kind, -1 if by_device else 0, model if by_device else -1, 8 if by_device else -1, 1, now + 1.0)
        candidate = 0 if by_device else model
        row = np.zeros(COUNT)
        observe(fleet, point, candidate, row)
        row[Feature.BASE_SCORE] = policy.base_score(fleet, point, candidate, weights)
        rows.append(row)
        scores[f"{kind} {model}"] = {name: row[place] for place, name in enumerate(names(Feature))}
first = np.array([numbers(name, policy.HIDDEN) - 0.8 for name in names(Feature)[policy.SEEN:]]).ravel()
rest = numbers("rest", policy.SIZE - policy.BASE - len(first)) - 0.8
learned = policy.learned_scores(np.array(rows), np.concatenate([weights, first, rest]))
print(json.dumps({"rows": scores, "learned": learned.tolist()}))
"""
"""What the heuristic and the network say of a small fleet, all weights drawn by their names."""
CLASSES = {"MeritWeight": "scheduler/merits.py", "Feature": "policies/learned/observation.py"}
Order = Callable[[Sequence[str]], list[str]]


def inserted(lines: Sequence[str]) -> list[str]:
    """One more after the second."""
    return [*lines[:2], "    INSERTED = 0.25", *lines[2:]]


def reordered(lines: Sequence[str]) -> list[str]:
    """All but the first, whose place is promised, the other way round."""
    return [lines[0], *reversed(lines[1:])]


def scored(folder: Path, order: Order | None = None) -> dict[str, Any]:
    """What a copy of the sources says in which the entries of both lists are ordered anew."""
    for room in ("scheduler", "policies"):
        shutil.copytree(ROUTING / room, folder / "routing" / room, ignore=shutil.ignore_patterns("*.pyc", "weights"))
    (folder / "routing" / "__init__.py").touch()
    for name, path in CLASSES.items() if order else ():
        file = folder / "routing" / path
        text = file.read_text(encoding="utf-8")
        body = re.search(rf"^class {name}\([^=]*?\n\n((?:    [A-Z_0-9]+ = .*\n)+)", text, re.MULTILINE)
        assert body
        assert order
        file.write_text(text.replace(body[1], "\n".join(order(body[1].splitlines())) + "\n"), encoding="utf-8")
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    run = subprocess.run([sys.executable, "-c", SCORES], cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    said: dict[str, Any] = json.loads(run.stdout)
    return said


@pytest.mark.parametrize("order", [inserted, reordered])
def test_scores_do_not_move_when_a_weight_or_a_feature_is_inserted_or_moved(tmp_path: Path, order: Order) -> None:
    before, after = scored(tmp_path / "before"), scored(tmp_path / "after", order)
    assert len(before["learned"]) > 6
    assert len({round(score, 6) for score in before["learned"]}) == len(before["learned"])
    for decision, row in before["rows"].items():
        assert {name: after["rows"][decision][name] for name in row} == row
    assert after["learned"] == pytest.approx(before["learned"], rel=1e-9)


def test_an_index_counts_in_the_order_of_its_class_and_equal_entries_stay_apart() -> None:
    class Two(NamedIndex):
        FIRST_S = 1.0
        SECOND_S = 1.0

    assert [int(one) for one in Two] == [0, 1]
    assert indices.names(Two) == ("first_s", "second_s")
    assert indices.defaults(Two) == {"first_s": 1.0, "second_s": 1.0}
