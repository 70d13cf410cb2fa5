"""A gateway that is told to end lets calls in flight end first, for as long as it was told, and takes no new ones."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import reserved_port
from tests.registry.transports.faults import Peer
from tests.routing.plants import ROOT, Plant, until
from tests.routing.upstreams import CHUNKED, DONE, chunk, event

pytestmark = pytest.mark.slow


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@contextmanager
def gateway(plant: Plant, port: int, drain: float) -> Iterator["subprocess.Popen[bytes]"]:
    """One more gateway of the plant."""
    command = [sys.executable, "-m", "controlplane.gateway", "--port", str(port), "--number", "1"]
    command += ["--console", "unix:/nowhere", "--drain", str(drain)]
    process = subprocess.Popen(command, env=plant.environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


async def streaming(plant: Plant, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream that has begun."""
    body = json.dumps({"model": "good", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
    async with asyncio.timeout(30):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.write(f"{head}authorization: Bearer {plant.key}\r\n\r\n".encode() + body)
        await reader.readuntil(b"hel")
    return reader, writer


async def refused(port: int) -> None:
    """Wait until nobody listens."""
    async with asyncio.timeout(40):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                pass  # It was waiting to be accepted when the gateway let go of its socket.
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("drain", [30.0, 0.5])
async def test_a_stream_in_flight_ends_whole_if_it_ends_in_time(plant: Plant, drain: float) -> None:
    port, may_end = reserved_port(), asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, 0)
        await peer.request()
        await peer.send(CHUNKED + chunk(event("hel")))
        await may_end.wait()
        await peer.send(chunk(event("lo", "stop")) + chunk(DONE) + b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", plant.upstream)
    with gateway(plant, port, drain) as process:
        reader, writer = await streaming(plant, port)
        process.send_signal(signal.SIGTERM)
        await refused(port)
        if drain < 1:
            await asyncio.to_thread(process.wait, 40)
        may_end.set()
        rest = await asyncio.wait_for(reader.read(), 40)
        assert (b"[DONE]" in rest) == (drain > 1)
        assert await asyncio.to_thread(process.wait, 40) == 0
        writer.close()
    server.close()
    await asyncio.to_thread(until, lambda: plant.drained() == 1, 40, plant.log)
