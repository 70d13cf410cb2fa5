"""One load over one way: what is sent, and what is measured. Rates, latencies, and CPU from the kernel's schedstat."""

import json
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.gateway_ways import HERE, ROOT, Way

GRACE_SECONDS = 30
"""How much longer than its window a load may take before it is killed."""


@dataclass(frozen=True)
class Case:
    """One load: a name, connections in parallel, the request's fields beside the model, and what it is, in words."""

    name: str
    connections: int
    fields: dict[str, Any]
    words: str

    @property
    def unit(self) -> str:
        """What is counted: the chunks of streams, or calls."""
        return "chunk" if "stream" in self.fields else "call"

    @property
    def rate(self) -> str:
        """The figure that is this case's rate."""
        return "events_per_second" if self.unit == "chunk" else "per_second"

    @property
    def cost(self) -> str:
        """The figure that is this case's CPU."""
        return "cpu_us_per_event" if self.unit == "chunk" else "cpu_us"


MESSAGES = [{"role": "system", "content": "You are brief. " * 20}, {"role": "user", "content": "How are you? " * 20}]
LARGE = [{"role": "user", "content": "How are you? It is a long story. " * 1000}]
PACED = [{"role": "user", "content": "paced"}]
CASES = (
    Case("json-64", 64, {"messages": MESSAGES}, "64 connections, whole answers"),
    Case("json-16", 16, {"messages": MESSAGES}, "16 connections, whole answers"),
    Case("json-1", 1, {"messages": MESSAGES}, "one connection, whole answers"),
    Case("big-16", 16, {"messages": LARGE}, "16 connections, prompts of 32 KiB"),
    Case("burst-8", 8, {"messages": MESSAGES, "stream": True}, "8 streams of 200 chunks, sent at once"),
    Case("paced-8", 8, {"messages": PACED, "stream": True}, "8 streams of 50 chunks a second"),
    Case("paced-32", 32, {"messages": PACED, "stream": True}, "32 streams of 50 chunks a second"),
)
FIGURES = (
    "per_second", "cpu_us", "p50_ms", "p99_ms", "first_p50_ms", "events_per_second", "cpu_us_per_event",
    "load_cpu_us", "upstream_cpu_us",
)  # fmt: skip
Results = dict[str, dict[str, list[dict[str, float]]]]
"""The rounds of every way, by case and way."""


class LoadFailed(Exception):
    """Calls failed, or the load did not end in time."""


def nanoseconds(processes: tuple[psutil.Process, ...]) -> dict[str, int]:
    """CPU time so far of every thread that lives, by its folder in /proc."""
    found = {}
    for folder in (thread for one in processes for thread in Path(f"/proc/{one.pid}/task").glob("*")):
        with suppress(OSError):
            found[str(folder)] = int((folder / "schedstat").read_text().split()[0])
    return found


def spent_us(before: dict[str, int], after: dict[str, int]) -> float:
    """Microseconds that these threads, and new ones, have spent."""
    return sum(value - before.get(name, 0) for name, value in after.items()) / 1000


@contextmanager
def request(way: Way, fields: dict[str, Any]) -> Iterator[str]:
    """A file with one whole request."""
    body = json.dumps({"model": way.model, **way.fields, **fields}, separators=(",", ":")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n{way.headers}content-type: application/json\r\n"
    head += f"accept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with tempfile.NamedTemporaryFile() as file:
        file.write(head.encode() + body)
        file.flush()
        yield file.name


@contextmanager
def bounded(command: list[str], seconds: float) -> Iterator[IO[str]]:
    """The output of a program that is killed after so long, and in any case at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        alarm = threading.Timer(seconds, child.kill)
        alarm.start()
        try:
            assert child.stdout is not None
            yield child.stdout
        finally:
            alarm.cancel()
            child.kill()


def measure(way: Way, case: Case, seconds: float, upstream: psutil.Process) -> dict[str, float]:
    """One round of one case over one way. Raises LoadFailed."""
    seconds = max(seconds, way.least_seconds)
    with request(way, case.fields) as file:
        command = [sys.executable, str(HERE / "load.py"), str(way.port), str(case.connections), str(seconds), file]
        with bounded(command, seconds + GRACE_SECONDS) as output:
            output.readline()
            before, of_upstream = nanoseconds(way.processes), nanoseconds((upstream,))
            line = output.readline()
            spent = spent_us(before, nanoseconds(way.processes))
            spent_upstream = spent_us(of_upstream, nanoseconds((upstream,)))
    if not line:
        raise LoadFailed(f"it did not end within {seconds + GRACE_SECONDS:g} s")
    result: dict[str, float] = json.loads(line)
    if result["errors"] or not result["calls"]:
        raise LoadFailed(f"{result['errors']:.0f} calls failed, {result['calls']:.0f} did not")
    result["per_second"] = result["calls"] / result["seconds"]
    result["events_per_second"] = result["events"] / result["seconds"]
    result["cpu_us"] = spent / result["calls"]
    result["cpu_us_per_event"] = spent / max(1, result["events"])
    result["upstream_cpu_us"] = spent_upstream / result["calls"]
    return result


def median(rounds: list[dict[str, float]], figure: str) -> float:
    """The median of the rounds."""
    return statistics.median(each[figure] for each in rounds)


def ratio(ours: list[dict[str, float]], theirs: list[dict[str, float]], figure: str) -> float:
    """The median of the rounds' ratios; rounds stand side by side in time."""
    return statistics.median(one[figure] / max(other[figure], 1e-9) for one, other in zip(ours, theirs, strict=False))


def summary(rounds: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median, least and most of every figure."""
    values = {name: [each[name] for each in rounds] for name in FIGURES}
    return {
        name: {"median": statistics.median(found), "least": min(found), "most": max(found)}
        for name, found in values.items()
    }
