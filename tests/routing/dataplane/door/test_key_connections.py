"""How many connections the calls of one key may hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from routing.dataplane.door.bounds import DoorLimits
from tests.routing.dataplane.door.doors import Caller, Door, door
from tests.routing.dataplane.door.test_callers import get, until
from tests.routing.serving import KEY, gateway_for, model_row

FEW = DoorLimits(connections=20, key_connections=3)


async def status(caller: Caller, path: str) -> int:
    await caller.send(get(path))
    return (await caller.answer()).status


@asynccontextmanager
async def callers(opened: Door, count: int) -> AsyncIterator[list[Caller]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opened.caller()) for _ in range(count)]


async def test_one_key_may_hold_so_many_connections_and_others_are_served() -> None:
    async with door(FEW) as opened:
        async with callers(opened, 5) as five:
            assert [await status(one, "/v1/of/1") for one in five] == [200, 200, 200, 429, 429]
            assert await five[3].rest() == b""
            assert [await status(one, "/v1/of/1") for one in five[:3]] == [200] * 3
            async with callers(opened, 3) as others:
                assert [await status(one, "/v1/of/2") for one in others] == [200] * 3
        await until(lambda: opened.server.connections == 0)
        async with callers(opened, 3) as again:
            assert [await status(one, "/v1/of/1") for one in again] == [200] * 3


async def test_a_connection_of_a_proxy_counts_for_the_key_that_called_last() -> None:
    async with door(FEW) as opened, callers(opened, 8) as eight:
        for key in (1, 2, 3, 1, 2, 3):
            assert [await status(one, f"/v1/of/{key}") for one in eight[:3]] == [200] * 3
        assert [await status(one, "/v1/of/1") for one in eight[3:6]] == [200] * 3
        assert await status(eight[6], "/v1/of/3") == 429
        assert await status(eight[7], "/v1/of/2") == 200


async def test_a_few_connections_in_all_leave_a_key_half() -> None:
    async with door(DoorLimits(connections=4)) as opened, callers(opened, 3) as three:
        assert [await status(one, "/v1/of/1") for one in three] == [200, 200, 429]


async def test_a_key_with_too_many_connections_is_told_so_by_listings_and_calls() -> None:
    head = f"host: x\r\nauthorization: Bearer {KEY}\r\n"
    listing = f"GET /v1/models HTTP/1.1\r\n{head}\r\n".encode()
    call = f"POST /v1/chat/completions HTTP/1.1\r\n{head}content-length: 2\r\n\r\n{{}}".encode()
    async with gateway_for([model_row("m")], door_limits=FEW) as running:
        asked = [(listing, 200)] * 3 + [(listing, 429), (call, 429)]
        five = [Caller(*await asyncio.open_connection("127.0.0.1", running.port)) for _ in asked]
        for caller, (request, status) in zip(five, asked, strict=True):
            await caller.send(request)
            found = await caller.answer()
            assert found.status == status
            if status == 429:
                assert (found.code, found.headers[b"connection"]) == ("too_many_connections", b"close")
                assert "one key may" in found.body.decode()
