"""What is recorded of a call is what its caller received: whole, or left before the end."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.registry.transports.faults import Peer, serving
from tests.routing.serving import KEY, Running, gateway_for, model_row
from tests.routing.upstreams import CHUNKED, DONE, JSON, body_of, chunk, completion, event

CALLS = 1000
AT_ONCE = 125
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


@dataclass(frozen=True)
class Received:
    """What one caller had when it left or was let go: the request's id, if told, and whether the end was there."""

    request_id: str
    whole: bool


async def paced(peer: Peer) -> None:
    """A stream that lasts as many seconds as the message says, whose framing ends in a packet of its own."""
    while True:
        asked = body_of(await peer.request())
        seconds = float(asked["messages"][0]["content"])
        if not asked.get("stream"):
            await asyncio.sleep(seconds)
            await peer.reply(completion(), JSON)
            continue
        await peer.send(CHUNKED)
        for _ in range(4):
            await peer.send(chunk(event("a")))
            await asyncio.sleep(seconds / 4)
        await peer.send(chunk(event("", "stop")) + chunk(event(usage=USAGE, choices=[]) + DONE))
        await asyncio.sleep(0.02)
        await peer.send(b"0\r\n\r\n")


def request(seconds: float, version: str, *lines: str, stream: bool = True) -> bytes:
    content = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": str(seconds)}]}
    body = json.dumps(content).encode()
    head = [f"POST /v1/chat/completions HTTP/{version}", "host: h", f"authorization: Bearer {KEY}", *lines]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


async def until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    """All bytes up to `end`, or to the end of the connection."""
    got = b""
    with suppress(ConnectionError):
        while end not in got and (piece := await reader.read(65536)):
            got += piece
    return got


def received(got: bytes, end: bytes = DONE) -> Received:
    name = b"x-request-id: "
    found = got.partition(name)[2].partition(b"\r\n")[0] if name in got else b""
    return Received(found.decode(), end in got)


async def keeps_alive(port: int, pace: Sequence[float]) -> list[Received]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = []
    for seconds in pace:
        writer.write(request(seconds, "1.1"))
        found.append(received(await until(reader, b"\r\n0\r\n\r\n")))
    writer.close()
    return found


async def alone(port: int, sent: bytes, end: bytes = b"no such bytes", *, half: bool = False) -> Received:
    """One call on a connection of its own, read up to `end`; what comes after that is not waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    if half:
        writer.write_eof()
    found = received(await until(reader, end))
    writer.transport.abort()
    return found


async def one_after_the_other(port: int, way: str, pace: Sequence[float]) -> list[Received]:
    if way == "keep-alive":
        return await keeps_alive(port, pace)
    found = []
    for seconds in pace:
        if way == "close":
            found.append(await alone(port, request(seconds, "1.1", "connection: close")))
        elif way == "HTTP/1.0":
            found.append(await alone(port, request(seconds, "1.0")))
        elif way == "half-closed":
            found.append(await alone(port, request(seconds, "1.1"), half=True))
        elif way == "leaves at the last byte":
            found.append(await alone(port, request(seconds, "1.1"), DONE))
        else:
            found.append(await alone(port, request(seconds, "1.1"), b'"a"'))
    return found


def outcomes(g: Running) -> dict[str, tuple[int, str]]:
    return {row["id"]: (row["status"], row["usage_basis"]) for row in g.delivered}


@pytest.mark.parametrize(
    "way", ["keep-alive", "close", "HTTP/1.0", "half-closed", "leaves at the last byte", "leaves before"]
)
async def test_a_thousand_streams_are_recorded_as_their_callers_saw_them(way: str) -> None:
    chosen = random.Random(way)
    paces = [[chosen.choice((0.05, 0.15, 0.21, 0.3, 0.6)) for _ in range(CALLS // AT_ONCE)] for _ in range(AT_ONCE)]
    paces[0][-1] = 5.0
    async with serving(paced) as server, gateway_for([model_row("m", server.port)]) as g:
        seen = await asyncio.gather(*(one_after_the_other(g.port, way, pace) for pace in paces))
        calls = [one for each in seen for one in each]
        told = [one for one in calls if one.request_id]
        assert len(told) == (0 if way == "half-closed" else CALLS)
        await g.records(CALLS, within=20)
        recorded = outcomes(g)
        wrong = [
            (one, recorded[one.request_id])
            for one in told
            if recorded[one.request_id] != ((200, "reported") if one.whole else (499, "partial"))
        ]
        assert wrong == []
        assert Counter(status for status, _ in recorded.values()) == Counter(200 if one.whole else 499 for one in calls)
        expected = {"half-closed": 0, "leaves before": 0}.get(way, CALLS)
        assert sum(one.whole for one in calls) == expected


@pytest.mark.parametrize("seconds", [0.05, 0.3])
async def test_a_caller_that_leaves_before_a_whole_answer_is_recorded_as_gone(seconds: float) -> None:
    async with serving(paced) as server, gateway_for([model_row("m", server.port)]) as g:
        _, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(request(seconds, "1.1", stream=False))
        while not g.gateway._forwarder.outstanding:
            await asyncio.sleep(0.001)
        writer.transport.abort()
        (row,) = await g.records(1)
        assert (row["status"], row["failure"]) == (499, "cancelled")


async def test_an_answer_longer_than_200_ms_is_recorded_as_answered() -> None:
    async with serving(paced) as server, gateway_for([model_row("m", server.port)]) as g:
        found = await alone(g.port, request(0.4, "1.1", "connection: close", stream=False))
        (row,) = await g.records(1)
        assert (row["id"], row["status"], row["usage_basis"]) == (found.request_id, 200, "reported")


async def test_a_caller_that_leaves_while_the_end_waits_for_room_is_recorded_as_gone() -> None:
    """The caller reads nothing: the last part of the stream waits behind earlier ones, and then the caller leaves."""
    flood = b"".join(chunk(event("x" * 60_000)) for _ in range(200))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + flood + chunk(event("", "stop") + DONE) + b"0\r\n\r\n")

    async with serving(script) as server, gateway_for([model_row("m", server.port)]) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, limit=1024)
        writer.write(request(0, "1.1"))
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        (row,) = await g.records(1)
        assert (row["status"], row["usage_basis"]) == (499, "partial")
