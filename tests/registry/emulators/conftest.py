"""A practice fleet in the test's own loop, without latency."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from registry.emulators.fleet import EmulatedFleet, start
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated


@dataclass(frozen=True, slots=True)
class Practice:
    """A running fleet of 32 models."""

    url: str
    fleet: EmulatedFleet

    def address(self, protocol: str, kind: str = "llm", suffix: str = "") -> tuple[str, str]:
        """Base URL and name of the first model of a protocol and type."""
        model = next(
            m for n in range(1, self.fleet.size + 1) if (m := emulated(n)).protocol == protocol and m.type == kind
        )
        return f"{self.url}/m/{model.number}{suffix}", model.name


@pytest.fixture
async def practice() -> AsyncIterator[Practice]:
    server, fleet = await start("127.0.0.1", 0, 32, Latency(0, 0))
    async with server:
        yield Practice(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", fleet)
