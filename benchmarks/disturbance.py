"""What callers notice while others disturb: a row for each kind of disturbance, with memory.

The gateway and the console are the real programs with embedded PostgreSQL and Valkey and 500 models. Calls are sent at
a steady rate, each at its own time whether or not the one before has been answered, first alone, then beside a
disturber, a process of its own at the lowest priority. Every row begins with its own undisturbed figures. Memory is how
much the gateway, and the console, grew at most.

    .venv/bin/python -m benchmarks.disturbance [--seconds 5] [--rate 100] [--kinds pages deaf ...] [--json FILE]
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.disturbers import KINDS, exchange
from benchmarks.gateway_ways import Bench, bench, ours, running

SETTLE_SECONDS = {"rebuild": 20.0}
"""How long a disturber takes to begin; 2 s where nothing is said."""
Watched = tuple[psutil.Process, psutil.Process]
"""The gateway and the console."""


@dataclass(frozen=True)
class Row:
    """One kind of disturbance. Latencies in milliseconds, memory in MB."""

    kind: str
    calm_p50: float
    calm_p99: float
    p50: float
    p99: float
    calls: int
    errors: int
    gateway_grown: float
    console_grown: float


@dataclass
class Load:
    """Calls at a steady rate."""

    port: int
    request: bytes
    rate: float
    latencies: list[float]
    errors: int = 0

    async def one(self) -> None:
        """One call."""
        began = time.perf_counter()
        try:
            answer = await asyncio.wait_for(exchange(self.port, self.request), 30)
        except (OSError, TimeoutError):
            answer = b""
        self.latencies.append((time.perf_counter() - began) * 1000)
        self.errors += not answer.startswith(b"HTTP/1.1 200 ")

    async def run(self, seconds: float, watched: Watched) -> list[float]:
        """Call for so long; the most memory that each process had meanwhile, in MB."""
        began, most, calls = time.perf_counter(), memory(watched), []
        for number in range(round(seconds * self.rate)):
            await asyncio.sleep(began + number / self.rate - time.perf_counter())
            calls.append(asyncio.ensure_future(self.one()))
            if number % 20 == 0:
                most = [max(pair) for pair in zip(most, memory(watched), strict=True)]
        await asyncio.gather(*calls)
        return [max(pair) for pair in zip(most, memory(watched), strict=True)]


def memory(watched: Watched) -> list[float]:
    """MB that each process holds."""
    return [process.memory_info().rss / 1e6 for process in watched]


def request_of(key: str) -> bytes:
    """A small call."""
    body = json.dumps({"model": "bench-250", "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def percentiles(latencies: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    cuts = statistics.quantiles(latencies, n=100)
    return cuts[49], cuts[98]


def row(kind: str, port: int, one: Bench, watched: Watched, given: argparse.Namespace) -> Row:
    """Measure one kind."""
    key = one.key
    calm = Load(port, request_of(key), given.rate, [])
    before = asyncio.run(calm.run(given.seconds, watched))
    disturbed = Load(port, request_of(key), given.rate, [])
    with running([sys.executable, "-m", "benchmarks.disturbers", kind, str(port), key], one.environment):
        time.sleep(SETTLE_SECONDS.get(kind, 2.0))
        most = asyncio.run(disturbed.run(given.seconds, watched))
    shown = (*percentiles(calm.latencies), *percentiles(disturbed.latencies))
    grown = [max(0.0, after - earlier) for after, earlier in zip(most, before, strict=True)]
    return Row(kind, *shown, len(disturbed.latencies), calm.errors + disturbed.errors, *grown)


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--rate", type=float, default=100.0, help="calls a second")
    options.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    options.add_argument("--json", type=Path, help="write the figures here")
    given = options.parse_args()
    rows = []
    with bench(sys.executable) as started:
        way = ours(started)
        (console,) = [each for each in psutil.Process().children() if "controlplane.console" in each.cmdline()]
        watched = (way.processes[0], console)
        httpx.get(f"http://127.0.0.1:{way.port}/sign-in", trust_env=False, timeout=30).raise_for_status()
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {given.rate:g} calls/s for {given.seconds:g} s")
        titles = ("calm p50", "p99", "p50", "p99", "ratio", "errors", "gateway MB", "console MB")
        print(f"{'ms':14}" + "".join(f"{title:>12}" for title in titles))
        for kind in given.kinds:
            one = row(kind, way.port, started, watched, given)
            rows.append(one)
            figures = (one.calm_p50, one.calm_p99, one.p50, one.p99, one.p99 / one.calm_p99)
            counts = (one.errors, one.gateway_grown, one.console_grown)
            cells = [*(f"{figure:12.1f}" for figure in figures), *(f"{count:12.0f}" for count in counts)]
            print(f"{kind:14}" + "".join(cells), flush=True)
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in rows], indent=1))


if __name__ == "__main__":
    main()
