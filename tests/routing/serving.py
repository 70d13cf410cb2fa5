"""A gateway on a loopback port, in this process and event loop, in front of upstreams that tests write by hand."""

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import openai

from controlplane.base.messages import restored
from controlplane.base.secrets import key_hash
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.transports.response import ResponseLimits
from routing.dataplane.breaker import Breakers
from routing.dataplane.builder import Builder
from routing.dataplane.cors import CrossOrigin, origins
from routing.dataplane.door.bounds import STANDARD, DoorLimits
from routing.dataplane.door.relay import Relay
from routing.dataplane.door.server import Server
from routing.dataplane.forwarding import Forwarder
from routing.dataplane.gateway import Gateway
from routing.dataplane.hooks import Hooks
from routing.dataplane.measures import Measures
from routing.dataplane.recorder import Recorder
from routing.dataplane.snapshot import Snapshot, StoredCaller, StoredModel
from routing.table import Table

PEPPER = b"p" * 32
KEY = "pb-test-key"


def caller_row(key: str = KEY, **changes: Any) -> StoredCaller:
    fields: dict[str, Any] = {
        "key_id": 1,
        "key_hash": key_hash(key, PEPPER),
        "name": "app",
        "scopes": ("call",),
        "models": (),
        "strict": False,
        "calls_per_minute": None,
        "max_concurrency": None,
        "expires_at": None,
    }
    return StoredCaller(**{**fields, **changes})


def model_row(name: str, *ports: int, state: str = "ready", **spec: Any) -> StoredModel:
    document = {
        "name": name,
        "type": "llm",
        "protocol": "openai",
        "endpoint": [f"http://127.0.0.1:{port}" for port in ports] or ["http://127.0.0.1:9"],
        "upstream_model": "upstream-name",
        **spec,
    }
    return StoredModel(
        name=name,
        type=document["type"],
        protocol=document["protocol"],
        state=state,
        state_reason="connection refused" if state == "unreachable" else "",
        owner="",
        created=1_700_000_000,
        release_id=1,
        credential_id=None,
        spec=msgspec.json.encode(document).decode(),
    )


def snapshot(models: Sequence[StoredModel], callers: Sequence[StoredCaller] = (), revision: int = 7) -> Snapshot:
    return Snapshot(revision, ("127.0.0.0/8",), tuple(callers) or (caller_row(),), (), tuple(models))


def builder_table(rows: Snapshot) -> Table:
    """The table of these rows, without a gateway."""
    return Builder(lambda row: "secret").build(rows)


@dataclass
class Running:
    """A gateway that is being served."""

    port: int
    gateway: Gateway
    hooks: Hooks
    builder: Builder
    breakers: Breakers
    client: Client
    measures: Measures
    delivered: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, rows: Snapshot) -> None:
        self.gateway.serve(self.builder.build(rows))

    def http(self, key: str | None = KEY) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, trust_env=False)

    def sdk(self, key: str = KEY) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=10)

    async def records(self, count: int = 1, within: float = 20.0) -> list[dict[str, Any]]:
        """The records of `count` calls, once they are there, as they are read from the table."""
        recorder = self.gateway._recorder
        end = time.monotonic() + within
        while len(self.delivered) < count and time.monotonic() < end:
            await recorder.flush()
            await asyncio.sleep(0.01)
        ids = {row["id"] for row in self.delivered}
        assert len(self.delivered) == count, f"{len(self.delivered)} records of {len(ids)} calls: {self.delivered[:5]}"
        return [restored(row) for row in self.delivered]


@asynccontextmanager
async def gateway_for(
    models: Sequence[StoredModel],
    callers: Sequence[StoredCaller] = (),
    browsers: str = "*",
    limits: ResponseLimits | None = None,
    door_limits: DoorLimits = STANDARD,
) -> AsyncIterator[Running]:
    """Serve these models to these callers (by default one, whose key is KEY) and to pages of these origins."""
    guard = Egress(("127.0.0.0/8",))
    client = Client(lambda: guard, limits)
    breakers = Breakers(time.monotonic)
    delivered: list[dict[str, Any]] = []

    async def deliver(packed: bytes) -> None:
        delivered.extend(msgspec.json.decode(packed))

    with tempfile.TemporaryDirectory() as spool:
        measures = Measures()
        gateway = Gateway(Forwarder(client, breakers), Recorder(deliver, Path(spool)), measures, PEPPER)
        builder = Builder(lambda row: "secret")
        listener = socket.create_server(("127.0.0.1", 0))
        door = CrossOrigin(gateway, origins(browsers))
        server = Server(lambda head: door, Relay("unix:/nowhere"), limits=door_limits)
        client.turn = gateway.turn = server.turn
        port = listener.getsockname()[1]
        running = Running(port, gateway, gateway.hooks, builder, breakers, client, measures, delivered)
        running.serve(snapshot(models, callers))
        server.start(listener)
        try:
            yield running
        finally:
            await server.stop(0)
            await client.close()
            listener.close()
