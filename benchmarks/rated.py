"""Calls at a steady rate that does not wait for answers.

`python -m benchmarks.rated PORT CONNECTIONS SECONDS REQUEST_FILE RATE` prints one JSON line. Latency counts from the
moment a call was due, so that a server that stands still is not spared the calls that should have come meanwhile.
"""

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path

import uvloop

from benchmarks.load import WARM_UP_SECONDS, Caller, Run, share

TICK_SECONDS = 0.001


class Schedule(Run):
    """Calls that are due, and callers that have nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self.due: deque[float] = deque()
        self.idle: list[RatedCaller] = []


class RatedCaller(Caller):
    """One connection, which sends when a call is due."""

    def __init__(self, schedule: Schedule, request: bytes) -> None:
        super().__init__(schedule, request)
        self.schedule = schedule

    def again(self) -> None:
        """Send the call that is due longest, or wait for the next."""
        if not self.schedule.due:
            self.schedule.idle.append(self)
            return
        self.send()
        self.sent_at = self.schedule.due.popleft()


async def tick(schedule: Schedule, rate: float) -> None:
    """Make calls due, each at its own time."""
    began = time.perf_counter()
    for number in range(sys.maxsize):
        at = began + number / rate
        while at > time.perf_counter():
            await asyncio.sleep(TICK_SECONDS)
        schedule.due.append(at)
        if schedule.idle:
            schedule.idle.pop().again()


async def main(port: int, connections: int, seconds: float, request: bytes, rate: float) -> None:
    """Run and print."""
    schedule, loop = Schedule(), asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: RatedCaller(schedule, request), "127.0.0.1", port)
    ticker = asyncio.create_task(tick(schedule, rate))
    await asyncio.sleep(WARM_UP_SECONDS)
    print("go", flush=True)
    schedule.counting = True
    await asyncio.sleep(seconds)
    schedule.counting, schedule.over = False, True
    ticker.cancel()
    measured = {
        "calls": len(schedule.latencies),
        "errors": schedule.errors + schedule.lost,
        "waiting": len(schedule.due),
        "p50_ms": share(schedule.latencies, 0.5),
        "p99_ms": share(schedule.latencies, 0.99),
    }
    print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    uvloop.run(main(int(given[0]), int(given[1]), float(given[2]), Path(given[3]).read_bytes(), float(given[4])))
