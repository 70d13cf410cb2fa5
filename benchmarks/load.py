"""A load generator that costs as little as possible: raw asyncio protocols that send one request over and over.

`python benchmarks/load.py PORT CONNECTIONS SECONDS REQUEST_FILE` prints one JSON line. Latency is from request
to last byte, the first byte's apart; `events` counts the stream's events, `load_cpu_us` is what a call cost
this program.
"""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import cast

import httptools
import uvloop

WARM_UP_SECONDS = 0.5
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


class Run:
    """What all connections measure."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.first: list[float] = []
        self.events = self.errors = self.lost = 0
        self.counting = self.over = False


class Caller(asyncio.Protocol):
    """One connection with one request in flight."""

    def __init__(self, run: Run, request: bytes) -> None:
        self.run, self.request = run, request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpResponseParser(self)
        self.between = True
        self.again()

    def again(self) -> None:
        """What comes next: the request once more."""
        self.send()

    def send(self) -> None:
        """Send the request."""
        self.first_at = 0.0
        self.sent_at = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Take one whole answer without a parser, which halves the cost; parse everything else."""
        if self.between and data.startswith(b"HTTP/1.1 200 "):
            end = data.find(b"\r\n\r\n") + 4
            length = LENGTH.search(data, 0, end)
            if length is not None and end + int(length[1]) == len(data):
                self.first_at = time.perf_counter()
                self.answered(200)
                return
        self.between = False
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        """Count events."""
        if not self.first_at:
            self.first_at = time.perf_counter()
        if self.run.counting:
            self.run.events += data.count(b"data:")

    def on_message_complete(self) -> None:
        """One whole answer."""
        self.between = True
        self.answered(self.parser.get_status_code())

    def answered(self, status: int) -> None:
        """Measure, then again."""
        run = self.run
        if run.counting:
            now = time.perf_counter()
            run.latencies.append(now - self.sent_at)
            run.first.append(self.first_at - self.sent_at)
            run.errors += status != 200
        if not run.over:
            self.again()

    def connection_lost(self, error: Exception | None) -> None:
        """A connection may not end before the run does."""
        if not self.run.over:
            self.run.lost += 1


def share(values: list[float], part: float) -> float:
    """A percentile in milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000, 3) if ordered else 0.0


async def main(port: int, connections: int, seconds: float, request: bytes) -> None:
    """Run and print."""
    run = Run()
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(run, request), "127.0.0.1", port)
    await asyncio.sleep(WARM_UP_SECONDS)
    print("go", flush=True)
    run.counting = True
    begun, spent = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    run.counting, run.over = False, True
    elapsed, spent = time.perf_counter() - begun, time.process_time() - spent
    measured = {
        "calls": len(run.latencies),
        "seconds": elapsed,
        "events": run.events,
        "errors": run.errors + run.lost,
        "p50_ms": share(run.latencies, 0.5),
        "p99_ms": share(run.latencies, 0.99),
        "first_p50_ms": share(run.first, 0.5),
        "load_cpu_us": spent * 1e6 / max(1, len(run.latencies)),
    }
    print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]).read_bytes()))
