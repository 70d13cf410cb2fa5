"""What open streams cost a gateway: memory and CPU, and how soon upstreams are let go once their callers left.

The gateway is the real program with real sockets. Streams bring a chunk a second; a few are opened and closed before
the first look, so that only what each one adds is counted (PSS of the process). Exit status 1 if a goal is missed.

    python -m benchmarks.streams [--streams 1000] [--seconds 10]
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

import psutil

from benchmarks.soak import programs
from benchmarks.truth import product
from benchmarks.truth_callers import Plan, request
from routing.dataplane.door.server import raise_descriptor_limit

STREAM_GOAL_KB, LEFT_GOAL_SECONDS = 20.0, 1.0
WARM_UP = 20
PATIENCE_SECONDS = 60.0
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHOICE = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
EVENT = json.dumps({"id": "u", "object": "chat.completion.chunk", "model": "up", "choices": [CHOICE]}).encode()
CHUNK = b"%x\r\ndata: %b\n\n\r\n" % (len(EVENT) + 8, EVENT)


class Upstream(asyncio.Protocol):
    """Answers whatever comes with a stream that brings a chunk a second and does not end. `streams` are open."""

    def __init__(self, streams: set[asyncio.Transport]) -> None:
        self.streams = streams

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection; nothing was asked yet."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Begin."""
        if self.transport not in self.streams:
            self.streams.add(self.transport)
            self.transport.write(HEAD)
            self.speak()

    def speak(self) -> None:
        """A chunk, and later the next."""
        if not self.transport.is_closing():
            self.transport.write(CHUNK)
            asyncio.get_running_loop().call_later(1.0, self.speak)

    def connection_lost(self, error: Exception | None) -> None:
        """Let go."""
        self.streams.discard(self.transport)


@dataclass
class Callers:
    """Callers that listen to a stream each."""

    port: int
    body: bytes
    chunks: int = 0

    async def listen(self) -> None:
        """One stream, until cancelled."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        with suppress(asyncio.CancelledError):
            writer.write(self.body)
            while data := await reader.read(65536):
                self.chunks += data.count(b"data: ")
        writer.transport.abort()

    async def open(self, count: int, streams: set[asyncio.Transport]) -> list[asyncio.Task[None]]:
        """Open so many, each of which has had several chunks at the end."""
        callers = [asyncio.create_task(self.listen()) for _ in range(count)]
        wanted = self.chunks + 3 * count
        await until(lambda: len(streams) == count and self.chunks >= wanted)
        return callers


async def until(condition: Callable[[], bool]) -> float:
    """Wait for a condition; the seconds that it took. Raises SystemExit."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + PATIENCE_SECONDS:
            raise SystemExit(f"streams did not open or close within {PATIENCE_SECONDS:g} s")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@dataclass(frozen=True)
class Costs:
    """What was measured: KB a stream, chunks, CPU in microseconds a chunk, seconds until the last was let go."""

    kilobytes: float
    chunks: int
    cpu_us: float
    let_go: float

    @property
    def missed(self) -> list[str]:
        """The goals that are missed, in words."""
        memory = f"more than {STREAM_GOAL_KB:g} KB a stream" if self.kilobytes > STREAM_GOAL_KB else ""
        leaving = f"upstreams held for more than {LEFT_GOAL_SECONDS:g} s" if self.let_go > LEFT_GOAL_SECONDS else ""
        return [words for words in (memory, leaving) if words]


async def measure(port: int, upstream: int, key: str, gateway: psutil.Process, given: argparse.Namespace) -> Costs:
    """Open streams, look, listen for a while, look again, leave."""
    streams: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(streams), "127.0.0.1", upstream, backlog=1024)
    callers = Callers(port, request(key, Plan("whole", 0, 0, True)))
    for few in await callers.open(WARM_UP, streams):
        few.cancel()
    await until(lambda: not streams)
    before = gateway.memory_full_info().pss
    opened = await callers.open(given.streams, streams)
    kilobytes = (gateway.memory_full_info().pss - before) / 1024 / given.streams
    heard, spent = callers.chunks, sum(gateway.cpu_times()[:2])
    await asyncio.sleep(given.seconds)
    heard, spent = callers.chunks - heard, sum(gateway.cpu_times()[:2]) - spent
    for caller in opened:
        caller.cancel()
    let_go = await until(lambda: not streams)
    server.close()
    return Costs(kilobytes, heard, spent * 1e6 / max(1, heard), let_go)


def main() -> int:
    """Measure, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--streams", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=10.0)
    given = options.parse_args()
    raise_descriptor_limit()
    with product() as target:
        found = asyncio.run(measure(target.port, target.upstream, target.key, programs()["gateway"], given))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {given.streams} streams, a chunk a second each")
    print(f"memory {found.kilobytes:.1f} KB a stream (goal {STREAM_GOAL_KB:g})")
    print(f"CPU {found.cpu_us:.0f} us a chunk, of {found.chunks} chunks in {given.seconds:g} s")
    print(f"all callers left: upstreams let go within {found.let_go:.2f} s (goal {LEFT_GOAL_SECONDS:g})")
    print("".join(f"MISSED: {words}\n" for words in found.missed), end="")
    return 1 if found.missed else 0


if __name__ == "__main__":
    sys.exit(main())
