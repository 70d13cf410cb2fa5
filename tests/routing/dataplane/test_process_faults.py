"""Whole programs die, hang and come back: what callers notice of it. Figures are those of reliability promises."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import psutil
import pytest

from tests.programs import waited_for_core
from tests.registry.transports.faults import Peer
from tests.routing.plants import Plant, until
from tests.routing.upstreams import CHUNKED, DONE, JSON, chunk, completion, event

pytestmark = pytest.mark.slow
MEGABYTE = 1024 * 1024
STREAMS = 200
LIMIT = 1.0


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@asynccontextmanager
async def upstream(plant: Plant) -> AsyncIterator[None]:
    """The models' upstream: it answers, streams, says nothing, or stalls, by the path's first part."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, 0)
        try:
            while True:
                request = await peer.request()
                await serve(peer, request.split(b"/", 2)[1], b'"stream":true' in request.replace(b" ", b""))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    # A full queue of connections drops more of them, and the kernel tries again a second later: past a limit of 1 s.
    server = await asyncio.start_server(accept, "127.0.0.1", plant.upstream, backlog=2 * STREAMS)
    try:
        yield
    finally:
        server.close()


async def serve(peer: Peer, model: bytes, stream: bool) -> None:
    """One answer."""
    if model == b"silent":
        await peer.reader.read()
    elif not stream:
        await peer.reply(completion(), JSON)
    elif model == b"long":
        await peer.send(CHUNKED)
        piece = chunk(event("x" * 16_000))
        while True:
            await peer.send(piece)
    elif model == b"stalling":
        await peer.send(CHUNKED + chunk(event("hel")))
        await peer.reader.read()
    else:
        await peer.send(CHUNKED + chunk(event("hel")) + chunk(event("lo", "stop")) + chunk(DONE) + b"0\r\n\r\n")


async def begin(
    plant: Plant, model: str, stream: bool, key: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send one call on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", plant.port, limit=64 * 1024)
    body = json.dumps({"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    writer.write(f"{head}authorization: Bearer {key or plant.key}\r\n\r\n".encode() + body)
    return reader, writer


async def call(plant: Plant, model: str = "good", stream: bool = False, key: str = "") -> tuple[int, bytes]:
    """One whole call: its status and what came. 0 if no answer came."""
    try:
        reader, writer = await begin(plant, model, stream, key)
        answer = await reader.read()
        writer.close()
    except OSError:
        return 0, b""
    return (int(answer[9:12]), answer) if answer else (0, b"")


class Load:
    """About 50 calls a second, three of ten streamed, until it is stopped; counts their statuses."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.seen: Counter[int] = Counter()
        self._running = True
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._running = False
        await self._task

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            number = 0
            while self._running:
                group.create_task(self._one(number % 10 < 3))
                number += 1
                await asyncio.sleep(0.02)

    async def _one(self, stream: bool) -> None:
        status, answer = await call(self.plant, stream=stream)
        whole = (b"data: [DONE]" if stream else b'"hello"') in answer
        self.seen[status if whole or status != 200 else -1] += 1


async def calls_seen(load: Load, more: int) -> None:
    """Wait until `more` further calls have ended."""
    wanted = load.seen.total() + more
    async with asyncio.timeout(20):
        while load.seen.total() < wanted:
            await asyncio.sleep(0.02)


async def test_killed_stores_cost_known_callers_nothing_and_no_record_is_lost(plant: Plant) -> None:
    async with upstream(plant):
        load = Load(plant)
        await calls_seen(load, 50)
        await asyncio.to_thread(plant.kill_stores)
        assert (await call(plant, key="pb-never-seen"))[0] == 503
        await calls_seen(load, 100)
        assert "degraded" in (await asyncio.to_thread(plant.ready))["status"]
        await asyncio.to_thread(plant.start_stores)
        await calls_seen(load, 50)
        await load.stop()
    assert set(load.seen) == {200}

    def delivered() -> bool:
        fates = plant.fates()
        return not list((plant.data / "spool").glob("*.calls")) and fates["recorded"] <= sum(
            fates[name] for name in ("delivered", "spooled")
        )

    await asyncio.to_thread(until, delivered, 40, plant.log)
    fates = plant.fates()
    assert (fates["dropped"], fates["spooled"] > 0) == (0, True)
    assert await asyncio.to_thread(plant.drained) == fates["recorded"] == load.seen.total() + 1
    await asyncio.to_thread(until, lambda: plant.ready()["status"] == "ready", 40, plant.log)
    assert plant.models("pb-never-seen") == 401


async def test_a_start_without_stores_serves_within_five_seconds_and_says_degraded(plant: Plant) -> None:
    async with upstream(plant):
        plant.kill_stores()
        plant.kill_web()
        seconds = await asyncio.to_thread(plant.start_web)
        status, answer = await call(plant)
        assert (status, b'"hello"' in answer) == (200, True)
        assert seconds <= 5
        told = await asyncio.to_thread(plant.ready)
        assert told["status"] == "degraded"
        assert any("PostgreSQL has not been read" in words for words in told["reasons"])
        assert (await call(plant, key="pb-never-seen"))[0] == 503
        await asyncio.to_thread(plant.start_stores)
        await asyncio.to_thread(until, lambda: plant.ready()["status"] == "ready", 40, plant.log)


async def test_a_killed_web_process_fails_its_own_calls_only(plant: Plant) -> None:
    async with upstream(plant):
        reader, writer = await begin(plant, "long", True)
        await reader.readuntil(b"data:")
        plant.kill_web()
        assert b"[DONE]" not in await reader.read()
        writer.close()
        await asyncio.to_thread(plant.start_web)
        for stream in (False, True):
            assert (await call(plant, stream=stream))[0] == 200


async def settled(size: Callable[[], int]) -> int:
    """A size in bytes, once it has not moved by more than 4 MB for a second."""
    sizes = [size()]
    async with asyncio.timeout(30):
        while len(sizes) < 5 or max(sizes[-4:]) - min(sizes[-4:]) > 4 * MEGABYTE:
            await asyncio.sleep(0.25)
            sizes.append(size())
    return sizes[-1]


async def test_slow_readers_of_long_streams_cost_bounded_memory(plant: Plant) -> None:
    assert plant.web is not None
    process = psutil.Process(plant.web.gateway)
    async with upstream(plant):
        assert (await call(plant, stream=True))[0] == 200
        before = process.memory_info().rss
        readers = await asyncio.gather(*(begin(plant, "long", True) for _ in range(STREAMS)))
        try:
            await asyncio.gather(*(reader.readuntil(b"data:") for reader, _ in readers))
            after = await settled(lambda: process.memory_info().rss)
            assert (await call(plant))[0] == 200
        finally:
            for _, writer in readers:
                writer.transport.abort()
        await asyncio.to_thread(until, lambda: plant.outstanding() == 0, 40, plant.log)
    growth = (after - before) / STREAMS
    assert growth <= MEGABYTE, f"{growth / MEGABYTE:.2f} MB a stream"


@pytest.mark.parametrize(("model", "stream"), [("silent", False), ("silent", True), ("stalling", True)])
async def test_an_upstream_that_hangs_is_ended_within_its_limit_and_a_second(
    plant: Plant, model: str, stream: bool
) -> None:
    assert plant.web is not None
    busy = (os.getpid(), plant.web.gateway)
    async with upstream(plant):
        begun, waited = time.monotonic(), waited_for_core(*busy)
        status, answer = await call(plant, model, stream)
        seconds = time.monotonic() - begun
        assert seconds >= LIMIT
        assert seconds - (waited_for_core(*busy) - waited) <= LIMIT + 1
        assert status == (200 if model == "stalling" else 504)
        assert f"Model '{model}'".encode() in answer
        assert b"[DONE]" not in answer
