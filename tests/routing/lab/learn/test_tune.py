"""Tuning: the textbook is where the search begins, and a short search writes weights that the line-up takes."""

import json
from pathlib import Path

import numpy as np
import pytest

from routing.lab.learn.simulator import entries
from routing.lab.learn.training import tune
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS
from routing.lab.learn.workloads.traffic import Scenario, synthetic
from routing.policies import hrrn
from routing.scheduler import sources
from routing.scheduler.fleet import FleetLimits


def test_the_origin_is_the_textbook() -> None:
    weights, limits = tune.meaning("hrrn", np.zeros(len(tune.places("hrrn"))))
    assert weights == hrrn.WEIGHTS
    assert limits == FleetLimits(max_active=2)
    far = tune.meaning("hrrn", np.full(len(tune.places("hrrn")), 9.0))[1]
    assert far.max_active == tune.MOST_ACTIVE
    assert np.isfinite(far.replicate)


def test_a_short_search_writes_what_the_line_up_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = Scenario("small", calls=120, seconds=20.0, models=20, devices=3)
    monkeypatch.setattr(tune, "training_workload", lambda place: synthetic(small, TRAINING_SEEDS + place))
    monkeypatch.setattr(tune, "POOL", 8)
    monkeypatch.setattr(tune, "OWN", tune.Training())
    found = tune.tune("hrrn", tune.Budget(minutes=1.0, calls=20_000))
    file = tmp_path / "tuned.json"
    file.write_text(json.dumps(found))
    assert set(entries.tuned(file, hrrn.WEIGHTS, FleetLimits())[0]) == set(hrrn.WEIGHTS)
    record = found["record"]
    assert record["tuned"]
    assert record["objective"] <= record["textbook_objective"] == 1.0
    assert record["simulated_calls"] >= 20_000
    assert record["training_seeds"] == [1_000_000, 1_000_007]


def test_the_record_of_a_search_names_what_its_result_depends_on() -> None:
    modules = sources.modules_of(tune.ROUTING)
    reached = sources.closure(["routing.lab.learn.training.tune"], modules)
    assert {f"routing.policies.{name}" for name in tune.TUNED} <= set(reached)
    assert {"routing.scheduler.core", "routing.lab.learn.simulator.machine"} <= set(reached)
    assert {"routing.lab.learn.workloads.traffic", "routing.lab.learn.workloads.catalogue"} <= set(reached)
    assert tune.digest() == sources.digest(reached)
