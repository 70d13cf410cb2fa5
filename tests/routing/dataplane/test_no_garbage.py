"""A call that is over is gone at once, however it ended: it holds its caller's body, and collecting is rare."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from routing.dataplane.call import Call
from routing.dataplane.door.exchange import CallerExchange
from tests.registry.transports.faults import Peer, serving
from tests.routing.serving import KEY, Running, gateway_for, model_row
from tests.routing.upstreams import answering, event, failing, streaming

CHAT = b'{"model":"%b","messages":[{"role":"user","content":"hi"}]%b}'
SMALL = b'{"model":"good","messages":[' + b",".join([b'{"role":"user"}'] * 20_000) + b"]}"


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Garbage stays."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def request(body: bytes, key: str = KEY) -> bytes:
    """A call on a connection of its own."""
    lines = f"host: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + lines.encode() + body


async def send(g: Running, told: bytes) -> bytes:
    """The whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
    writer.write(told)
    answer = await reader.read()
    writer.close()
    return answer


async def leave(g: Running, told: bytes) -> None:
    """Send and go away."""
    _, writer = await asyncio.open_connection("127.0.0.1", g.port)
    writer.write(told)
    await asyncio.sleep(0.05)
    writer.transport.abort()


def left() -> list[str]:
    """What is still there of calls."""
    return [type(one).__name__ for one in gc.get_objects(0) if isinstance(one, Call | CallerExchange)]


@pytest.mark.usefixtures("uncollected")
async def test_nothing_is_left_of_a_call_that_is_over() -> None:
    async with (
        serving(answering()) as good,
        serving(streaming(event("a"), event("b", "stop"), b"data: [DONE]\n\n")) as flowing,
        serving(failing(500)) as broken,
        serving(streaming(event("a"), end=b"")) as cut,
        serving(silent) as mute,
        gateway_for(
            [
                model_row("good", good.port),
                model_row("broken", broken.port),
                model_row("flowing", flowing.port),
                model_row("cut", cut.port),
                model_row("mute", mute.port),
                model_row("away"),
            ]
        ) as g,
    ):
        for told, status in [
            (request(CHAT % (b"good", b"")), b"200"),
            (request(CHAT % (b"flowing", b',"stream":true')), b"200"),
            (request(SMALL), b"413"),
            (request(b"no json"), b"400"),
            (request(CHAT % (b"nobody", b"")), b"404"),
            (request(CHAT % (b"good", b""), "wrong"), b"401"),
            (request(CHAT % (b"broken", b"")), b"502"),
            (request(CHAT % (b"cut", b',"stream":true')), b"200"),
            (request(CHAT % (b"away", b"")), b"502"),
        ]:
            answer = await send(g, told)
            assert answer.split(b" ", 2)[1] == status, answer
            await settled(told)
        await leave(g, request(CHAT % (b"mute", b"")))
        await leave(g, request(CHAT % (b"mute", b',"stream":true')))
        await leave(g, request(SMALL)[:-5])
        await settled(b"left")


async def silent(peer: Peer) -> None:
    """Read and say nothing."""
    await peer.reader.read()


async def settled(told: bytes) -> None:
    """Wait until nothing is left: records and connections take a moment."""
    try:
        async with asyncio.timeout(20):
            while left():
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{left()} after {told[-80:]!r}")
