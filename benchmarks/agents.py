"""What agents cost the site: CPU of the gateway, the console and Redis while 125 agents of 8 devices push at 1 Hz.

Each agent keeps its connection, as real ones do. Nothing is stored meanwhile: benchmarks/telemetry.py measures that.

    .venv/bin/python -m benchmarks.agents [--agents 125] [--seconds 20] [--json FILE]
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil

from benchmarks.telemetry import node
from routing.samples import frames, pushes
from routing.samples.pushes import AgentPush, DeviceFacts, NodeFacts
from tests.routing.plants import ROOT, Plant

PATH = "/api/telemetry/frames"
AT_ONCE = 4
"""Agents that tell of their nodes at once: the door takes no more."""


class SimulatedAgent:
    """One agent on one kept connection."""

    def __init__(self, number: int, port: int, key: str) -> None:
        self.number, self.port, self.key = number, port, key
        self.run, self.slowest = 0, 0.0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def connect(self) -> None:
        """Open the connection that is kept from then on."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def begin(self) -> None:
        """Connect, and tell of the node until the door has brought it in."""
        await self.connect()
        devices = [DeviceFacts(uuid, "nvidia", "H100") for uuid in node(self.number, 0).subjects]
        kept = False
        while not kept:
            answer = await self._push(AgentPush(self.run, time.time(), [], NodeFacts("", "", {}, devices)))
            self.run, kept = answer["run"], answer["facts"]
            await asyncio.sleep(0.6)

    async def tick(self, tick: int) -> None:
        """Push one frame."""
        frame = frames.pack("x", self.run, tick, time.time(), node(self.number, tick))
        begun = time.perf_counter()
        answer = await self._push(AgentPush(self.run, time.time(), [frames.encode(frame)]))
        assert answer["kept"] == 1, answer
        assert not answer["complaints"], answer
        self.slowest = max(self.slowest, time.perf_counter() - begun)

    async def _push(self, push: AgentPush) -> dict[str, Any]:
        body = pushes.encode(push)
        head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.key}\r\n"
        self._writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        said = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(said.partition("content-length:")[2].partition("\r\n")[0])
        body = await self._reader.readexactly(length)
        assert " 200 " in said.partition("\r\n")[0] + " ", (said, body)
        found: dict[str, Any] = msgspec.json.decode(body)
        return found


async def measure(plant: Plant, keys: list[str], seconds: int) -> dict[str, float]:
    """Figures of `seconds` ticks of all agents, spread evenly over each second."""
    agents = [SimulatedAgent(number, plant.port, key) for number, key in enumerate(keys)]
    for first in range(0, len(agents), AT_ONCE):
        await asyncio.gather(*(agent.begin() for agent in agents[first : first + AT_ONCE]))
    for agent in agents:
        await agent.connect()
    assert plant.web is not None
    assert plant.valkey.process is not None
    watched = {name: psutil.Process(process.pid) for name, process in plant.web.running.items()}
    watched["redis"] = psutil.Process(plant.valkey.process.pid)
    before = {name: sum(process.cpu_times()[:2]) for name, process in watched.items()}

    async def live(number: int, agent: SimulatedAgent) -> None:
        await asyncio.sleep(number / len(agents))
        for tick in range(1, seconds + 1):
            await agent.tick(tick)
            await asyncio.sleep(1.0 - time.time() % 1.0 + number / len(agents))

    begun = time.perf_counter()
    await asyncio.gather(*(live(number, agent) for number, agent in enumerate(agents)))
    took, pushed = time.perf_counter() - begun, len(agents) * seconds
    spent = {name: sum(process.cpu_times()[:2]) - before[name] for name, process in watched.items()}
    figures = {f"{name}_ms_a_push": 1000 * one / pushed for name, one in spent.items()}
    figures |= {f"{name}_percent_of_a_core": 100 * one / took for name, one in spent.items()}
    return figures | {"pushes_a_second": pushed / took, "slowest_push_ms": 1000 * max(one.slowest for one in agents)}


def main() -> None:
    """The command line."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--agents", type=int, default=125)
    given.add_argument("--seconds", type=int, default=20)
    given.add_argument("--json", type=Path)
    options = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        plant = Plant(Path(folder))
        try:
            plant.start()
            command = [sys.executable, "-m", "tests.routing.pushed.at_plant"]
            names = "".join(f"key node-{number}\n" for number in range(options.agents))
            done = subprocess.run(
                command, env=plant.environment, cwd=ROOT, input=names, capture_output=True, text=True, check=True
            )
            figures = asyncio.run(measure(plant, done.stdout.split(), options.seconds))
        finally:
            plant.stop()
    for name, value in figures.items():
        print(f"{name:32} {value:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
