"""Two gateways of one installation keep a limit between them; one that is killed leaves its slots to the other.

What one of them learns of a replica the other knows.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from routing.dataplane.breaker import FAILURES
from tests.ports import reserved_port
from tests.registry.transports.faults import Peer
from tests.routing.plants import ROOT, Plant
from tests.routing.upstreams import CHUNKED, JSON, chunk, completion, event

pytestmark = pytest.mark.slow
BODY = {"model": "good", "messages": [{"role": "user", "content": "hi"}]}
LIMIT = 20
FAILED = b"HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def gateway(plant: Plant, port: int, number: int) -> Iterator["subprocess.Popen[bytes]"]:
    """One more gateway of the plant."""
    command = [sys.executable, "-m", "controlplane.gateway", "--port", str(port), "--number", str(number)]
    command += ["--console", "unix:/nowhere"]
    with (plant.data / f"gateway-{number}.log").open("wb") as log:
        process = subprocess.Popen(command, env=plant.environment, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


class Holding:
    """An upstream that takes calls and ends none, though streams begin.

    `now` are the calls that it holds, of which `streams` stream; `most` those that it ever held at once.
    """

    def __init__(self) -> None:
        self.now = self.most = self.streams = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        streams = bool(json.loads(body).get("stream"))
        self.now, self.streams = self.now + 1, self.streams + streams
        self.most = max(self.most, self.now)
        if streams:
            writer.write(CHUNKED + chunk(event("hel")))
        try:
            while await reader.read(65536):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.now, self.streams = self.now - 1, self.streams - streams
            writer.close()


@asynccontextmanager
async def holding(port: int) -> AsyncIterator[Holding]:
    upstream = Holding()
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", port, backlog=400)
    yield upstream
    server.close()


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not (found if isinstance(found := condition(), bool) else await found):
            await asyncio.sleep(0.05)


async def answers(port: int) -> bool:
    """Whether a gateway answers."""
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            return (await http.get(f"http://127.0.0.1:{port}/healthz")).is_success
    except httpx.TransportError:
        return False


async def test_of_200_calls_and_streams_over_two_gateways_20_run_and_a_killed_ones_slots_come_back(
    plant: Plant,
) -> None:
    key, ports = plant.key_for(LIMIT), (reserved_port(), reserved_port())
    fates: Counter[int] = Counter()

    async def call(http: httpx.AsyncClient, port: int, stream: bool) -> None:
        try:
            body = {**BODY, "stream": stream}
            fates[(await http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body)).status_code] += 1
        except httpx.TransportError:
            fates[0] += 1

    limits = httpx.Limits(max_connections=None)
    headers = {"authorization": f"Bearer {key}"}
    client = httpx.AsyncClient(headers=headers, trust_env=False, timeout=60, limits=limits)
    one, other = gateway(plant, ports[0], 1), gateway(plant, ports[1], 2)
    async with holding(plant.upstream) as upstream, client as http, asyncio.TaskGroup() as group:
        with one as first, other:
            for port in ports:
                await until(partial(answers, port), 30)
            calls = [group.create_task(call(http, port, n % 2 > 0)) for port in ports for n in range(100)]
            await until(lambda: fates[429] == 180 and upstream.now == LIMIT, 20)
            assert (upstream.most, fates) == (LIMIT, Counter({429: 180}))
            assert 0 < upstream.streams < LIMIT, "calls of both kinds run, and both count"
            os.kill(first.pid, signal.SIGKILL)

            def refilled() -> bool:
                calls.append(group.create_task(call(http, ports[1], len(calls) % 2 > 0)))
                return fates[0] > 0 and upstream.now == LIMIT

            await until(refilled, 20)
            assert upstream.most == LIMIT
            for task in calls:
                task.cancel()


class Replicas:
    """An upstream whose replica `bad` fails. `seen` are its calls by gateway and replica."""

    def __init__(self) -> None:
        self.seen: Counter[bytes] = Counter()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, 0)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := await peer.request():
                replica = request.split(b"/", 2)[1]
                self.seen[replica] += 1
                bad = replica == b"bad"
                await (peer.send(FAILED) if bad else peer.reply(completion(), JSON))
        writer.close()


async def test_a_circuit_that_one_gateway_opened_keeps_the_others_calls_away_within_a_second(plant: Plant) -> None:
    ports = (reserved_port(), reserved_port())
    upstream = Replicas()
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", plant.upstream)
    headers = {"authorization": f"Bearer {plant.key}"}
    client = httpx.AsyncClient(headers=headers, trust_env=False, timeout=20)

    async def called(port: int, times: int) -> list[int]:
        address = f"http://127.0.0.1:{port}/v1/chat/completions"
        return [(await client.post(address, json={**BODY, "model": "pooled"})).status_code for _ in range(times)]

    async def circuits(port: int) -> bool:
        return "patchbay_circuits_open 1.0" in (await client.get(f"http://127.0.0.1:{port}/metrics")).text

    async with server, client:
        with gateway(plant, ports[0], 1), gateway(plant, ports[1], 2):
            for port in ports:
                await until(partial(answers, port), 30)
            assert set(await called(ports[0], 60)) == {200}
            assert upstream.seen[b"bad"] == FAILURES
            await until(partial(circuits, ports[1]), 1)
            assert set(await called(ports[1], 60)) == {200}
            assert upstream.seen[b"bad"] == FAILURES, "the other gateway learned it without a call"
