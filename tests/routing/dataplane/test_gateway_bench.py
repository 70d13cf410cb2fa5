"""The benchmark of gateways: it measures real programs, and its verdicts can go either way."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.gateway_measures import FIGURES, nanoseconds, ratio, spent_us
from benchmarks.gateway_rivals import Absent, Homes, install
from benchmarks.gateway_targets import Promise, judge, verdicts
from benchmarks.gateway_ways import ROOT

CHEAP = Promise("json-64", "cpu_us", "patchbay", "nginx", at_most=4)
FAST = Promise("json-64", "per_second", "patchbay", "litellm", at_least=180)


@pytest.mark.slow
@pytest.mark.timeout(250)
def test_it_measures_our_gateway_beside_nginx(tmp_path: Path) -> None:
    report_at = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.gateway", "--rounds", "1", "--seconds", "0.5", "--models", "2"]
    command += ["--gateways", "1", "--cases", "json-16", "burst-8", "--ways", "nginx", "--json", str(report_at)]
    environment = os.environ | {"DATA_DIR": str(tmp_path)}
    told = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert told.returncode == 0, told.stderr
    report = json.loads(report_at.read_text())
    assert list(report["cases"]) == ["json-16", "burst-8"]
    assert report["absent"] == {}
    assert len(report["load_before"]) == len(report["load_after"]) == 3
    for by_way in report["cases"].values():
        assert list(by_way) == ["direct", "nginx", "patchbay"]
        assert all(set(figures) == set(FIGURES) for figures in by_way.values())
        for way in ("nginx", "patchbay"):
            assert by_way[way]["per_second"]["median"] > 0
            assert by_way[way]["cpu_us"]["median"] > 0
    chunks = report["cases"]["burst-8"]["patchbay"]
    assert chunks["events_per_second"]["median"] > 100 * chunks["per_second"]["median"]
    judged = {each["words"]: each for each in report["targets"]}
    assert judged["burst-8, chunks a second: patchbay ÷ nginx"]["met"] in (True, False)
    assert judged["json-64, calls a second: patchbay ÷ litellm"]["met"] is None
    assert "| patchbay |" in told.stdout
    assert "load of the machine" in told.stdout


@pytest.mark.parametrize(("ours", "met"), [(40.0, True), (40.1, False)])
def test_a_bound_from_above(ours: float, met: bool) -> None:
    results = {"json-64": {"patchbay": [{"cpu_us": ours}], "nginx": [{"cpu_us": 10.0}]}}
    assert judge(CHEAP, results).met is met


@pytest.mark.parametrize(("ours", "met"), [(17_999.0, False), (18_000.0, True)])
def test_a_bound_from_below(ours: float, met: bool) -> None:
    results = {"json-64": {"patchbay": [{"per_second": ours}], "litellm": [{"per_second": 100.0}]}}
    assert judge(FAST, results).met is met


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {each.met for each in verdicts({}, [])} == {None}


def test_a_ratio_is_taken_within_each_round() -> None:
    busy, calm = {"cpu_us": 100.0}, {"cpu_us": 10.0}
    assert ratio([busy, calm, calm], [busy, calm, calm], "cpu_us") == 1


def test_pages_twice_as_slow_are_allowed_and_no_more() -> None:
    def last(p99: float) -> bool | None:
        return verdicts({}, [{"p99_ms": p99, "calm_p99_ms": 3.0}])[-1].met

    assert last(6.0) is True
    assert last(6.1) is False


def test_cpu_of_threads_that_began_in_the_window_counts() -> None:
    assert spent_us({"a": 1_000, "gone": 9_000}, {"a": 4_000, "new": 2_000}) == 5
    here = (psutil.Process(),)
    before, until = nanoseconds(here), time.process_time() + 0.03
    while time.process_time() < until:
        pass
    assert spent_us(before, nanoseconds(here)) > 20_000


def test_a_rival_without_its_installer_is_absent_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Absent, match="nodejs npm"):
        Homes(tmp_path).node()
    with pytest.raises(Absent, match="no such package"):
        install(["/bin/sh", "-c", "echo no such package >&2; exit 1"], tmp_path)
