"""One connection on a transport of a test: what is given back, what is given up, and when time has run out."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import pytest

from registry.canon import Failure, FailureKind
from registry.spec import Timeouts
from registry.transports.connection import STALE_WITHIN, Connection
from registry.transports.egress import Egress
from registry.transports.response import Response, ResponseLimits, StaleConnection

ORIGIN = "http://gpu.example:80"
LIMITS = ResponseLimits(body=1000, silent=200, high_water=100, keep_alive=30.0)
TIMES = Timeouts(first_byte=5.0, idle=2.0, total=60.0)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Wire(asyncio.Transport):
    """A socket that keeps what is sent and what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.reading = True
        self.aborted = False

    def write(self, data: Any) -> None:
        self.sent += data

    def writelines(self, lines: Any) -> None:
        self.sent += b"".join(lines)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Line:
    """A connection, its socket, and whether it was given back reusable each time it came free."""

    wire: Wire = field(default_factory=Wire)
    freed: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = Connection(LIMITS, Egress(()), "10.0.0.1", lambda _, reusable: self.freed.append(reusable))
        self.connection.connection_made(self.wire)

    def ask(self, gather: bool = False) -> Response:
        """Send a request; the response that is filled."""
        response = Response(self.connection, LIMITS, ORIGIN, asyncio.get_running_loop())
        response.gather = gather
        now = asyncio.get_running_loop().time()
        self.connection.start((b"GET / HTTP/1.1\r\n\r\n", b""), response, TIMES, now + TIMES.total, now)
        return response

    def lost(self, error: Exception | None = None) -> None:
        self.connection.connection_lost(error)


async def words_of(waiting: Awaitable[Any]) -> str:
    with pytest.raises(Failure) as caught:
        await waiting
    assert caught.value.retryable
    return caught.value.message


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (HEAD + b"okay", True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nokay", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nokay", False),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nokay\r\n0\r\n\r\n", True),
    ],
)
async def test_a_connection_is_kept_if_the_upstream_keeps_it(answer: bytes, kept: bool) -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(answer)
    assert await response.read() == b"okay"
    assert line.freed == ([True] if kept else [])
    assert line.wire.aborted is not kept


async def test_one_connection_carries_one_answer_after_the_other() -> None:
    line = Line()
    for number in range(3):
        response = line.ask()
        line.connection.data_received(HEAD[:20])
        line.connection.data_received(HEAD[20:] + b"no %d" % number)
        assert await response.read() == b"no %d" % number
    assert line.freed == [True] * 3
    assert line.wire.sent.count(b"GET /") == 3


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_by_its_status_ends_with_its_head(status: int) -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(b"HTTP/1.1 %d Nothing\r\n\r\n" % status)
    assert await response.read() == b""
    assert (response.status, line.freed) == (status, [True])


async def test_headers_are_in_lower_case_and_repeated_ones_are_joined() -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\n")
    line.connection.data_received(b"Content-Length: 0\r\n\r\n")
    await response.head()
    assert response.headers == {"x-a": "1, 2", "content-length": "0"}


async def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    line = Line()
    line.connection.data_received(HEAD)
    assert line.wire.aborted


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HEAD + b"okay too", "sent bytes after its body's end: its Content-Length is wrong"),
        (HEAD + b"okay" + HEAD, "sent bytes after its body's end: its Content-Length is wrong"),
        (b"220 smtp.example ESMTP\r\n", "does not speak HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 300, "sent over 200 bytes of headers or framing"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: compress\r\n\r\n", "Content-Encoding 'compress'"),
    ],
)
async def test_an_upstream_that_lies_is_left_and_named(answer: bytes, words: str) -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(answer)
    told = await words_of(response.read())
    assert told.startswith(f"upstream {ORIGIN} ")
    assert words in told
    assert line.wire.aborted


@pytest.mark.parametrize(
    ("begun", "error", "words"),
    [
        (b"", None, "closed the connection before it answered"),
        (b"HTTP/1.1 20", None, "closed the connection before it answered"),
        (HEAD + b"ok", None, "closed the connection before its whole body was sent"),
        (HEAD + b"ok", ConnectionResetError("reset"), "broke the connection (reset) before its whole body was sent"),
        (b"HTTP/1.1 200 OK\r\n\r\nok", ConnectionResetError("reset"), "broke the connection (reset)"),
    ],
)
async def test_a_cut_answer_is_no_answer(begun: bytes, error: Exception | None, words: str) -> None:
    line = Line()
    response = line.ask()
    if begun:
        line.connection.data_received(begun)
    line.lost(error)
    assert words in await words_of(response.read())
    assert line.freed == [False]


async def test_a_body_may_end_with_its_connection() -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nokay")
    assert line.connection.eof_received() is False
    line.lost()
    assert await response.read() == b"okay"


async def test_a_kept_connection_that_was_closed_meanwhile_is_told_from_a_failing_upstream() -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(HEAD + b"okay")
    await response.read()
    again = line.ask()
    line.lost(ConnectionResetError())
    with pytest.raises(StaleConnection):
        await again.head()
    never = line.ask()
    with pytest.raises(StaleConnection):
        await never.head()


async def test_a_kept_connection_that_is_closed_late_may_have_taken_the_request() -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(HEAD + b"okay")
    await response.read()
    again = Response(line.connection, LIMITS, ORIGIN, asyncio.get_running_loop())
    now = asyncio.get_running_loop().time()
    line.connection.start((b"", b""), again, TIMES, now + 60, now - STALE_WITHIN - 0.1)
    line.lost()
    assert "closed the connection before it answered" in await words_of(again.head())


async def test_an_upstream_is_paused_while_its_reader_is_behind() -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n" + b"a" * 150)
    assert not line.wire.reading
    assert await response.read_some() == b"a" * 150
    assert line.wire.reading
    line.connection.data_received(b"a" * 250)
    assert await response.read_some() == b"a" * 250
    assert line.freed == [True]
    assert line.wire.reading


async def test_a_body_that_is_gathered_is_not_paused() -> None:
    line = Line()
    response = line.ask(gather=True)
    line.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n" + b"a" * 400)
    assert line.wire.reading
    assert await response.read() == b"a" * 400


@pytest.mark.parametrize(
    ("begun", "after", "words"),
    [
        (b"", 5.1, "sent no body within 5 s"),
        (HEAD, 5.1, "sent no body within 5 s"),
        (HEAD + b"ok", 2.1, "was silent for 2 s"),
        (HEAD + b"ok", 60.1, "did not finish within the total limit"),
        (b"", 60.1, "did not finish within the total limit"),
    ],
)
async def test_time_limits_are_told_apart(begun: bytes, after: float, words: str) -> None:
    line, now = Line(), asyncio.get_running_loop().time()
    response = line.ask(gather=True)
    if begun:
        line.connection.data_received(begun)
    line.connection.tick(now + 0.1)
    line.connection.tick(now + 0.1 + after)
    with pytest.raises(Failure, match=words) as caught:
        await response.read()
    assert caught.value.kind is FailureKind.UPSTREAM_TIMEOUT
    assert line.wire.aborted


async def test_time_in_which_our_own_reader_is_slow_is_no_silence() -> None:
    line, now = Line(), asyncio.get_running_loop().time()
    response = line.ask()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 400\r\n\r\n" + b"a" * 150)
    for second in range(1, 50):
        line.connection.tick(now + second)
    assert response.failure is None
    await response.read_some()
    line.connection.tick(now + 50)
    line.connection.tick(now + 51)
    assert response.failure is None
    line.connection.tick(now + 53)
    assert "was silent for 2 s" in await words_of(response.read_some())


async def test_an_idle_connection_is_closed_after_its_time_and_not_before() -> None:
    line = Line()
    line.connection.tick(10**9)
    assert not line.wire.aborted
    line.connection.idle_since = 1000.0
    line.connection.tick(1030.0)
    assert not line.wire.aborted
    line.connection.tick(1030.1)
    assert line.wire.aborted


async def test_a_reader_who_leaves_closes_the_connection_and_late_bytes_do_no_harm() -> None:
    line = Line()
    response = line.ask()
    line.connection.data_received(HEAD + b"o")
    response.close()
    assert line.wire.aborted
    line.connection.data_received(b"kay")
    line.lost()
    assert line.freed == [False]
