"""The soak and the measurement of open streams: commands that work, and that can find something."""

import random
import re
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.gateway_ways import ROOT
from benchmarks.soak import Sample, draw_mixed, failed, kind_of, slope
from benchmarks.streams import Costs
from benchmarks.truth_callers import Plan, Seen

READ = Plan("whole", 0.0, 3, True)


def printed(module: str, *arguments: str) -> str:
    """What a command prints; it must succeed."""
    command = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.slow
def test_a_short_soak_loses_no_record() -> None:
    told = printed("benchmarks.soak", "--minutes", "0.33", "--per-second", "15")
    found = re.search(r"(\d+) upstream faults; (\d+) failed otherwise; (\d+) records, (\d+) lost or wrong", told)
    assert found is not None, told
    faults, broken, records, wrong = map(int, found.groups())
    assert (broken, wrong) == (0, 0)
    assert faults > 0
    assert records > 100
    assert re.search(r"gateway: \d+\.\d MB at first, \d+\.\d MB at last, [+-]\d+\.\d MB an hour", told)
    assert len(re.findall(r"^ +\d+ +\d+ +\d+ +0(?: +\d+\.\dMB){3}$", told, re.MULTILINE)) >= 2


@pytest.mark.slow
def test_open_streams_are_cheap_and_upstreams_are_let_go() -> None:
    told = printed("benchmarks.streams", "--streams", "300", "--seconds", "1")
    assert "goal 20" in told
    assert "MISSED" not in told


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (Seen(READ, "a", 200, True, 3), False),
        (Seen(READ, "a", 200, False, 2), True),
        (Seen(READ, "", 0, False, 0), True),
        (Seen(Plan("refused", 0.0, 3, False), "a", 400, True, 0), False),
        (Seen(Plan("broken", 0.0, 3, False), "a", 200, True, 0), True),
        (Seen(Plan("cut", 0.0, 3, True), "a", 200, False, 2), False),
        (Seen(Plan("cut", 0.0, 3, True), "a", 200, True, 3), True),
        (Seen(Plan("whole", 0.0, 3, True, "leave-midway"), "a", 200, False, 2), False),
        (Seen(Plan("whole", 0.0, 3, False, "durable"), "a", 502, True, 0), True),
    ],
)
def test_a_call_that_ends_otherwise_than_its_upstream_has_failed(seen: Seen, found: bool) -> None:
    assert bool(failed([seen])) is found


def test_three_calls_in_ten_are_streams_and_some_callers_leave() -> None:
    rng = random.Random(1)
    plans = [draw_mixed(rng) for _ in range(3000)]
    kinds = Counter(map(kind_of, plans))
    assert 0.27 < kinds["stream"] / 3000 < 0.33
    assert 30 < kinds["durable"] < 90
    assert {plan.way for plan in plans} == {
        *("read", "dawdle", "half-close", "leave-before", "leave-midway", "leave-at-end", "durable")
    }


def test_memory_is_fitted_after_the_first_third() -> None:
    def sample(at: float) -> Sample:
        return Sample(at, {"gateway": 100.0 + at if at < 100 else 180.0 + at / 60})

    assert slope([sample(at) for at in range(0, 301, 10)], "gateway") == pytest.approx(60.0)
    assert slope([sample(0.0), sample(10.0)], "gateway") == 0.0


def test_a_goal_that_is_missed_is_said() -> None:
    assert Costs(19.9, 10, 50.0, 0.9).missed == []
    assert Costs(20.1, 10, 50.0, 1.1).missed == ["more than 20 KB a stream", "upstreams held for more than 1 s"]
