"""What simulating costs: requests a second of one core by policy, and what one decision among 500 candidates takes.

    python -m benchmarks.simulator [--policy NAMES] [--rounds 7] [--json]

Processor time of the event loop alone: neither compiling nor making the workload counts, nor what other work on the
machine takes away. Medians over rounds; a busy machine still costs caches and clock.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from routing.lab.learn.evaluation.evaluate import machine
from routing.lab.learn.simulator import events as simulator
from routing.lab.learn.simulator.entries import names, ready_policy
from routing.lab.learn.simulator.simulation import prepared
from routing.lab.learn.workloads.traffic import SCENARIOS, Scenario, Workload, synthetic
from routing.scheduler import core as scheduler
from routing.scheduler.core import REST, Point

LIGHT = "A, a fifth of its calls"
LOADS: dict[str, Scenario] = {
    "A": SCENARIOS["A"],
    "G": SCENARIOS["G"],
    LIGHT: replace(SCENARIOS["A"], name="light", calls=1600),
}
WANTED_PER_S = 300_000
CROWD = replace(SCENARIOS["together"], name="crowd", models=640, calls=640)
"""So many models called at once that a loader that gets free chooses among more than 500."""
CANDIDATES, PICKS, WARM_UP = 500, 5000, 200


def requests_per_s(name: str, workload: Workload, rounds: int) -> dict[str, Any]:
    """The median and the range over the rounds; each runs the whole workload from a cold fleet."""
    one, speeds = ready_policy(name), []
    for number in range(rounds + 1):
        fleet, clock, buffers = prepared(workload, one)
        began = time.process_time()
        simulator.run(fleet, clock, one.pick, buffers)
        took = time.process_time() - began
        if number:
            speeds.append(len(workload.at) / took)
    return {
        "policy": name,
        "requests_per_s": round(statistics.median(speeds)),
        "range": [round(min(speeds)), round(max(speeds))],
    }


def throughput(policies: Sequence[str], rounds: int, seed: int = 0) -> list[dict[str, Any]]:
    """A row for each load and policy."""
    found = []
    for label, scenario in LOADS.items():
        workload = synthetic(scenario, seed)
        found += [{"load": label, **requests_per_s(name, workload, rounds)} for name in policies]
    return found


def pick_times(name: str, picks: int = PICKS) -> dict[str, Any]:
    """Microseconds of one decision, the call from Python included, at the first point with CANDIDATES candidates.

    `p50_us` and `p99_us` are processor time; `wall_p99_us` is what passed, other work on the machine included.
    Raises ValueError if the policy meets none: one that binds early never chooses among so many.
    """
    one = ready_policy(name)
    fleet, clock, buffers = prepared(synthetic(CROWD, 0), one)
    while simulator.step(fleet, clock):
        point = scheduler.next_point(fleet.fleet, buffers.candidates)
        while point.kind != REST and point.count < CANDIDATES:
            few = buffers.candidates[: point.count]
            candidate = one.pick(fleet.fleet, point, few, buffers.weights, buffers.memory, buffers.parts)
            simulator.carry_out(fleet, point, scheduler.settled(fleet.fleet, point, few, candidate))
            point = scheduler.next_point(fleet.fleet, buffers.candidates)
        if point.count >= CANDIDATES:
            return {"policy": name, **timed(one.pick, (fleet.fleet, point), buffers, picks)}
    raise ValueError(f"{name} never chose among {CANDIDATES} candidates")


def timed(pick: Any, at: tuple[Any, Point], buffers: simulator.PolicyBuffers, picks: int) -> dict[str, Any]:
    """The same decision again and again: it changes nothing until it is carried out."""
    fleet, point = at
    few, took = buffers.candidates[:CANDIDATES], np.zeros((WARM_UP + picks, 2))
    for number in range(len(took)):
        wall, own = time.perf_counter_ns(), time.thread_time_ns()
        pick(fleet, point, few, buffers.weights, buffers.memory, buffers.parts)
        took[number] = time.thread_time_ns() - own, time.perf_counter_ns() - wall
    (p50, _), (p99, wall_p99) = np.percentile(took[WARM_UP:] / 1e3, (50, 99), axis=0).tolist()
    found = {"p50_us": p50, "p99_us": p99, "wall_p99_us": wall_p99}
    return {"candidates": CANDIDATES, **{name: round(value, 1) for name, value in found.items()}}


def ready(wanted: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """The policies that can run, in that order, and of the others the reason."""
    there, absent = [], {}
    for name in wanted:
        try:
            ready_policy(name)
        except ValueError as error:
            absent[name] = str(error)
        else:
            there.append(name)
    return tuple(there), absent


def late(policies: Sequence[str]) -> list[str]:
    """Those that bind late."""
    return [name for name in policies if not ready_policy(name).limits.early]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", default="", help="names with commas between; all that there are unless said")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    chosen, absent = ready([name for name in options.policy.split(",") if name] or names())
    rows, picks = throughput(chosen, options.rounds), [pick_times(name) for name in late(chosen)]
    if options.json:
        print(
            json.dumps({"machine": machine(), "load": os.getloadavg()[0], "throughput": rows, "picks": picks}, indent=2)
        )
        return
    here = machine()
    print(
        f"{here['processor']}, one of {here['cores']} cores, load {os.getloadavg()[0]:.1f}; wanted {WANTED_PER_S:,}/s"
    )
    for row in rows:
        low, high = row["range"]
        print(f"{row['load']:24}{row['policy']:20}{row['requests_per_s']:>9,} requests/s  ({low:,} to {high:,})")
    for one in picks:
        took = f"{one['p50_us']:9.1f} us, p99 {one['p99_us']:.1f} us, on the clock {one['wall_p99_us']:.1f} us"
        print(f"{CANDIDATES} candidates          {one['policy']:20}{took}")
    for name, reason in absent.items():
        print(f"left out: {name}: {reason}")


if __name__ == "__main__":
    main()
