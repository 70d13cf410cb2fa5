"""A door of agents with its own stores, and agents with keys."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from django.db import connections

from controlplane.base.models import User
from routing.pushed import keys
from routing.pushed.door import AgentDoor
from routing.pushed.stores import AgentStores
from routing.samples import frames, pushes
from routing.samples.pushes import AgentPush, DeviceFacts, NodeFacts
from routing.samples.readings import Observed, SourceReading

Answer = tuple[int, dict[str, str], Any]


class Knocking:
    """Pushes to one door, as agents do: over ASGI, one event loop for all."""

    def __init__(self) -> None:
        self.stores = AgentStores()
        self.door = AgentDoor(self.stores)
        self.loop = asyncio.new_event_loop()

    def send(self, secret: str, body: bytes, method: str = "POST") -> Answer:
        """The status, headers and JSON of the answer to a body."""
        return self.loop.run_until_complete(self.knock(secret, body, method))

    async def knock(self, secret: str, body: bytes, method: str = "POST") -> Answer:
        """The same, for several at once."""
        said: list[dict[str, Any]] = []
        given = [
            {"type": "http.request", "body": body[:10], "more_body": True},
            {"type": "http.request", "body": body[10:]},
        ]

        async def receive() -> Any:
            return given.pop(0)

        async def send(message: Any) -> None:
            said.append(message)

        headers = [(b"authorization", f"Bearer {secret}".encode())] if secret else []
        await self.door({"method": method, "headers": headers}, receive, send)
        told = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return said[0]["status"], told, msgspec.json.decode(said[1]["body"])

    def push(self, secret: str, **given: Any) -> Answer:
        """The answer to a push."""
        return self.send(secret, pushes.encode(AgentPush(**{"run": 0, "sent_at": time.time(), **given})))

    def begin(self, secret: str, *uuids: str, machine: str = "") -> int:
        """Tell of a node with these devices; the run that the door gives."""
        devices = [DeviceFacts(uuid, "nvidia", "H100") for uuid in uuids]
        status, _, answer = self.push(secret, facts=NodeFacts(machine, "10.0.0.1", {}, devices))
        assert (status, answer["facts"]) == (200, True)
        return int(answer["run"])

    def close(self) -> None:
        """End its threads with their connections."""
        for thread in (self.stores._rows, self.stores._inventory):
            thread.submit(connections.close_all).result(5)
            thread.shutdown()
        self.loop.close()


@pytest.fixture
def door(stores: None, transactional_db: None) -> Iterator[Knocking]:
    """A door of which nobody has heard."""
    found = Knocking()
    yield found
    found.close()


@pytest.fixture
def agent(person: Callable[..., User]) -> Callable[[str], str]:
    """Makes the key of a node's agent: `agent("node-a")`."""
    return lambda name: keys.create(person("engineer"), name)[1]


def packed(sequence: int, at: float | None = None, run: int = 0, **power: float) -> bytes:
    """A frame that says what each device draws, in watts."""
    said = SourceReading({uuid: Observed(values={"power_watts": value}) for uuid, value in power.items()})
    return frames.encode(frames.pack("liar", run, sequence, time.time() if at is None else at, said))
