"""Every golden through the whole gateway, cut at each byte on either side: the same answer and the same record.

The caller's request or the upstream's answer comes in two pieces, or a byte at a time, on sockets of the test's own.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from msgspec.structs import asdict

from registry.transports.connection import Connection
from routing.dataplane.door.connection import CallerProtocol
from routing.dataplane.door.relay import Relay
from routing.dataplane.door.server import Server
from routing.dataplane.endpoints import CALLS
from routing.dataplane.recorder import Record
from tests.registry.protocols.goldens import Golden, load
from tests.registry.transports.test_connection import Wire
from tests.routing.dataplane.door.doors import Answer, answers
from tests.routing.serving import KEY, Running, gateway_for, model_row

NAME = "public-1"
ANSWERED = [golden for golden in load() if "upstream" in golden.case]
PATHS = {task: path for path, task in CALLS.items()}
TIMES = ("id", "at", "duration_ms", "first_byte_ms")
TURNS = 5000
EARLY_COMMENTS = re.compile(rb"\A(?::[^\n]*\n\n)+")
"""What comes alone before anything else is held back, so that another replica may still be asked."""


class UpstreamWire(Wire):
    """The upstream's side: it answers a request in pieces, each in a turn of the loop of its own."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__()
        self.pieces = list(pieces)
        self.connection: Connection | None = None

    def write(self, data: Any) -> None:
        super().write(data)
        asyncio.get_running_loop().call_soon(self.answer, 0)

    def answer(self, number: int) -> None:
        if number < len(self.pieces) and self.connection is not None and not self.aborted:
            self.connection.data_received(self.pieces[number])
            asyncio.get_running_loop().call_soon(self.answer, number + 1)


class CallerWire(Wire):
    """The caller's side."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass
class Played:
    """A gateway with one golden's model, whose sockets are the test's own."""

    running: Running
    server: Server
    records: list[Record] = field(default_factory=list)

    async def call(self, request: Sequence[bytes], answer: Sequence[bytes]) -> tuple[Answer, dict[str, Any]]:
        """Send a request in pieces, answered in pieces; what the caller had, and the record, times left out."""
        client, target = self.running.client, self.running.gateway.table.models[NAME].replicas[0].target  # type: ignore[union-attr]
        upstream = UpstreamWire(answer)
        upstream.connection = Connection(client._limits, client._egress(), "127.0.0.1", client._freed, client.turn)
        upstream.connection.connection_made(upstream)
        client._idle[target.pool_key] = [upstream.connection]
        client._all = {upstream.connection}
        wire, caller = CallerWire(), CallerProtocol(self.server)
        caller.connection_made(wire)
        for piece in request:
            caller.data_received(piece)
            await asyncio.sleep(0)
        for _ in range(TURNS):
            if self.records:
                break
            await asyncio.sleep(0)
        record = {name: value for name, value in asdict(self.records.pop()).items() if name not in TIMES}
        caller.connection_lost(None)
        (found,) = answers(wire.sent)
        body = re.sub(rb'"created":\d+', b'"created":0', EARLY_COMMENTS.sub(b"", found.body))
        return replace(found, body=body), record


@asynccontextmanager
async def played(golden: Golden) -> AsyncIterator[Played]:
    """A gateway for a golden."""
    case = golden.case
    spec = {"type": case["type"], "protocol": golden.protocol, "upstream_model": case["upstream_model"]}
    async with gateway_for([model_row(NAME, 9, **spec, params=case.get("params", {}))]) as running:
        server = Server(lambda head: running.gateway, Relay("unix:/nowhere"))
        running.client.turn = running.gateway.turn = server.turn
        one = Played(running, server)
        running.gateway._recorder.add = one.records.append  # type: ignore[assignment, method-assign]
        yield one


def request_of(golden: Golden) -> bytes:
    """The caller's request."""
    path, told = PATHS.get(golden.task), golden.case["request"]
    if path is None:
        path = f"/v1/models/{NAME}/predict"
        told = {"inputs": told["inputs"], "parameters": {key: told[key] for key in told if key != "inputs"}}
    else:
        told = {"model": NAME, **told, "stream": golden.case["stream"]}
    body = json.dumps(told).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nx-request-id: req-1\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def answer_of(golden: Golden) -> bytes:
    """The upstream's answer; a stream in chunks of uneven sizes."""
    told, body = golden.case["upstream"], golden.answer
    lines = "".join(f"{name}: {value}\r\n" for name, value in told["headers"].items())
    head = f"HTTP/1.1 {told['status']} X\r\n{lines}"
    if not golden.case["stream"]:
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    pieces = [body[at : at + 70] for at in range(0, len(body), 70)]
    return f"{head}transfer-encoding: chunked\r\n\r\n".encode() + b"".join(map(framed, (*pieces, b"")))


def framed(piece: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """`data` in two pieces, cut at each byte, and a byte at a time."""
    yield from ([data[:cut], data[cut:]] for cut in range(1, len(data)))
    yield [data[at : at + 1] for at in range(len(data))]


@pytest.mark.slow
@pytest.mark.parametrize("golden", ANSWERED, ids=lambda golden: golden.name)
async def test_a_golden_is_the_same_wherever_either_side_is_cut(golden: Golden) -> None:
    request, answer = request_of(golden), answer_of(golden)
    async with played(golden) as one:
        await one.call([request], [answer])
        whole = await one.call([request], [answer])
        status = whole[1]["status"]
        assert (whole[0].status == 200) == ("reply" in golden.case or bool(golden.case.get("sse")))
        assert (status == 200) == ("failure" not in golden.case or golden.case["failure"] is None)
        for pieces in cuts(answer):
            assert await one.call([request], pieces) == whole, pieces[0]
        for pieces in cuts(request):
            assert await one.call(pieces, [answer]) == whole, pieces[0]
