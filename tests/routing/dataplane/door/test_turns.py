"""How much of a caller's request is worked on before others go on: bytes, lines of chunks, requests in one turn."""

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import pytest

from routing.dataplane.door.bounds import STANDARD
from routing.dataplane.door.connection import CallerProtocol
from routing.dataplane.door.framing import CHUNKS_AT_ONCE, InChunks
from routing.dataplane.door.head import RequestHead, read_head
from routing.dataplane.door.passing import Passing
from routing.dataplane.door.relay import Passage, Relay
from routing.dataplane.door.server import Server
from tests.routing.dataplane.door.doors import Door, door
from tests.routing.dataplane.door.test_callers import chunks, get, post, until

READ = 256 * 1024
"""The event loop reads no more than this at once, but up to 32 times in one turn if nobody says stop."""
LARGE = bytes(20_000_000)


@dataclass
class Turns:
    """What was done in each turn of the loop, by name."""

    done: dict[str, list[int]] = field(default_factory=dict)
    begun: set[CallerProtocol] = field(default_factory=set)
    _open: bool = False

    def count(self, name: str, amount: int = 1) -> None:
        """Add to this turn's."""
        if not self._open:
            self._open = True
            asyncio.get_running_loop().call_soon(self._end)
            for each in self.done.values():
                each.append(0)
        self.done.setdefault(name, [0])[-1] += amount

    def _end(self) -> None:
        self._open = False

    def total(self, name: str) -> int:
        """All of it."""
        return sum(self.done.get(name, []))

    def most(self, name: str) -> int:
        """The most in one turn."""
        return max(self.done.get(name, [0]))


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Counts bytes that connections read after their first, lines between chunks, and requests."""
    counted = Turns()
    read, line, begin = CallerProtocol.data_received, InChunks._line, Server.begin

    def reads(self: CallerProtocol, data: bytes) -> None:
        counted.count("bytes", len(data) if self in counted.begun else 0)
        counted.begun.add(self)
        read(self, data)

    def lines(self: InChunks, data: bytes) -> None:
        counted.count("lines")
        line(self, data)

    def begins(self: Server, connection: CallerProtocol, head: RequestHead) -> Passing:
        counted.count("requests")
        return begin(self, connection, head)

    monkeypatch.setattr(CallerProtocol, "data_received", reads)
    monkeypatch.setattr(InChunks, "_line", lines)
    monkeypatch.setattr(Server, "begin", begins)
    return counted


def flooding(opened: Door, data: bytes) -> socket.socket:
    """A caller that has sent all that fits on the way to the door, before the door reads any of it."""
    caller = socket.create_connection(("127.0.0.1", opened.port))
    caller.setblocking(False)
    left = memoryview(data)
    with suppress(BlockingIOError):
        while left:
            left = left[caller.send(left) :]
    return caller


@pytest.mark.parametrize(("path", "reads"), [("/v1/read", 1), ("/v1/refused", 2)], ids=["wanted", "refused"])
async def test_those_who_send_large_bodies_are_read_one_after_the_other(turns: Turns, path: str, reads: int) -> None:
    """What is wanted and what is not may coincide."""
    async with door() as opened:
        callers = [flooding(opened, post(path, LARGE)) for _ in range(5)]
        await until(lambda: turns.total("bytes") > 20 * READ)
        assert turns.most("bytes") <= reads * READ
        for caller in callers:
            caller.close()


async def test_a_body_in_small_chunks_is_read_a_stretch_at_a_time_and_whole(turns: Turns) -> None:
    async with door() as opened, opened.caller() as caller:
        sending = asyncio.ensure_future(caller.send(chunks("/v1/x", *[b"x" * 70] * 20_000) + get("/v1/next")))
        assert b'"size": 1400000' in (await caller.answer(20)).body
        assert b'"path": "/v1/next"' in (await caller.answer()).body
        await sending
        assert turns.total("lines") == 2 * 20_000 + 2
        assert turns.most("lines") <= 2 * (2 * CHUNKS_AT_ONCE + 1)


async def test_requests_behind_one_another_are_begun_one_in_a_turn(turns: Turns) -> None:
    async with door() as opened:
        caller = flooding(opened, get("/v1/refused") * 500)
        await until(lambda: turns.total("requests") == 500)
        assert turns.most("requests") == 1
        caller.close()


class Reader:
    """Stands for the connection of a caller whose request a passage carries."""

    client = None
    house = type("House", (), {"limits": STANDARD, "now": staticmethod(time.monotonic)})()

    def hold(self) -> None:
        """Read no further."""


async def test_a_body_that_comes_a_byte_at_a_time_costs_no_more_with_each_byte() -> None:
    head = read_head(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
    passage = Passage(Relay("unix:/nowhere"), cast(CallerProtocol, Reader()), head)
    began = time.thread_time()
    for _ in range(50_000):
        passage.feed(b"x")
    assert time.thread_time() - began < 3
