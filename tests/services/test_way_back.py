"""A release that breaks while it is rolled out, with real programs that are killed in that moment."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.way_back import FAULTS, GOAL_S, measured, patchbay

pytestmark = pytest.mark.slow


def test_the_old_release_serves_all_soon_and_no_call_fails_though_worker_console_and_a_gateway_are_killed(
    tmp_path: Path,
) -> None:
    """Each run kills the worker and the console at the break, every other run a gateway with its calls in flight."""
    with patchbay(tmp_path) as running:
        runs = asyncio.run(measured(running, len(FAULTS), 25, 40.0, kill=True))
    assert [run.fault for run in runs] == list(FAULTS)
    assert [run.failed for run in runs] == [0] * len(FAULTS)
    assert max(run.back_s for run in runs) <= GOAL_S, runs
    assert [run.lost for run in runs][::2] == [0, 0]
    assert all(run.lost <= 20 for run in runs), runs
