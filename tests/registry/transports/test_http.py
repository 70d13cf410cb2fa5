"""The HTTP client against upstreams that behave, misbehave and lie."""

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from registry.canon import Failure, FailureKind
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.transports.response import ResponseLimits
from registry.transports.target import Target
from tests.registry.transports.faults import Peer, serving

LOOPBACK = Egress(("127.0.0.0/8",))
QUICK = Timeouts(connect=0.5, first_byte=0.4, idle=0.4, total=2.0)
POST = Wire("POST", "/x", b'{"a":1}')


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(lambda: LOOPBACK, ResponseLimits(body=1_000_000))
    yield made
    await made.close()


async def failure_of(client: Client, target: Target, wire: Wire = POST) -> Failure:
    with pytest.raises(Failure) as caught:
        await client.fetch(target, wire, QUICK)
    return caught.value


async def until_left(peer: Peer) -> None:
    assert await peer.reader.read() == b""
    raise ConnectionResetError


async def test_request_and_reply_travel_whole_and_the_connection_is_kept(client: Client) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            seen.append(await peer.request())
            await peer.reply(b'{"ok":true}')

    async with serving(script) as server:
        target = Target("http", "127.0.0.1", server.port, "/base", ((b"authorization", b"Bearer s"),), b"key=1")
        for _ in range(3):
            reply = await client.fetch(
                target, Wire("POST", "/x", b"{}", ((b"a", b"b"),), b"v=2"), QUICK, b"x-id: 7\r\n"
            )
            assert (reply.status, reply.body) == (200, b'{"ok":true}')
        assert server.accepted == 1
    head = seen[0].decode()
    assert head.startswith("POST /base/x?v=2&key=1 HTTP/1.1\r\n")
    for line in (
        f"host: 127.0.0.1:{server.port}",
        "accept-encoding: identity",
        "authorization: Bearer s",
        "x-id: 7",
        "a: b",
    ):
        assert f"\r\n{line}\r\n" in head


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: v\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nabcde",
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\nabcde",
        b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 H\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"abcde", mtime=0),
    ],
)
async def test_every_framing_is_read(client: Client, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        for byte in answer:
            await peer.send(bytes([byte]))

    async with serving(script) as server:
        assert (await client.fetch(server.target, POST, QUICK)).body == b"abcde"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "before its whole body"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabc", "Content-Length is wrong"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\naHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "wrong"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "before its whole body"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1"),
        (b"garbage\r\n\r\n", "does not speak HTTP/1.1"),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", "169.254.169.254"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\na", "Content-Encoding 'br'"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", "damaged"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"x" * 999, mtime=0)[:-4],
            "compressed body early",
        ),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000, "headers or framing"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b"a" * 2_000_000, "more than 1000000 bytes"),
        (b"", "before it answered"),
    ],
)
async def test_a_lying_upstream_is_an_error_that_says_so(client: Client, answer: bytes, words: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    async with serving(script) as server:
        failure = await failure_of(client, server.target)
    assert failure.kind is FailureKind.UPSTREAM_INVALID
    assert words in failure.message
    assert f"127.0.0.1:{server.port}" in failure.message


async def test_a_gzip_bomb_is_cut_early(client: Client) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 9, mtime=0)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.reply(bomb, b"content-encoding: gzip\r\n")

    async with serving(script) as server:
        tracemalloc.start()
        failure = await failure_of(client, server.target)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert "grew from" in failure.message
    assert peak < 16_000_000


async def test_endless_headers_are_cut(client: Client) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await peer.send(b"x-more: of the same\r\n" * 100)

    async with serving(script) as server:
        assert "headers or framing" in (await failure_of(client, server.target)).message


@pytest.mark.parametrize(
    ("sent", "pace", "words"),
    [
        (b"", 0.0, "no body within"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", 0.0, "no body within"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na", 0.0, "silent"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\na", 0.05, "total limit"),
    ],
)
async def test_hang_silence_and_slow_loris_end_at_their_limits(
    client: Client, sent: bytes, pace: float, words: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(sent)
        while pace:
            await peer.send(b"a")
            await asyncio.sleep(pace)
        await until_left(peer)

    async with serving(script) as server:
        begun = time.monotonic()
        failure = await failure_of(client, server.target)
        assert failure.kind is FailureKind.UPSTREAM_TIMEOUT
        assert words in failure.message
        assert time.monotonic() - begun < 3
        await asyncio.wait_for(server.left.wait(), 1)


async def test_a_refused_connection_and_an_unknown_host_are_unreachable(client: Client) -> None:
    async with serving(until_left) as server:
        pass
    assert (await failure_of(client, server.target)).kind is FailureKind.UPSTREAM_UNREACHABLE
    made = Client(lambda: Egress(("public", "*.invalid")))
    failure = await failure_of(made, Target("http", "nowhere.invalid", 80, ""))
    assert failure.kind is FailureKind.UPSTREAM_UNREACHABLE


async def test_a_connection_closed_while_idle_is_replaced_without_an_error(client: Client) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.reply(b"1")
        if peer.number == 1:
            await peer.request()
            peer.reset()

    async with serving(script) as server:
        for _ in range(3):
            assert (await client.fetch(server.target, POST, QUICK)).body == b"1"
        assert server.accepted >= 2


async def test_a_fresh_connection_that_dies_is_not_tried_again(client: Client) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with serving(script) as server:
        assert (await failure_of(client, server.target)).retryable
        assert server.accepted == 1


async def test_cancelling_closes_the_socket_at_once(client: Client) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await until_left(peer)

    async with serving(script) as server:
        task = asyncio.create_task(client.fetch(server.target, POST, Timeouts()))
        await asked.wait()
        task.cancel()
        await asyncio.wait_for(server.left.wait(), 0.5)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_stream_holds_back_an_upstream_that_is_faster_than_its_reader(client: Client) -> None:
    written = 0

    async def script(peer: Peer) -> None:
        nonlocal written
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"d" * 65536)
            written += 65536

    async with serving(script) as server:
        response = await client.send(server.target, POST, Timeouts())
        await response.read_some()
        stalled = -1
        while stalled != written:
            stalled = written
            await asyncio.sleep(0.2)
        assert written < 32_000_000
        assert response.buffered < 2_000_000
        assert await response.read_some()
        assert await response.read_some()
        response.close()
        await asyncio.wait_for(server.left.wait(), 1)


async def test_a_changed_guard_applies_to_kept_connections() -> None:
    guards = [LOOPBACK]
    made = Client(lambda: guards[-1])

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.reply(b"1")

    async with serving(script) as server:
        await made.fetch(server.target, POST, QUICK)
        guards.append(Egress(("public",)))
        assert (await failure_of(made, server.target)).code == "egress_refused"
        assert server.accepted == 1
    await made.close()


def test_a_secret_with_a_line_break_cannot_become_a_header() -> None:
    with pytest.raises(ValueError, match="line break"):
        Target("http", "h", 80, "", ((b"authorization", b"a\r\nx: y"),))


def test_a_target_does_not_show_its_secrets() -> None:
    assert "canary" not in repr(Target("http", "h", 80, "", ((b"authorization", b"canary"),), b"key=canary"))
