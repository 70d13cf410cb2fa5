"""Connections to the console that end, are kept too long, or say nothing."""

import asyncio
from contextlib import suppress

import pytest

from routing.dataplane.door import relay as module
from routing.dataplane.door.bounds import DoorLimits
from tests.registry.transports.faults import Peer
from tests.routing.dataplane.door.doors import Caller
from tests.routing.dataplane.door.test_callers import chunks, get, post
from tests.routing.dataplane.door.test_relay import HELLO, MEGABYTE, SWITCHED, UPGRADE, before

HASTY = DoorLimits(console=0.3, body=5, sweep=0.05, linger=0.3)


class OneRequest:
    """A console that answers one request a connection, reads a second one, and closes without a word."""

    def __init__(self) -> None:
        self.seen = list[bytes]()

    async def __call__(self, peer: Peer) -> None:
        self.seen.append(await peer.request())
        await peer.send(HELLO)
        self.seen.append(await peer.request())


async def answer(caller: Caller, request: bytes) -> tuple[int, bytes]:
    await caller.send(request)
    found = await caller.answer()
    return found.status, found.body


async def test_a_page_asked_for_on_a_connection_that_just_closed_is_asked_for_again() -> None:
    console = OneRequest()
    async with before(console) as opened, opened.caller() as caller:
        assert await answer(caller, get("/a")) == (200, b"hello")
        assert await answer(caller, get("/b")) == (200, b"hello")
        assert [seen.split()[1] for seen in console.seen] == [b"/a", b"/b", b"/b"]


async def test_what_changes_something_is_never_sent_twice() -> None:
    console = OneRequest()
    async with before(console) as opened, opened.caller() as caller:
        assert await answer(caller, get("/a")) == (200, b"hello")
        assert (await answer(caller, post("/change", b"x")))[0] == 503
        assert [seen.split()[1] for seen in console.seen] == [b"/a", b"/change"]


async def test_a_fresh_connection_that_closes_is_not_tried_again() -> None:
    seen = 0

    async def console(peer: Peer) -> None:
        nonlocal seen
        await peer.request()
        seen += 1

    async with before(console) as opened, opened.caller() as caller:
        assert (await answer(caller, get("/a")))[0] == 503
        assert seen == 1


async def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    seen = 0

    async def console(peer: Peer) -> None:
        nonlocal seen
        await peer.request()
        await peer.send(HELLO)
        await peer.request()
        seen += 1
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")

    async with before(console) as opened, opened.caller() as caller:
        assert await answer(caller, get("/a")) == (200, b"hello")
        await caller.send(get("/b"))
        assert not (await caller.rest()).endswith(b"hello")
        assert seen == 1


async def test_a_post_that_the_console_cannot_have_seen_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def console(peer: Peer) -> None:
        heads.append(await peer.request())
        await peer.send(HELLO)
        heads.append(await peer.request())
        await peer.send(HELLO)

    async with before(console) as opened, opened.caller() as caller:
        assert await answer(caller, get("/a")) == (200, b"hello")
        (link,) = opened.server._relay._idle
        real = link.write

        def broken(data: bytes) -> None:
            link.connection_lost(BrokenPipeError())
            monkeypatch.setattr(link, "write", real)

        monkeypatch.setattr(link, "write", broken)
        assert await answer(caller, post("/change", b"x")) == (200, b"hello")
        assert [head.split()[1] for head in heads] == [b"/a", b"/change"]


async def test_a_connection_that_the_console_may_be_closing_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    links = 0

    async def console(peer: Peer) -> None:
        nonlocal links
        links += 1
        while True:
            await peer.request()
            await peer.send(HELLO)

    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    async with before(console) as opened, opened.caller() as caller:
        for path in ("/a", "/b", "/c"):
            assert await answer(caller, get(path)) == (200, b"hello")
        assert links == 3


async def silent(peer: Peer) -> None:
    await peer.reader.read()


@pytest.mark.parametrize(
    "request_",
    [get("/x"), post("/x", b"hello"), post("/x", bytes(900_000)), UPGRADE],
    ids=["GET", "POST", "a body that it does not read", "a websocket"],
)
async def test_a_console_that_says_nothing_is_given_up(request_: bytes) -> None:
    async with before(silent, HASTY) as opened, opened.caller() as caller:
        await caller.send(request_)
        found = await caller.answer()
        assert (found.status, found.code) == (504, "console_timeout")
        assert await caller.rest() == b""


async def test_a_person_reads_that_in_words() -> None:
    async with before(silent, HASTY) as opened:
        (found,) = await opened.exchange(b"GET / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n")
        assert found.status == 504
        assert "控制台未在 0.3 秒内应答" in found.body.decode()


async def test_an_answer_that_stops_is_cut_off() -> None:
    async def console(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        await peer.reader.read()

    async with before(console, HASTY) as opened, opened.caller() as caller:
        await caller.send(get("/x"))
        got = b""
        with suppress(ConnectionError):
            got = await caller.rest()
        assert got[-4:] in (b"", b"half")


async def test_a_websocket_may_say_nothing_for_longer() -> None:
    async def console(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.send(SWITCHED)
        await peer.send(await peer.reader.readexactly(4))

    async with before(console, HASTY) as opened, opened.caller() as caller:
        await caller.send(UPGRADE)
        await caller.reader.readexactly(len(SWITCHED))
        await asyncio.sleep(3 * HASTY.console)
        await caller.send(b"ping")
        assert await caller.reader.readexactly(4) == b"ping"


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize(
    ("line", "most"),
    [("", 1), ("cookie: csrftoken=x", 1), ("cookie: a=b; sessionid=x", 32), ("authorization: Bearer pb-x", 32)],
)
async def test_strangers_may_send_one_megabyte(line: str, most: int, chunked: bool) -> None:
    async def console(peer: Peer) -> None:
        head = await peer.reader.readuntil(b"\r\n\r\n")
        if b"chunked" in head:
            read = b""
            while not read.endswith(b"\r\n0\r\n\r\n"):
                piece = await peer.reader.read(65536)
                if not piece:
                    return
                read = read[-7:] + piece
        else:
            await peer.reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        await peer.send(HELLO)

    async with before(console) as opened:
        for size, status in ((most, 200), (most + 1, 413)):
            body = bytes(size * MEGABYTE)
            request = chunks("/x", *[body[:16384]] * (size * 64)) if chunked else post("/x", body)
            told = request.replace(b"\r\n", f"\r\n{line}\r\n".encode(), 1) if line else request
            async with opened.caller() as caller:
                caller.writer.write(told)
                assert (await caller.answer(10)).status == status
