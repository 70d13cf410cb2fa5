"""Two gateways of one installation keep a limit between them; one that is killed leaves its slots to the other."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from controlplane.services.ports import free_port
from tests.routing.plants import ROOT, Plant

pytestmark = pytest.mark.slow
BODY = {"model": "good", "messages": [{"role": "user", "content": "hi"}]}
LIMIT = 20


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
    """An upstream that takes calls and answers none. `now` are the calls that it holds, `most` ever at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            while await reader.read(65536):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.now -= 1
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


async def test_of_200_parallel_calls_over_two_gateways_20_run_and_a_killed_ones_slots_come_back(plant: Plant) -> None:
    key, ports = plant.key_for(LIMIT), (free_port(), free_port())
    fates: Counter[int] = Counter()

    async def call(http: httpx.AsyncClient, port: int) -> None:
        try:
            fates[(await http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=BODY)).status_code] += 1
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
            calls = [group.create_task(call(http, port)) for port in ports for _ in range(100)]
            await until(lambda: fates[429] == 180 and upstream.now == LIMIT, 20)
            assert (upstream.most, fates) == (LIMIT, Counter({429: 180}))
            os.kill(first.pid, signal.SIGKILL)

            def refilled() -> bool:
                calls.append(group.create_task(call(http, ports[1])))
                return fates[0] > 0 and upstream.now == LIMIT

            await until(refilled, 20)
            assert upstream.most == LIMIT
            for task in calls:
                task.cancel()
