"""Callers on real sockets: requests in any cut and order, and every one of them bounded in size and time."""

import asyncio
import json
import os
import resource
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.dataplane.door.bounds import DoorLimits
from routing.dataplane.door.head import HEAD_BYTES
from tests.routing.dataplane.door.doors import LARGE, QUICK, Caller, Door, answers, door
from tests.routing.dataplane.door.test_head import REFUSED

CLOSE = b"GET /v1/last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def post(path: str, body: bytes, *lines: str) -> bytes:
    """A POST with a length."""
    told = "".join(line + "\r\n" for line in lines)
    return f"POST {path} HTTP/1.1\r\nhost: x\r\n{told}content-length: {len(body)}\r\n\r\n".encode() + body


def chunks(path: str, *parts: bytes) -> bytes:
    """A POST in chunks."""
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))


def get(path: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def test_every_cut_of_a_request_gives_the_same_answers() -> None:
    data = post("/v1/a", b"hello") + chunks("/v1/b", b"he", b"llo") + CLOSE
    async with door() as open_door:
        whole = await open_door.exchange(data)
        assert [json.loads(found.body)["body"] for found in whole] == ["hello", "hello", ""]
        for cut in range(1, len(data), 3):
            assert [found.body for found in await open_door.exchange(data[:cut], data[cut:])] == [
                found.body for found in whole
            ]
        drip = await open_door.exchange(*[data[at : at + 1] for at in range(len(data))])
        assert [found.body for found in drip] == [found.body for found in whole]


@pytest.mark.parametrize("shape", REFUSED)
async def test_a_shape_that_is_refused_reaches_nobody_and_the_connection_closes(shape: str) -> None:
    async with door() as open_door:
        found = await open_door.exchange(REFUSED[shape] + get("/v1/smuggled"))
        assert [one.status // 100 in (4, 5) for one in found] == [True]
        assert found[0].code
        assert found[0].headers[b"connection"] == b"close"
        assert open_door.echo.calls == []


KINDS = {
    "get": get("/v1/get"),
    "head": get("/v1/head", "HEAD"),
    "length": post("/v1/length", b"x" * 300),
    "chunks": chunks("/v1/chunks", b"a" * 100, b"b"),
    "parts": get("/v1/parts"),
    "unchanged": get("/v1/unchanged"),
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(kinds=st.lists(st.sampled_from(list(KINDS)), max_size=8), cut=st.integers(0, 900))
def test_requests_of_all_kinds_in_one_write_are_answered_in_order(kinds: list[str], cut: int) -> None:
    async def asked() -> None:
        data = b"".join(KINDS[kind] for kind in kinds) + CLOSE
        methods = ["HEAD" if kind == "head" else "GET" for kind in kinds] + ["GET"]
        async with door() as open_door:
            found = await open_door.exchange(data[:cut], data[cut:], methods=methods)
            assert len(found) == len(kinds) + 1
            assert open_door.echo.calls == [f"/v1/{kind}" for kind in kinds] + ["/v1/last"]

    asyncio.run(asked())


async def test_a_slow_first_call_holds_later_ones_back_and_their_bytes_are_bounded() -> None:
    async with door() as open_door, open_door.caller() as caller:
        await caller.send(get("/v1/slow") + get("/v1/second") + CLOSE)
        await until(lambda: open_door.echo.calls == ["/v1/slow"])
        open_door.echo.go_on.set()
        found = answers(await caller.rest())
        assert [json.loads(one.body)["path"] for one in found] == ["/v1/slow", "/v1/second", "/v1/last"]

    async with door() as open_door, open_door.caller() as caller:
        await caller.send(get("/v1/slow"))
        for _ in range(40):
            caller.writer.write(post("/v1/more", bytes(1_000_000)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller.writer.drain(), 0.5)


@pytest.mark.parametrize(
    ("request_line", "kept"),
    [
        (b"GET /v1/x HTTP/1.1\r\nhost: x\r\n", True),
        (b"GET /v1/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", False),
        (b"GET /v1/x HTTP/1.0\r\n", False),
        (b"GET /v1/x HTTP/1.0\r\nconnection: keep-alive\r\n", True),
        (b"GET /v1/parts HTTP/1.0\r\nconnection: keep-alive\r\n", False),
    ],
)
async def test_a_connection_is_kept_or_closed_as_its_caller_asks(request_line: bytes, kept: bool) -> None:
    async with door() as open_door, open_door.caller() as caller:
        await caller.send(request_line + b"\r\n")
        if not kept:
            (found,) = answers(await caller.rest())
            assert (found.status, found.headers[b"connection"]) == (200, b"close")
            return
        assert (await caller.answer()).headers.get(b"connection", b"keep-alive") == b"keep-alive"
        await caller.send(request_line + b"\r\n")
        assert (await caller.answer()).status == 200


async def test_the_answer_to_head_has_no_body() -> None:
    async with door() as open_door:
        found = await open_door.exchange(get("/v1/x", "HEAD") + CLOSE, methods=["HEAD", "GET"])
        assert (found[0].body, int(found[0].headers[b"content-length"]) > 10) == (b"", True)


async def test_a_caller_that_expects_100_is_told_to_go_on_only_if_its_body_is_wanted() -> None:
    async with door() as open_door, open_door.caller() as caller:
        await caller.send(post("/v1/x", b"hello", "expect: 100-continue")[:-5])
        assert await caller.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.send(b"hello")
        assert json.loads((await caller.answer()).body)["body"] == "hello"
        await caller.send(post("/v1/refused", b"hello", "expect: 100-continue")[:-5])
        assert [found.status for found in answers(await caller.rest())] == [401]


async def test_a_caller_that_closes_its_side_has_left() -> None:
    async with door() as open_door, open_door.caller() as caller:
        await caller.send(post("/v1/x", b"hello")[:-2])
        await until(lambda: open_door.echo.calls == ["/v1/x"])
        caller.writer.write_eof()
        assert await caller.rest() == b""
        await until(lambda: open_door.echo.left == 1 and open_door.server.connections == 0)


async def test_a_refused_call_whose_body_is_still_coming_reads_its_answer() -> None:
    async with door() as open_door, open_door.caller() as caller:
        await caller.send(post("/v1/refused", bytes(30_000_000)))
        assert [found.status for found in answers(await caller.rest())] == [401]


async def test_chunks_that_cannot_be_read_are_answered_and_end_the_connection() -> None:
    async with door() as open_door:
        found = await open_door.exchange(chunks("/v1/x", b"a")[:-5] + b"-5\r\nhello\r\n0\r\n\r\n" + get("/v1/smuggled"))
        assert [(one.status, one.body) for one in found] == [(400, b"invalid_chunks")]
        assert open_door.echo.calls == ["/v1/x"]


async def test_a_defect_behind_the_door_is_answered_and_ends_the_connection() -> None:
    async with door() as open_door:
        (found,) = await open_door.exchange(get("/v1/broken") + get("/v1/next"))
        assert (found.status, found.code) == (500, "internal_error")


async def test_a_head_beyond_the_bounds_ends_the_connection_while_it_comes() -> None:
    async with door() as open_door, open_door.caller() as caller:
        await caller.send(b"GET / HTTP/1.1\r\nA: " + b"a" * HEAD_BYTES)
        (found,) = answers(await caller.rest())
        assert (found.status, found.code) == (431, "head_too_large")


async def drip(caller: Caller, data: bytes) -> None:
    """Send a byte at a time, until the door closes."""
    try:
        for at in range(len(data)):
            await caller.send(data[at : at + 1])
            await asyncio.sleep(0.02)
    except ConnectionError:
        pass


@pytest.mark.parametrize(
    ("data", "status", "told"),
    [
        (b"GET /v1/x HTTP/1.1\r\nhost: " + b"x" * 400, 408, b"head_timeout"),
        (post("/v1/x", bytes(100_000))[:300], 400, b"body_timeout"),
        (chunks("/v1/x", b"a" * 500)[:300], 400, b"body_timeout"),
    ],
    ids=["head", "length", "chunks"],
)
async def test_a_request_that_comes_drop_by_drop_is_let_go_in_words(data: bytes, status: int, told: bytes) -> None:
    async with door(QUICK) as open_door, open_door.caller() as caller:
        head, _, body = data.partition(b"\r\n\r\n")
        if body:
            await caller.send(head + b"\r\n\r\n")
        dripping = asyncio.ensure_future(drip(caller, body or head))
        (found,) = answers(await caller.rest(3))
        dripping.cancel()
        assert found.status == status
        assert told in found.body
        await until(lambda: open_door.server.connections == 0)


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n"], ids=["nothing", "empty lines"])
async def test_a_connection_that_asks_nothing_is_closed(data: bytes) -> None:
    async with door(QUICK) as open_door, open_door.caller() as caller:
        await caller.send(data)
        assert await caller.rest(2) == b""


async def test_a_body_that_never_begins_is_answered() -> None:
    async with door(QUICK) as open_door:
        (found,) = await open_door.exchange(post("/v1/x", b"hello")[:-5])
        assert (found.status, found.body) == (400, b"body_timeout")


async def test_callers_that_read_nothing_are_let_go_and_cost_their_answers_only_until_then() -> None:
    limits = DoorLimits(stalled=0.5, sweep=0.1)
    async with door(limits) as open_door:
        async with open_door.caller() as reading:
            slow = [await asyncio.open_connection("127.0.0.1", open_door.port, limit=1000) for _ in range(5)]
            for _, writer in slow:
                writer.write(get("/v1/large"))
            await reading.send(get("/v1/large"))
            assert len((await reading.answer()).body) == LARGE
            await until(lambda: open_door.server.connections == 1)
        for _, writer in slow:
            writer.transport.abort()


async def test_a_caller_that_reads_slowly_but_reads_is_kept() -> None:
    async with door(DoorLimits(stalled=0.4, sweep=0.05)) as open_door:
        began = time.monotonic()
        assert await slowly_read(open_door.port, get("/v1/large")) > LARGE
        assert time.monotonic() - began > 0.8


async def slowly_read(port: int, request: bytes) -> int:
    """How many bytes of the large answer come to a caller that reads 6 MB/s at most."""
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        caller.sendall(request)
        caller.setblocking(False)
        got = 0
        while got < LARGE:
            await asyncio.sleep(0.02)
            with suppress(BlockingIOError):
                piece = caller.recv(131_072)
                assert piece, f"it was let go after {got} bytes"
                got += len(piece)
        return got


async def test_one_connection_too_many_is_told_so_and_the_others_are_served() -> None:
    async with door(DoorLimits(connections=3)) as open_door:
        callers = [await asyncio.open_connection("127.0.0.1", open_door.port) for _ in range(3)]
        await until(lambda: open_door.server.connections == 3)
        (found,) = await open_door.exchange(get("/v1/x"))
        assert (found.status, found.code) == (503, "too_many_connections")
        for reader, writer in callers:
            kept = Caller(reader, writer)
            await kept.send(get("/v1/x"))
            assert (await kept.answer()).status == 200
            writer.close()
        await until(lambda: open_door.server.connections == 0)
        assert [one.status for one in await open_door.exchange(CLOSE)] == [200]


async def test_callers_are_accepted_again_once_there_are_descriptors() -> None:
    async with door(QUICK) as open_door, open_door.caller() as kept:
        await kept.send(get("/v1/x"))
        await kept.answer()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        waiting = socket.socket()
        waiting.setblocking(False)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 20, hard))
        taken = all_descriptors()
        try:
            waiting.connect_ex(("127.0.0.1", open_door.port))
            await asyncio.sleep(0.15)
            await kept.send(get("/v1/x"))
            assert (await kept.answer()).status == 200
            assert open_door.server.connections == 1
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in taken:
                os.close(descriptor)
        await until(lambda: open_door.server.connections == 2)
        waiting.close()


def all_descriptors() -> list[int]:
    """Every descriptor that this process may still open."""
    taken: list[int] = []
    with suppress(OSError):
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    return taken


async def attacker(open_door: Door, data: bytes) -> Caller:
    """A caller that sends this and reads nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", open_door.port, limit=1000)
    writer.write(data)
    return Caller(reader, writer)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * (HEAD_BYTES - 100),
        post("/v1/slow", b"") + b"GET /v1/x HTTP/1.1\r\n" + b"a" * 20_000_000,
        chunks("/v1/slow", bytes(60))[:-5] + b"1\r\na\r\n" * 100_000,
        get("/v1/endless"),
    ],
    ids=["half a head", "a flood behind a slow call", "tiny chunks", "an answer that nobody reads"],
)
async def test_a_hundred_bad_callers_cost_little_memory_and_nobody_else_waits(data: bytes) -> None:
    async with door() as open_door:
        before = psutil.Process().memory_info().rss
        bad = [await attacker(open_door, data[:200_000]) for _ in range(100)]
        for _ in range(20):
            began = time.monotonic()
            assert [one.status for one in await open_door.exchange(CLOSE)] == [200]
            assert time.monotonic() - began < 2
        grown = psutil.Process().memory_info().rss - before
        for caller in bad:
            caller.writer.transport.abort()
        assert grown < 64 * 1024 * 1024, f"{grown / 1e6:.0f} MB"
