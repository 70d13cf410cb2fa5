"""HTTP in any order and cut: whatever the door serves of a connection is what h11 reads of the same bytes, no more."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import h11
import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from routing.dataplane.door.bounds import DoorLimits
from routing.dataplane.door.head import without_empty_lines
from tests.routing.dataplane.door.doors import Answer, door, first_answer
from tests.routing.dataplane.door.test_head import REFUSED

PATIENCE_SECONDS = 3.0
SHORT = DoorLimits(linger=0.05, sweep=0.02)
ODD_LINES = [
    "Content-Length: 3",
    "Content-Length: +3",
    "Content-Length: 3, 3",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\x0bchunked",
    "Transfer_Encoding: chunked",
    "X: y\r\n Content-Length: 3",
    "X: y\nContent-Length: 3",
    "Host: other",
    "Upgrade: h2c\r\nConnection: Upgrade",
    "X: \x00",
    ": x",
    "no colon",
]
BODIES = [b"0\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", b"abc", b"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n"]
"""What is a body by its length, and may be chunks or a request to whoever reads the head in another way."""
ODD_CHUNKS = [
    b"3\nabc\r\n",
    b"3\r\nabc\n",
    b"3\r\nabc0\r\n",
    b"3 \r\nabc\r\n",
    b"0x3\r\nabc\r\n",
    b"-3\r\nabc\r\n",
    b"3;a\nb\r\nabc\r\n",
    b"0\n\r\n",
    b"0\r\n\n",
    b"0\r\nno header\r\n\r\n",
]
ODD_PIECES = [b"\n", b"\r", b"\0", b"abc", b"GET / HTTP/1.1\r\n", *BODIES, *REFUSED.values()]


@dataclass(frozen=True)
class Read:
    """One whole request."""

    method: str
    path: str
    body: bytes


def theirs(data: bytes) -> list[Read]:
    """The whole requests that h11 reads of a connection, up to what it refuses or what ends the connection.

    h11 refuses empty lines before a request, which a server should read over (RFC 9112, section 2.2).
    """
    found = list[Read]()
    with suppress(h11.RemoteProtocolError):
        while data := without_empty_lines(data):
            peer = h11.Connection(h11.SERVER)
            peer.receive_data(data)
            request, body = peer.next_event(), b""
            while isinstance(event := peer.next_event(), h11.Data):
                body += bytes(event.data)
            if not isinstance(request, h11.Request) or not isinstance(event, h11.EndOfMessage):
                break
            found.append(Read(request.method.decode(), request.target.decode(), body))
            if peer.their_state is h11.MUST_CLOSE:
                break
            data = peer.trailing_data[0]
    return found


class OpenDoor:
    """A door in a thread and event loop of its own."""

    def __init__(self) -> None:
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_SECONDS)

    async def _serve(self) -> None:
        self._over, self._loop = asyncio.Event(), asyncio.get_running_loop()
        async with door(SHORT) as opened:
            self.port = opened.port
            self._ready.set()
            await self._over.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def open_door() -> Iterator[OpenDoor]:
    opened = OpenDoor()
    yield opened
    opened.close()


class Connection(RuleBasedStateMachine):
    """One caller's connection. `odd` is how often something may be sent that a server may refuse."""

    port = 0

    def __init__(self) -> None:
        super().__init__()
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent, self.got = b"", b""
        self.left: int | None = 0
        self.between = self.tidy = True
        self.odd = 0

    @initialize(odd=st.sampled_from([0, 0, 1, 2]))
    def allow(self, odd: int) -> None:
        self.odd = odd

    def send(self, data: bytes, cut: int) -> None:
        self.sent += data
        with suppress(OSError):
            for piece in (data[:cut], data[cut:]):
                self.socket.sendall(piece)

    @precondition(lambda self: self.between)
    @rule(
        method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]),
        path=st.sampled_from(["/v1/a", "/v1/b?c=d"]),
        size=st.one_of(st.none(), st.integers(0, 60)),
        lines=st.lists(st.sampled_from(["Expect: 100-continue", "X: y", "Connection: close"]), max_size=2, unique=True),
        cut=st.integers(0, 150),
    )
    def ask(self, method: str, path: str, size: int | None, lines: list[str], cut: int) -> None:
        framing = "Transfer-Encoding: chunked" if size is None else f"Content-Length: {size}"
        head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", framing, *lines]) + "\r\n\r\n"
        self.left, self.between = size, size == 0
        self.send(head.encode(), cut)

    @precondition(lambda self: not self.between and self.left is not None)
    @rule(data=st.binary(min_size=1, max_size=60), cut=st.integers(0, 60))
    def body(self, data: bytes, cut: int) -> None:
        data = data[: self.left]
        self.left = (self.left or 0) - len(data)
        self.between = self.left == 0
        self.send(data, cut)

    @precondition(lambda self: not self.between and self.left is None)
    @rule(
        data=st.binary(min_size=1, max_size=40), extension=st.sampled_from(["", ";a", ";a=b"]), cut=st.integers(0, 60)
    )
    def chunk(self, data: bytes, extension: str, cut: int) -> None:
        self.send(b"%x%b\r\n%b\r\n" % (len(data), extension.encode(), data), cut)

    @precondition(lambda self: not self.between and self.left is None)
    @rule(trailers=st.sampled_from(["", "X: y\r\n", "X: y\r\nZ: \r\n"]), cut=st.integers(0, 20))
    def last_chunk(self, trailers: str, cut: int) -> None:
        self.between = True
        self.send(f"0\r\n{trailers}\r\n".encode(), cut)

    @precondition(lambda self: self.odd and self.sent)
    @rule(
        method=st.sampled_from(["GET", "POST"]),
        odd=st.sampled_from(ODD_LINES),
        body=st.sampled_from(BODIES),
        cut=st.integers(0, 150),
    )
    def ask_oddly(self, method: str, odd: str, body: bytes, cut: int) -> None:
        self.tidy = False
        self.odd -= 1
        head = f"{method} /v1/odd HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{odd}\r\n\r\n"
        self.send(head.encode() + body, cut)

    @precondition(lambda self: self.odd and not self.between and self.left is None)
    @rule(odd=st.sampled_from(ODD_CHUNKS), cut=st.integers(0, 20))
    def chunk_oddly(self, odd: bytes, cut: int) -> None:
        self.tidy = False
        self.odd -= 1
        self.send(odd, cut)

    @precondition(lambda self: self.odd and self.sent)
    @rule(odd=st.sampled_from(ODD_PIECES), cut=st.integers(0, 60))
    def send_oddly(self, odd: bytes, cut: int) -> None:
        self.tidy = False
        self.odd -= 1
        self.send(odd, cut)

    def teardown(self) -> None:
        expected = theirs(self.sent)
        try:
            served = self._answers(len(expected), [one.method for one in expected])
        finally:
            self.socket.close()
        good = [one for one in served if one.status == 200]
        assert [one.status == 200 for one in served] == [True] * len(good) + [False] * (len(served) - len(good)), (
            self.sent
        )
        assert len(served) - len(good) <= 1, self.sent
        for found, wanted in zip(good, expected, strict=False):
            same_request(found, wanted)
        assert len(good) <= len(expected), f"h11 reads {len(expected)} requests, the door {len(good)} in {self.sent!r}"
        if self.tidy:
            assert len(good) == len(expected), f"the door refuses what is no offence: {self.sent!r}"

    def _answers(self, count: int, methods: list[str]) -> list[Answer]:
        """What the door has answered, once it has closed or answered `count` requests and what else there may be."""
        told, end = [*methods, *["GET"] * 9], time.monotonic() + PATIENCE_SECONDS
        open_, halved = True, False
        while open_ and time.monotonic() < end:
            if len(whole(self.got, told)) >= count and not halved:
                halved = True
                with suppress(OSError):
                    self.socket.shutdown(socket.SHUT_WR)
            piece = b""
            with suppress(ConnectionError):
                piece = self.socket.recv(65536)
            self.got += piece
            open_ = bool(piece)
        assert not open_, f"the door neither answers nor closes: {self.sent!r}"
        return whole(self.got, told)


def whole(data: bytes, methods: list[str]) -> list[Answer]:
    """The whole answers at the beginning of these bytes."""
    found: list[Answer] = []
    with suppress(h11.RemoteProtocolError, AssertionError):
        while data:
            answer, data = first_answer(data, methods[len(found)])
            found.append(answer)
    return found


def same_request(found: Answer, wanted: Read) -> None:
    if wanted.method == "HEAD":
        return
    told = json.loads(found.body)
    assert (told["method"], told["size"]) == (wanted.method, len(wanted.body))
    assert wanted.path.startswith(told["path"])
    assert told["body"].encode("latin-1") == wanted.body[:99]


def test_what_the_door_serves_is_what_h11_reads(open_door: OpenDoor) -> None:
    Connection.port = open_door.port
    checks = list(HealthCheck)
    bounds = settings(max_examples=100, stateful_step_count=12, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(Connection, settings=bounds)


def test_every_oddity_behind_a_good_request_is_refused_or_read_as_h11_reads_it(open_door: OpenDoor) -> None:
    Connection.port = open_door.port
    good = b"GET /v1/a HTTP/1.1\r\nHost: x\r\n\r\n"
    chunked = b"POST /v1/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    odd = [
        f"POST /v1/odd HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{line}\r\n\r\n".encode() + body
        for line in ODD_LINES
        for body in BODIES
    ]
    for piece in [*odd, *[chunked + one for one in ODD_CHUNKS], *ODD_PIECES]:
        connection = Connection()
        connection.tidy = False
        connection.send(good + piece + good, len(good))
        connection.teardown()
