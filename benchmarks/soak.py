"""Memory over minutes of mixed calls: three in ten are streams, callers leave at every point, upstreams fail.

The calls, their upstream and the product are those of benchmarks/truth.py. Each ten seconds a line says how much memory
the gateway, the console and the worker hold (RSS), how many calls were made, and how many failed though their upstream
did not. At the end every record is held against what its caller had, and a line is fitted to the gateway's memory after
the first third. Exit status 1 if a call failed of itself, or a record is lost or wrong.

    .venv/bin/python -m benchmarks.soak [--minutes 10] [--per-second 20] [--seed 1]
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from benchmarks import truth_upstream
from benchmarks.truth import Product, bounded, compare, product, totals, until
from benchmarks.truth_callers import Plan, Seen, draw

STREAMS, DURABLE = 0.3, 0.02
PATIENCE_SECONDS = 300.0
"""How long a caller waits: a worker of a busy machine takes its time with durable calls."""
EVERY_SECONDS = 10.0
PROGRAMS = {"gateway": "controlplane.gateway", "console": "controlplane.console", "worker": "controlplane.celery:app"}
WANTED = {"whole": 200, "mute": 200, "cut": 200, "refused": 400, "broken": 502}
"""The status that a caller who stays gets, by what the upstream does."""


@dataclass(frozen=True)
class Sample:
    """A look at the processes: seconds since the start, MB by program."""

    at: float
    memory: dict[str, float]


@dataclass
class Soak:
    """A run, and what it has found so far."""

    target: Product
    rng: random.Random
    per_second: float
    processes: dict[str, psutil.Process] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    in_flight: int = 0

    async def run(self, seconds: float) -> None:
        """Call for so long, at a steady rate that does not wait for answers, and look every ten seconds."""
        server = await truth_upstream.serve(self.target.upstream)
        watching = asyncio.create_task(self.watch())
        began, calls = time.monotonic(), set[asyncio.Task[None]]()
        while time.monotonic() < began + seconds:
            calls.add(asyncio.create_task(self.call(draw_mixed(self.rng))))
            calls = {call for call in calls if not call.done() or call.result()}
            await asyncio.sleep(self.rng.expovariate(self.per_second))
        await asyncio.gather(*calls)
        watching.cancel()
        server.close()

    async def call(self, plan: Plan) -> None:
        """One call."""
        self.in_flight += 1
        self.seen.append(await bounded(self.target, plan, PATIENCE_SECONDS))
        self.in_flight -= 1

    async def watch(self) -> None:
        """Look at the processes, and print a line, until cancelled."""
        began = time.monotonic()
        print(f"{'seconds':>8}{'calls':>8}{'open':>6}{'failed':>8}" + "".join(f"{name:>10}" for name in self.processes))
        while True:
            memory = {name: process.memory_info().rss / 1e6 for name, process in self.processes.items()}
            one = Sample(time.monotonic() - began, memory)
            self.samples.append(one)
            counts = f"{one.at:8.0f}{len(self.seen):8}{self.in_flight:6}{len(failed(self.seen)):8}"
            print(counts + "".join(f"{size:8.1f}MB" for size in memory.values()), flush=True)
            await asyncio.sleep(EVERY_SECONDS)


def draw_mixed(rng: random.Random) -> Plan:
    """A call: three in ten are streams, two in a hundred durable."""
    kind = rng.choices(("stream", "durable", "plain"), (STREAMS, DURABLE, 1 - STREAMS - DURABLE))[0]
    while kind_of(plan := draw(rng)) != kind:
        pass
    return plan


def kind_of(plan: Plan) -> str:
    """What a call is: a stream, durable, or plain."""
    return "stream" if plan.stream else "durable" if plan.way == "durable" else "plain"


def failed(seen: Sequence[Seen]) -> list[Seen]:
    """The calls whose caller stayed, and that ended otherwise than their upstream did."""
    stayed = [one for one in seen if one.plan.way in ("read", "dawdle", "durable")]
    return [one for one in stayed if one.status != WANTED[one.plan.kind] or one.whole is (one.plan.kind == "cut")]


def slope(samples: Sequence[Sample], program: str) -> float:
    """How fast a program's memory grows after the first third, in MB an hour; 0 if too few looks were taken."""
    late = [one for one in samples if one.at >= samples[-1].at / 3]
    if len(late) < 3:
        return 0.0
    line = statistics.linear_regression([one.at for one in late], [one.memory[program] for one in late])
    return line.slope * 3600


def programs() -> dict[str, psutil.Process]:
    """The processes that are watched, by name."""
    children = psutil.Process().children()
    return {
        name: next(child for child in children if word in child.cmdline() and "beat" not in child.cmdline())
        for name, word in PROGRAMS.items()
    }


def main() -> int:
    """Soak, wait for the records, compare, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--per-second", type=float, default=20.0, help="calls a second")
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with product() as target:
        soak = Soak(target, random.Random(given.seed), given.per_second, programs())
        asyncio.run(soak.run(given.minutes * 60))
        seen = soak.seen
        wanted = len(seen) + sum(one.plan.way == "durable" for one in seen)
        until(lambda: len(target.rows()) >= wanted, f"{wanted} records")
        wrong = [*compare(seen, target.rows()), *totals(target, seen)]
    broken = failed(seen)
    kinds = Counter(kind_of(one.plan) for one in seen)
    left = sum(one.plan.way.startswith(("leave", "half")) for one in seen)
    faults = sum(WANTED[one.plan.kind] != 200 or one.plan.kind == "cut" for one in seen)
    print(f"{len(seen)} calls: {kinds['stream']} streams, {kinds['durable']} durable; {left} callers left,")
    print(f"{faults} upstream faults; {len(broken)} failed otherwise; {wanted} records, {len(wrong)} lost or wrong")
    for name in soak.processes:
        first, last = soak.samples[0].memory[name], soak.samples[-1].memory[name]
        print(f"{name}: {first:.1f} MB at first, {last:.1f} MB at last, {slope(soak.samples, name):+.1f} MB an hour")
    print("\n".join([*map(str, broken[:20]), *wrong[:50]]))
    return 1 if broken or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
