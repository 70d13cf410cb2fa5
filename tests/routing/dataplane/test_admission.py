"""H9: whoever is over a limit costs nothing: a call is counted before its body is read, whatever comes of it."""

import asyncio
import json

import pytest

from tests.registry.transports.faults import serving
from tests.routing.serving import KEY, caller_row, gateway_for, model_row
from tests.routing.upstreams import answering, failing

MESSAGES = [{"role": "user", "content": "hi"}]
WRONG = {
    "malformed": (b"{", 400),
    "unknown model": (b'{"model": "nope"}', 404),
    "invalid parameter": (json.dumps({"model": "m", "messages": MESSAGES, "stream": 7}).encode(), 400),
    "refused by the upstream": (json.dumps({"model": "refusing", "messages": MESSAGES}).encode(), 400),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_h9_refused_calls_count_a_key_of_five_a_minute_makes_five(wrong: str) -> None:
    body, status = WRONG[wrong]
    async with (
        serving(answering()) as upstream,
        serving(failing(400)) as refusing,
        gateway_for(
            [model_row("m", upstream.port), model_row("refusing", refusing.port)], [caller_row(calls_per_minute=5)]
        ) as g,
        g.http() as http,
    ):
        statuses = [(await http.post("/v1/chat/completions", content=body)).status_code for _ in range(20)]
        assert statuses == [status] * 5 + [429] * 15


async def test_h9_a_call_over_its_keys_limit_is_refused_before_its_body_arrives() -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port)], [caller_row(calls_per_minute=1)]) as g,
    ):
        async with g.http() as http:
            assert (await http.post("/v1/chat/completions", json={"model": "m", "messages": MESSAGES})).is_success
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            "content-length: 30000000\r\n\r\n".encode()
        )
        async with asyncio.timeout(20):
            line = await reader.readline()
        writer.close()
        assert line.startswith(b"HTTP/1.1 429 ")


async def test_h9_calls_whose_bodies_are_on_the_way_are_in_flight() -> None:
    async with (
        serving(answering()) as upstream,
        gateway_for([model_row("m", upstream.port)], [caller_row(max_concurrency=1)]) as g,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", g.port)
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
            'content-length: 100\r\n\r\n{"model":'.encode()
        )
        await writer.drain()

        async def call() -> int:
            async with g.http() as http:
                body = {"model": "m", "messages": MESSAGES}
                return (await http.post("/v1/chat/completions", json=body)).status_code

        async with asyncio.timeout(10):
            while await call() != 429:
                pass
            writer.close()
            while await call() != 200:
                pass
