"""Fixture: the practice fleet in a thread, without latency, allowed by the egress guard."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from controlplane.base import config
from registry.emulators.fleet import EmulatedFleet, start
from registry.emulators.latency import Latency
from registry.emulators.specs import specs


@dataclass
class Upstreams:
    """A fleet at `url`; `fleet.counters` counts what arrived."""

    url: str
    fleet: EmulatedFleet

    def yaml(self, count: int) -> str:
        """Specs of the first `count` models."""
        return specs(self.url, count)


async def _serve(ready: "list[Upstreams]", started: threading.Event, stop: threading.Event, size: int) -> None:
    server, fleet = await start("127.0.0.1", 0, size, Latency(0, 0))
    async with server:
        ready.append(Upstreams(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", fleet))
        started.set()
        await asyncio.to_thread(stop.wait)


@pytest.fixture(scope="session")
def fleet_server() -> Iterator[Upstreams]:
    """Two thousand practice models on loopback, for the whole run."""
    ready: list[Upstreams] = []
    started, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(ready, started, stop, 2000)), daemon=True)
    thread.start()
    assert started.wait(20)
    yield ready[0]
    stop.set()
    thread.join(10)


@pytest.fixture
def upstreams(fleet_server: Upstreams, db: None) -> Upstreams:
    """The fleet, with the egress guard opened for it."""
    config.store_egress_allow(None, ["127.0.0.0/8"])
    return fleet_server
