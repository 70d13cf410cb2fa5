"""A door on a loopback port, in this process and event loop, before an application of the tests' own."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import h11

from registry.canon import Failure
from routing.dataplane.caller import CallerLeft, CallerSide
from routing.dataplane.door.bounds import STANDARD, DoorLimits
from routing.dataplane.door.relay import Relay
from routing.dataplane.door.server import Server

LARGE = 8_000_000
QUICK = DoorLimits(head=0.3, body=0.3, idle=0.3, stalled=0.3, linger=0.3, sweep=0.05, pause=0.1)


@dataclass
class Echo:
    """Answers with what it read of a request; some paths do something else."""

    calls: list[str] = field(default_factory=list)
    left: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, side: CallerSide) -> None:
        """One request."""
        self.calls.append(side.path)
        if side.path == "/v1/refused":
            await side.answer(401, [], b"no")
        elif side.path == "/v1/large":
            await side.answer(200, [], bytes(LARGE))
        elif side.path == "/v1/unchanged":
            await side.answer(304, [], b"")
        elif side.path == "/v1/parts":
            await _parts(side, b"one", b"two")
        elif side.path == "/v1/endless":
            await _parts(side, *[bytes(50_000)] * 1000)
        elif side.path.startswith("/v1/of/"):
            taken = side.belongs(int(side.path.removeprefix("/v1/of/")))
            await side.answer(200 if taken else 429, [], b"")
        elif side.path == "/v1/broken":
            raise ZeroDivisionError
        else:
            await self._echo(side)

    async def _echo(self, side: CallerSide) -> None:
        if side.path == "/v1/slow":
            await self.go_on.wait()
        try:
            body = await self._body(side)
        except Failure as failure:
            await side.answer(400, [], str(failure.code).encode())
            return
        told = {
            "path": side.path,
            "method": side.method,
            "size": len(body),
            "body": body[:99].decode("latin-1"),
        }
        await side.answer(200, [], json.dumps(told).encode())

    async def _body(self, side: CallerSide) -> bytes:
        parts, more = [], True
        while more:
            try:
                part, more = await side.part()
            except CallerLeft:
                self.left += 1
                raise
            parts.append(part)
        return b"".join(parts)


async def _parts(side: CallerSide, *parts: bytes) -> None:
    await side.start(200, [])
    for part in parts:
        await side.write(part)
    await side.finish()


@dataclass
class Door:
    """A door that is open."""

    port: int
    server: Server
    echo: Echo

    @asynccontextmanager
    async def caller(self) -> AsyncIterator["Caller"]:
        """A connection to it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2 * LARGE)
        try:
            yield Caller(reader, writer)
        finally:
            writer.close()

    async def exchange(self, *pieces: bytes, methods: Sequence[str] = ()) -> list["Answer"]:
        """Send these bytes, a piece at a time, and read answers until the door closes."""
        async with self.caller() as caller:
            for piece in pieces:
                caller.writer.write(piece)
                await asyncio.sleep(0)
            return answers(await caller.rest(), methods)


@dataclass
class Caller:
    """One connection of a caller."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send and wait until it is on its way."""
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self, seconds: float = 5.0) -> bytes:
        """Everything until the door closes. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self.reader.read()

    async def answer(self, seconds: float = 5.0) -> "Answer":
        """The next answer that has a length. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            head = await self.reader.readuntil(b"\r\n\r\n")
            (length,) = [
                int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")
            ]
            (found,) = answers(head + await self.reader.readexactly(length))
            return found


@dataclass(frozen=True)
class Answer:
    """One answer as h11 reads it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(json.loads(self.body)["error"]["code"])


def answers(data: bytes, methods: Sequence[str] = ()) -> list[Answer]:
    """Every answer in these bytes. Raises h11.RemoteProtocolError, or AssertionError if the last one is cut."""
    found: list[Answer] = []
    while data:
        answer, data = first_answer(data, methods[len(found)] if methods else "GET")
        found.append(answer)
    return found


def first_answer(data: bytes, method: str) -> tuple[Answer, bytes]:
    """The first answer in these bytes, to a request with this method, and what comes after it. Raises as `answers`."""
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(data)
    peer.receive_data(b"")
    status, headers, body = 0, {}, b""
    while not isinstance(event := peer.next_event(), h11.EndOfMessage):
        assert not isinstance(event, h11.ConnectionClosed), "the answer is cut"
        if isinstance(event, h11.Response):
            status, headers = event.status_code, dict(event.headers)
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
    return Answer(status, headers, body), peer.trailing_data[0]


@asynccontextmanager
async def door(limits: DoorLimits = STANDARD, relay: Relay | None = None) -> AsyncIterator[Door]:
    """Paths below /v1 are answered by an Echo, others by what the relay reaches."""
    echo, beyond = Echo(), relay or Relay("unix:/nowhere")
    server = Server(lambda head: echo if head.path.startswith("/v1/") else None, beyond, limits=limits)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server.start(listener)
    try:
        yield Door(listener.getsockname()[1], server, echo)
    finally:
        with suppress(TimeoutError):
            await server.stop(0)
        listener.close()
