"""Fills an installation with a fleet and feeds it: for benchmarks/live_pages.py, in a process that knows the stores.

`python -m benchmarks.live_feed --devices 1000 --seed` writes nodes and devices and prints a session cookie of an admin.
`python -m benchmarks.live_feed --devices 1000` sends a frame of every node each second and stores it, until it is
ended. Values wander as real ones do: utilisation and power move every second, temperature and memory seldom.
"""

import argparse
import math
import random
import time
from typing import Any

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
from django.test import Client

from benchmarks.telemetry import PER_NODE, node
from controlplane.base import events
from controlplane.base.models import User
from routing.history import store
from routing.models import Device, Node
from routing.samples.frames import Frame, pack
from routing.samples.readings import SourceReading

assert DJANGO_VERSION
BACKEND = "django.contrib.auth.backends.ModelBackend"
MEMORY = 80 * 10**9


def uuid(number: int, one: int) -> str:
    """A device's uuid, as benchmarks/telemetry.py has it."""
    return f"GPU-{number:04}-0000-4000-8000-00000000000{one}"


def seed(devices: int) -> str:
    """Nodes of eight devices; the session cookie of somebody who may see them."""
    nodes = Node.objects.bulk_create(
        [Node(name=f"gpu-node-{number:03}", emulated=True) for number in range(math.ceil(devices / PER_NODE))]
    )
    rows = [
        Device(node=nodes[number // PER_NODE], uuid=uuid(number // PER_NODE, number % PER_NODE), vendor="nvidia",
               model="H100", index=number % PER_NODE, memory_bytes=MEMORY, labels={"pool": f"p{number % 3}"})
        for number in range(devices)
    ]  # fmt: skip
    Device.objects.bulk_create(rows, batch_size=1000)
    person = User.objects.create_user("bench", role="admin")
    client = Client()
    client.force_login(person, backend=BACKEND)
    return str(client.cookies["sessionid"].value)


class Wandering:
    """What one device says: numbers that go on from those of the second before."""

    def __init__(self, number: int) -> None:
        self._rng = random.Random(number)
        self.busy, self.held, self.heat = self._rng.random(), self._rng.random(), 45.0

    def step(self) -> dict[str, float]:
        """The next second."""
        self.busy = min(1.0, max(0.0, self.busy + self._rng.gauss(0, 0.04)))
        if self._rng.random() < 0.05:
            self.held = min(1.0, max(0.0, self.held + self._rng.gauss(0, 0.1)))
        self.heat += 0.05 * (40 + 40 * self.busy - self.heat)
        return {
            "utilization_ratio": round(self.busy, 2),
            "memory_used_bytes": self.held * MEMORY,
            "memory_total_bytes": float(MEMORY),
            "temperature_celsius": round(self.heat),
            "power_watts": 90 + 600 * self.busy + self._rng.random() * 10,
        }


def feed(devices: int, calm: bool) -> None:
    """Send and store for ever. `calm` wanders; otherwise every number of every device changes every second."""
    client, run, tick = events.store(), int(time.time()), 0
    wandering = {uuid(one // PER_NODE, one % PER_NODE): Wandering(one) for one in range(devices)}
    while True:
        begun = time.time()
        frames: list[Frame] = []
        for number in range(math.ceil(devices / PER_NODE)):
            said = node(number, tick)
            if calm:
                _wander(said, wandering)
            frames.append(pack(f"gpu-node-{number:03}", run, tick, begun, said))
        store.send(client, frames)
        store.keep()
        tick += 1
        time.sleep(max(0.0, begun + 1 - time.time()))


def _wander(said: SourceReading, wandering: dict[str, Wandering]) -> None:
    for name, one in said.subjects.items():
        if name in wandering:
            values: Any = one.values
            values.update(wandering[name].step())


def main() -> None:
    """Seed, or feed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--seed", action="store_true")
    options.add_argument("--wild", action="store_true", help="every number changes every second")
    given = options.parse_args()
    if given.seed:
        print(seed(given.devices))
    else:
        feed(given.devices, not given.wild)


if __name__ == "__main__":
    main()
