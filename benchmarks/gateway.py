"""What a call costs through Patchbay, beside nginx, Envoy, ferrogw, SMG, Portkey and LiteLLM, interleaved in one run.

The ways, and what each does, are in gateway_ways.py and gateway_rivals.py; rivals are installed on demand below
DATA_DIR/rivals, and a row says why one is absent. Everything runs on this machine: the load generator and the upstream
share its cores with what they measure, so CPU a call is the steadiest figure and "direct" says what they can do.
Prints medians over rounds, every promise with met or missed, and the machine's load before and after.

    .venv/bin/python -m benchmarks.gateway [--rounds 3] [--seconds 3] [--gateways 2] [--cases json-64 ...]
        [--ways nginx envoy ...] [--python PYTHON] [--rivals FOLDER] [--json FILE]
"""

import argparse
import itertools
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import gateway_page as page
from benchmarks.browsing import browse
from benchmarks.gateway_measures import CASES, Case, LoadFailed, Results, measure, summary
from benchmarks.gateway_rivals import RIVALS, Absent, Homes
from benchmarks.gateway_targets import verdicts
from benchmarks.gateway_ways import NGINX, OURS, ROOT, Bench, Way, bench, direct, nginx, ours, pair

BROWSING = "browsing"
"""The case that is no load of its own: calls at a steady rate while pages are loaded."""
WARM_UP, WARM_UP_SECONDS = CASES[1], 1.0
"""Programs with a compiler of their own, such as node, are slow at first."""


@dataclass
class Run:
    """What a run found."""

    results: Results = field(default_factory=dict)
    browsing: list[dict[str, float]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)
    began: float = field(default_factory=time.time)

    def report(self, given: argparse.Namespace) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began)),
            "commit": page.commit(),
            "cores": os.cpu_count(),
            "load_before": self.load_before,
            "load_after": os.getloadavg(),
            "rounds": given.rounds,
            "seconds": given.seconds,
            "models": given.models,
            "absent": self.absent,
            "cases": {
                case: {way: summary(rounds) for way, rounds in by_way.items() if rounds}
                for case, by_way in self.results.items()
            },
            "browsing": self.browsing,
            "targets": [asdict(each) for each in verdicts(self.results, self.browsing)],
            "every_round": self.results,
        }


def start(one: Bench, given: argparse.Namespace, run: Run) -> list[Way]:
    """Start every way that was asked for; why one is absent goes to `run`."""
    found = [direct(one)]
    if NGINX in given.ways:
        found.append(nginx(one))
    for name in (name for name in RIVALS if name in given.ways):
        try:
            found.append(RIVALS[name](one, Homes(given.rivals)))
        except Absent as why:
            run.absent[name] = str(why)
    found.append(ours(one))
    if given.gateways == 2:
        found.append(pair(one))
    return found


def attempt(one: Bench, way: Way, case: Case, seconds: float, absence: tuple[str, Run]) -> dict[str, float] | None:
    """Measure; where a rival fails, note why under a name and find nothing. Raises SystemExit if ours fails."""
    try:
        return measure(way, case, seconds, one.mock)
    except LoadFailed as why:
        if way.name not in RIVALS:
            raise SystemExit(f"{way.name}, {case.name}: {why}") from None
        name, run = absence
        run.absent[name] = str(why)
        return None


def warm(one: Bench, ways: list[Way], run: Run) -> list[Way]:
    """Call over every way for a moment, uncounted; the ways that answer."""
    return [way for way in ways if attempt(one, way, WARM_UP, WARM_UP_SECONDS, (way.name, run))]


def play(one: Bench, ways: list[Way], given: argparse.Namespace, run: Run) -> None:
    """One round: every case over every way. A case that a rival fails is left out from there on."""
    for case, way in itertools.product([case for case in CASES if case.name in given.cases], ways):
        name = f"{way.name}, {case.name}"
        found = None if name in run.absent else attempt(one, way, case, given.seconds, (name, run))
        if found is not None:
            run.results.setdefault(case.name, {}).setdefault(way.name, []).append(found)
            one.forget_records()


def look_in(one: Bench, ways: list[Way], given: argparse.Namespace, run: Run) -> None:
    """One round of calls beside browsers."""
    try:
        run.browsing.append(browse(next(way for way in ways if way.name == OURS), one.key, given.seconds))
    except LoadFailed as why:
        run.absent[BROWSING] = str(why)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases, ways = [*(case.name for case in CASES), BROWSING], [NGINX, *RIVALS]
    data = Path(os.environ.get("DATA_DIR", ROOT / ".data")).absolute()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each way is measured in each round")
    parser.add_argument("--gateways", type=int, choices=(1, 2), default=2, help="2: two of ours as well as one")
    parser.add_argument("--cases", nargs="+", default=cases, choices=cases, metavar="CASE", help=" ".join(cases))
    parser.add_argument("--ways", nargs="*", default=ways, choices=ways, metavar="WAY", help=" ".join(ways))
    parser.add_argument("--models", type=int, default=500, help="how many models ours has")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs our gateway")
    parser.add_argument("--rivals", type=Path, default=data / "rivals", help="where other gateways are installed")
    parser.add_argument("--json", type=Path, help="write every figure here")
    return parser.parse_args()


def main() -> None:
    """Measure, print, perhaps write JSON."""
    given, run = options(), Run()
    given.rivals.mkdir(parents=True, exist_ok=True)
    print(f"load of the machine before it: {run.load_before[0]:.1f}", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    with bench(given.python, given.models) as one:
        ways = warm(one, start(one, given, run), run)
        for number in range(given.rounds):
            play(one, ways, given, run)
            if BROWSING in given.cases:
                look_in(one, ways, given, run)
            print(f"round {number + 1} of {given.rounds} done", file=sys.stderr)
    report = run.report(given)
    print(page.text(report, run.results))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
