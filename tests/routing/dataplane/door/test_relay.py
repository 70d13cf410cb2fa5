"""The way to the console, before consoles that tests write by hand."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

from routing.dataplane.door.bounds import STANDARD, DoorLimits
from routing.dataplane.door.relay import Relay, proxies
from tests.registry.transports.faults import Peer, Script, serving
from tests.routing.dataplane.door.doors import QUICK, Door, answers, door
from tests.routing.dataplane.door.test_callers import chunks, get, post, until

UPGRADE = b"GET /live HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
MEGABYTE = 1024 * 1024


@asynccontextmanager
async def before(console: Script, limits: DoorLimits = STANDARD, trusted: str = "") -> AsyncIterator[Door]:
    """A door before a console."""
    async with serving(console) as behind, door(limits, Relay(f"127.0.0.1:{behind.port}", proxies(trusted))) as opened:
        yield opened


class Pages:
    """A console that answers every request with `reply`, and keeps what it was sent."""

    def __init__(self, reply: bytes = HELLO) -> None:
        self.reply, self.heads, self.links = reply, list[bytes](), 0

    async def __call__(self, peer: Peer) -> None:
        self.links += 1
        while True:
            head = await peer.reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            await peer.send(self.reply)


def last(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()


async def test_a_connection_may_alternate_calls_and_pages() -> None:
    console = Pages()
    async with before(console) as opened:
        found = await opened.exchange(get("/a") + get("/v1/x") + get("/b") + post("/v1/y", b"hi") + last("/c"))
        assert [one.status for one in found] == [200] * 5
        assert [one.body == b"hello" for one in found] == [True, False, True, False, True]
        assert [head.split()[1] for head in console.heads] == [b"/a", b"/b", b"/c"]
        assert console.links == 1


@pytest.mark.parametrize(
    ("reply", "request_", "method"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", get("/x", "HEAD"), "HEAD"),
        (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", get("/x"), "GET"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", get("/x"), "GET"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", get("/x"), "GET"),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + HELLO, get("/x"), "GET"),
    ],
    ids=["HEAD", "304", "204", "chunks", "an interim answer"],
)
async def test_every_form_of_an_answer_is_passed_back_and_the_connection_goes_on(
    reply: bytes, request_: bytes, method: str
) -> None:
    async with before(Pages(reply)) as opened, opened.caller() as caller:
        await caller.send(request_)
        assert await asyncio.wait_for(caller.reader.readexactly(len(reply)), 20) == reply
        await caller.send(get("/v1/x"))
        assert (await caller.answer()).status == 200


async def test_an_answer_that_ends_with_its_connection_is_passed_back_whole() -> None:
    async def console(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(500_000))

    async with before(console) as opened:
        (found,) = await opened.exchange(get("/x"))
        assert len(found.body) == 500_000


async def test_an_answer_that_breaks_off_does_not_look_whole() -> None:
    async def console(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        peer.reset()

    async with before(console) as opened, opened.caller() as caller:
        await caller.send(get("/x"))
        got = b""
        with suppress(ConnectionError):
            got = await caller.rest()
        assert got[-4:] in (b"", b"half")


@pytest.mark.parametrize(
    ("lines", "trusted", "told"),
    [
        ("x-forwarded-for: 9.9.9.9\r\n", "", b"127.0.0.1"),
        ("X-Forwarded-For: 9.9.9.9\r\nforwarded: for=9.9.9.9\r\n", "10.0.0.0/8", b"127.0.0.1"),
        ("x-forwarded-for: 9.9.9.9\r\n", "127.0.0.1", b"9.9.9.9"),
        ("x-forwarded-for: 6.6.6.6, 9.9.9.9, 10.1.1.1\r\n", "127.0.0.1, 10.0.0.0/8", b"9.9.9.9"),
        ("x-forwarded-for: 6.6.6.6\r\nx-forwarded-for: 9.9.9.9\r\n", "127.0.0.1", b"9.9.9.9"),
        ("x-forwarded-for: 9.9.9.9, nonsense\r\n", "127.0.0.1", b"127.0.0.1"),
        ("x_forwarded_for: 9.9.9.9\r\nX_Real_IP: 9.9.9.9\r\n", "", b"127.0.0.1"),
        ("x-real-ip: 9.9.9.9\r\nx-forwarded-host: evil\r\n", "", b"127.0.0.1"),
    ],
)
async def test_the_console_is_told_one_address_and_never_a_strangers_word(
    lines: str, trusted: str, told: bytes
) -> None:
    console = Pages()
    async with before(console, trusted=trusted) as opened:
        await opened.exchange(f"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n".encode())
    (head,) = console.heads
    addresses = [line for line in head.lower().split(b"\r\n") if b"forwarded" in line or b"real" in line]
    assert addresses == [b"x-forwarded-for: " + told, b"x-forwarded-proto: http"]


@pytest.mark.parametrize(("trusted", "told"), [("", b"http"), ("127.0.0.1", b"https")])
async def test_only_a_trusted_proxy_says_that_a_page_came_over_tls(trusted: str, told: bytes) -> None:
    console = Pages()
    async with before(console, trusted=trusted) as opened:
        await opened.exchange(b"GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-proto: https\r\nconnection: close\r\n\r\n")
    assert b"x-forwarded-proto: " + told + b"\r\n" in console.heads[0]


async def test_a_websocket_is_two_pipes() -> None:
    async def console(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(SWITCHED)
        for _ in range(3):
            await peer.send(b"<" + await peer.reader.readexactly(4) + b">")

    async with before(console) as opened, opened.caller() as caller:
        await caller.send(UPGRADE + b"soon")
        got = await caller.reader.readexactly(len(SWITCHED) + 6)
        await caller.send(b"ping")
        got += await caller.reader.readexactly(6)
        await caller.send(b"\r\n\r\n")
        assert got + await caller.rest() == SWITCHED + b"<soon><ping><\r\n\r\n>"


async def test_the_last_frames_of_a_websocket_reach_a_caller_that_reads_slowly() -> None:
    async def console(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(SWITCHED + bytes(6_000_000) + b"bye")

    async with before(console) as opened:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", opened.port))
        reader, writer = await asyncio.open_connection(sock=slow, limit=4096)
        writer.write(UPGRADE)
        await asyncio.sleep(0.2)
        got = b""
        while piece := await reader.read(65536):
            got += piece
            await asyncio.sleep(0)
        writer.close()
        assert (len(got), got[-3:]) == (len(SWITCHED) + 6_000_003, b"bye")


async def test_a_websocket_that_its_caller_leaves_ends_at_the_console() -> None:
    gone = asyncio.Event()

    async def console(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(SWITCHED)
        await peer.reader.read()
        gone.set()

    async with before(console) as opened:
        async with opened.caller() as caller:
            await caller.send(UPGRADE)
            await caller.reader.readexactly(len(SWITCHED))
        await asyncio.wait_for(gone.wait(), 20)


@pytest.mark.parametrize("upgrade", ["upgrade: websocket", "upgrade: websocket\r\nupgrade: h2c", "upgrade: h2c"])
async def test_nothing_behind_an_upgrade_that_is_refused_reaches_the_console(upgrade: str) -> None:
    seen: list[bytes] = []
    asked = asyncio.Event()

    async def console(peer: Peer) -> None:
        seen.append(await peer.reader.readuntil(b"\r\n\r\n"))
        asked.set()
        with suppress(TimeoutError):
            seen.append(await asyncio.wait_for(peer.reader.read(65536), 0.3))
        await peer.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")

    forged = b"GET /sign-in HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 9.9.9.9\r\n\r\n"
    async with before(console) as opened, opened.caller() as caller:
        await caller.send(
            f"GET /live HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\n{upgrade}\r\n\r\n".encode() + forged
        )
        await asyncio.wait_for(asked.wait(), 20)
        await caller.send(forged)
        assert b"403 Forbidden" in await caller.reader.readuntil(b"no")
    assert b"9.9.9.9" not in b"".join(seen)


async def test_an_upload_in_chunks_arrives_as_it_was_sent() -> None:
    got = asyncio.get_running_loop().create_future()

    async def console(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        got.set_result(await peer.reader.readuntil(b"0\r\n\r\n"))
        await peer.send(HELLO)

    async with before(console) as opened, opened.caller() as caller:
        data = chunks("/x", b"hello", b"world")
        await caller.send(data[:90])
        await asyncio.sleep(0.05)
        await caller.send(data[90:])
        assert (await caller.answer()).body == b"hello"
    chunks_again = (await got).split(b"\r\n")
    assert b"".join(chunks_again[1::2]) == b"helloworld"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
async def test_a_body_over_the_cap_is_refused_and_its_sender_reads_that(chunked: bool) -> None:
    piece = bytes(MEGABYTE)
    data = chunks("/x", *[piece] * 40) if chunked else post("/x", piece * 40)

    async def console(peer: Peer) -> None:
        while await peer.reader.read(MEGABYTE):
            pass

    async with before(console) as opened, opened.caller() as caller:
        sending = asyncio.ensure_future(caller.send(data))
        (found,) = answers(await caller.rest(10))
        sending.cancel()
        assert (found.status, found.code) == (413, "body_too_large")


async def test_a_body_that_stalls_is_answered_and_its_console_connection_closed() -> None:
    gone = asyncio.Event()

    async def console(peer: Peer) -> None:
        await peer.reader.read()
        gone.set()

    async with before(console, QUICK) as opened:
        (found,) = await opened.exchange(post("/x", b"hello")[:-2])
        assert (found.status, found.code) == (408, "body_timeout")
        await asyncio.wait_for(gone.wait(), 20)


async def test_a_console_that_is_away_is_said_in_words_to_people_and_to_programs() -> None:
    async with door() as opened:
        (page,) = await opened.exchange(b"GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n")
        assert (page.status, page.headers[b"retry-after"]) == (503, b"3")
        assert "控制台正在启动" in page.body.decode()
        (program,) = await opened.exchange(post("/api/x", bytes(3 * MEGABYTE), "authorization: Bearer pb-x"))
        assert (program.status, program.code) == (503, "console_away")
        (head,) = await opened.exchange(get("/", "HEAD"), methods=["HEAD"])
        assert (head.status, head.body) == (503, b"")


async def test_slow_readers_of_pages_hold_the_console_back_not_memory() -> None:
    sent = 0

    async def console(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (50 * MEGABYTE))
        for _ in range(50):
            await peer.send(bytes(MEGABYTE))
            sent += 1

    async with before(console) as opened:
        grown = psutil.Process().memory_info().rss
        slow = [await asyncio.open_connection("127.0.0.1", opened.port, limit=1000) for _ in range(20)]
        for _, writer in slow:
            writer.write(get("/download"))
        await until(lambda: sent > 20)
        quiet = -1
        while quiet != sent:
            quiet = sent
            await asyncio.sleep(0.3)
        grown = psutil.Process().memory_info().rss - grown
        assert (await opened.exchange(last("/v1/x")))[0].status == 200
        for _, writer in slow:
            writer.transport.abort()
        assert grown < 64 * MEGABYTE


async def test_a_server_that_stops_lets_a_page_end() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def console(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await go_on.wait()
        await peer.send(HELLO)

    async with before(console) as opened, opened.caller() as caller, opened.caller() as idle:
        await caller.send(get("/x"))
        await asked.wait()
        stopping = asyncio.ensure_future(opened.server.stop(5))
        assert await idle.rest() == b""
        go_on.set()
        assert (await caller.answer()).body == b"hello"
        await asyncio.wait_for(stopping, 20)
