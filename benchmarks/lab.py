"""Measures the routing lab and writes docs/routing-lab.md with its results and pictures.

    python -m benchmarks.lab --seeds 10 --first-seed 0 --out docs/routing-lab --processes 2 [--data ../shared/traces]

`--data` is a folder with recordings; nothing of it is copied. `--quick` runs few settings. `--render` only writes the
page and the pictures again, from the results that are there.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import lab_measures as measures
from benchmarks.lab_page import page
from benchmarks.lab_pictures import draw
from benchmarks.simulator import late, pick_times, ready, throughput
from routing.lab.learn.evaluation.evaluate import machine
from routing.lab.learn.simulator.entries import names
from routing.lab.learn.workloads.curriculum import TRAINING_SEEDS

OUT = Path("docs/routing-lab")
CROSS_CHECK = "cross-check.json"
"""Written by benchmarks/cross_check.py into the same folder; shown if it is."""
ROUNDS, QUICK_ROUNDS = 7, 2
QUICK = ("static", "fcfs", "hrrn", "hrrn_tuned", "spaced_tuned", "ppo")


def answered(task: measures.Task) -> tuple[str, Any]:
    """A task's key and answer."""
    key, call = task
    return key, call()


def carried_out(tasks: Sequence[measures.Task], processes: int) -> list[tuple[str, Any]]:
    """The tasks' answers in their order. Workers are forked, so that they have the machine code that is here."""
    found = []
    with multiprocessing.get_context("fork").Pool(processes) as workers:
        for number, one in enumerate(workers.imap(answered, tasks), 1):
            found.append(one)
            told(number, len(tasks))
    return found


def told(done: int, total: int) -> None:
    """How far it is: on one line of a terminal that is wiped in the end, elsewhere every tenth."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" if done == total else f"\r{done} of {total} tasks")
        sys.stderr.flush()
    elif done * 10 // total > (done - 1) * 10 // total:
        print(f"{done} of {total} tasks", file=sys.stderr, flush=True)


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All results but the pictures' names."""
    began, seeds = time.monotonic(), range(options.first_seed, options.first_seed + options.seeds)
    policies, absent = ready(QUICK if options.quick else tuple(dict.fromkeys((*names(), *measures.BEST))))
    chosen = measures.settings(options.data, options.quick)
    found = carried_out(measures.tasks(chosen, policies, seeds), options.processes)
    load, rounds = os.getloadavg()[0], QUICK_ROUNDS if options.quick else ROUNDS
    speeds = throughput(policies, rounds, options.first_seed)
    best = [name for name in measures.BEST if name in policies]
    picks = [pick_times(name) for name in late(best)]
    made = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": command(options),
        "seconds": round(time.monotonic() - began, 1),
        "machine": machine(),
        "load": round(load, 2),
        **{name: getattr(options, name) for name in ("processes", "seeds", "first_seed", "quick")},
    }
    return {
        "made": made,
        "sources": measures.sources(),
        "absent": {name: why.replace(f"{measures.ROOT}/", "") for name, why in absent.items()},
        **measures.collected(chosen, found),
        "throughput": speeds,
        "picks": picks,
        "weights": measures.weights(),
        "curve": measures.curve(),
        "assumptions": measures.assumptions(),
    }


def command(options: argparse.Namespace) -> str:
    """What was asked, as it is typed; --data's folder by its name alone."""
    words = ["python -m benchmarks.lab", f"--seeds {options.seeds}", f"--first-seed {options.first_seed}"]
    words += [f"--out {options.out}", f"--processes {options.processes}"]
    return " ".join(
        [*words, *(["--data ../shared/traces"] if options.data else []), *(["--quick"] if options.quick else [])]
    )


def write(results: dict[str, Any], folder: Path) -> None:
    """The pictures, the results, and the page beside the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    other = folder / CROSS_CHECK
    checked = {"cross_check": json.loads(other.read_text(encoding="utf-8"))} if other.exists() else {}
    whole = {**results, **checked, "pictures": draw(results, folder)}
    (folder / "results.json").write_text(document(whole), encoding="utf-8")
    folder.with_suffix(".md").write_text(page(whole), encoding="utf-8")


def document(results: dict[str, Any]) -> str:
    """JSON with a line for each part, and for each member of a list."""
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {lines(value)}" for key, value in results.items()) + "\n}\n"


def lines(value: Any) -> str:
    """A part of the document."""
    if not isinstance(value, list) or not value:
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]"


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT, help="folder; the page lies beside it as OUT.md")
    parser.add_argument("--data", type=Path, help="folder with the recordings")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few settings and policies")
    parser.add_argument("--render", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if options.seeds < 1 or options.processes < 1 or options.first_seed < 0:
        parser.error("--seeds and --processes must be at least 1, --first-seed at least 0")
    if options.first_seed + options.seeds > TRAINING_SEEDS:
        parser.error(f"seeds from {TRAINING_SEEDS:,} on were trained on; take smaller ones")
    return options


def main() -> None:
    """Measure and write, or only write."""
    options = parsed()
    if options.render:
        results = json.loads((options.out / "results.json").read_text(encoding="utf-8"))
    else:
        results = measured(options)
    write(results, options.out)
    print(f"{options.out.with_suffix('.md')}: {results['made']['seconds'] / 60:.1f} minutes of measuring")


if __name__ == "__main__":
    main()
