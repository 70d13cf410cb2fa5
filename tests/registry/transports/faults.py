"""A raw TCP server whose answers a test writes by hand, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from registry.transports.target import Target

Script = Callable[["Peer"], Awaitable[None]]


@dataclass
class Peer:
    """One accepted connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> bytes:
        """Read one request with its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head + await self.reader.readexactly(length)

    async def send(self, data: bytes) -> None:
        """Write and flush."""
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, body: bytes, head: bytes = b"") -> None:
        """Write a whole 200 answer."""
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%s\r\n%s" % (len(body), head, body))

    def reset(self) -> None:
        """Break the connection with RST."""
        self.writer.transport.abort()


@dataclass
class FaultServer:
    """Counts connections and tells when a client leaves."""

    port: int = 0
    accepted: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def target(self) -> Target:
        """The server as a client's target."""
        return Target("http", "127.0.0.1", self.port, "")


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[FaultServer]:
    """Run `script` for every connection to a loopback port."""
    state = FaultServer()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.accepted += 1
        try:
            await script(Peer(reader, writer, state.accepted))
        except (asyncio.IncompleteReadError, ConnectionError):
            state.left.set()
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
