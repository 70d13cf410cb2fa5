"""`manage.py lab evaluate` and `manage.py lab race`: the routing lab from the command line; needs no store."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.lab.learn.evaluation.bounds import floors
from routing.lab.learn.evaluation.evaluate import Question, evaluate
from routing.lab.learn.simulator.entries import ORACLE
from routing.lab.learn.simulator.race import race
from routing.lab.learn.workloads.scenarios import scenario_source

COLUMNS = {
    "policy": "policy", "mean_s": "mean s", "p50_s": "p50", "p95_s": "p95", "p99_s": "p99", "max_wait_s": "max wait",
    "slowdown": "slowdown", "useful": "useful", "loading": "loading", "duty": "duty", "makespan_s": "makespan",
    "loads": "loads", "joules_per_request": "J/call", "decision_us": "us/decision", "bound_ratio": "x bound",
}  # fmt: skip


class Command(BaseCommand):
    """Compares routing policies on simulated fleets. A typo costs one line that lists what is known."""

    help = "Compare routing policies on simulated fleets (evaluate), or watch some side by side (race)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, about in (("evaluate", "play policies on seeded workloads"), ("race", "one JSON object a line")):
            one = verbs.add_parser(verb, help=about)
            one.add_argument("--scenario", default="A", help="A to G, or together")
            one.add_argument("--policy", default="static,hrrn,hrrn_tuned", help="names with commas between")
        race_verb, evaluate_verb = verbs.choices["race"], verbs.choices["evaluate"]
        race_verb.add_argument("--seed", type=int, default=0)
        evaluate_verb.add_argument("--seeds", type=int, default=10)
        evaluate_verb.add_argument("--first-seed", type=int, default=0)
        evaluate_verb.add_argument("--devices", type=int, help="calls change in proportion")
        evaluate_verb.add_argument("--models", type=int)
        evaluate_verb.add_argument("--alpha", type=float, help="skew of the models' popularity (Zipf)")
        evaluate_verb.add_argument("--cv", type=float, help="burstiness: coefficient of variation between arrivals")
        evaluate_verb.add_argument("--trace", default="", help="replay a recording instead of made-up arrivals")
        evaluate_verb.add_argument("--data", type=Path, help="folder with the recordings")
        evaluate_verb.add_argument("--versus", default="", help="the policy that all others are compared with")
        evaluate_verb.add_argument("--oracle", action="store_true", help="add each policy with true sizes known")
        evaluate_verb.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["verb"] == "race":
                self.race(options)
            else:
                self.evaluate(options)
        except (ValueError, RuntimeError, OSError) as error:
            raise CommandError(str(error)) from error

    def race(self, options: dict[str, Any]) -> None:
        """One JSON object a line, each at once."""
        for moment in race(options["scenario"], named(options), options["seed"]):
            self.stdout.write(json.dumps(moment))
            self.stdout.flush()

    def evaluate(self, options: dict[str, Any]) -> None:
        """A JSON document, or a table."""
        shape = {key: options[key] for key in ("devices", "models", "alpha", "cv")}
        name, workload = scenario_source(options["scenario"], shape, options["trace"], options["data"])
        policies = named(options)
        if options["oracle"]:
            policies += [one + ORACLE for one in policies if not one.endswith(ORACLE)]
        question = Question(name, workload, tuple(policies), options["seeds"], options["first_seed"], options["versus"])
        found = evaluate(question, progress, floors)
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
            return
        for line in table(found):
            self.stdout.write(line)


def named(options: dict[str, Any]) -> list[str]:
    """The policies' names."""
    return [name.strip() for name in options["policy"].split(",") if name.strip()]


def progress(done: int, total: int) -> None:
    """How far it is, on one line of a terminal that is wiped in the end; silent elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" if done == total else f"\r{done} of {total} runs")
        sys.stderr.flush()


def table(found: dict[str, Any]) -> list[str]:
    """The document as aligned lines, the comparison last."""
    columns = [key for key in COLUMNS if any(key in row for row in found["policies"])]
    lines = [[COLUMNS[key] for key in columns] + ["difference, 95 % CI"]]
    for row in found["policies"]:
        lines.append([shown(row.get(key, "")) for key in columns] + [difference(row)])
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    head = f"scenario {found['scenario']}, {found['seeds']} seeds from {found['first_seed']} on; shares over makespan"
    return [head, *("  ".join(_aligned(line, widths)).rstrip() for line in lines)]


def _aligned(line: list[str], widths: list[int]) -> list[str]:
    first, *rest, last = line
    numbers = [text.rjust(width) for text, width in zip(rest, widths[1:], strict=True)]
    return [first.ljust(widths[0]), *numbers, last]


def shown(value: object) -> str:
    """A cell: large numbers without decimals."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.3f}"
    return str(value)


def difference(row: dict[str, Any]) -> str:
    """How the row compares with the reference."""
    if "versus" not in row:
        return ""
    one = row["versus"]
    interval = one["ci95_percent"]
    sure = "one seed" if interval is None else f"{interval[0]:+.1f} to {interval[1]:+.1f} %"
    return f"{one['difference_percent']:+.1f} % ({sure}) of {one['policy']}"
