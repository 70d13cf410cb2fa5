"""Tells of six devices and an engine once a second until it is killed, through the stream and the store of a plant."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from controlplane.base.boot import DJANGO_VERSION  # isort: skip
from controlplane.base import events
from routing.history import store
from routing.models import Device, Node
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading

WATTS = {"a": 100.5, "b": 200.0}
STRANGER = 'odd "name" \\ of 中文'
ENGINE = "engine:7/org/llama"
assert DJANGO_VERSION


def uuid(node: str, index: int) -> str:
    """The device's, which is its subject too."""
    return f"GPU-{node}-{index}"


def furnish() -> None:
    """The inventory: two nodes with three devices each, one node emulated; one more device that is gone."""
    for name in WATTS:
        node = Node.objects.create(name=name, emulated=name == "b")
        for index in range(3):
            Device.objects.create(node=node, uuid=uuid(name, index), vendor="nvidia", model="H100", index=index)
        Device.objects.create(
            node=node, uuid=f"GPU-{name}-old", vendor="amd", model="MI300X", gone_at="2026-01-01T00:00Z"
        )


def frame(node: str, run: int, sequence: int, at: float) -> Frame:
    """What a node says at a time: power, and the energy that follows from it."""
    values = {"power_watts": WATTS[node], "energy_joules_total": WATTS[node] * (at - run), "throttle_reasons": 4.0}
    subjects = {uuid(node, index): Observed(values=dict(values)) for index in range(3)}
    if node == "a":
        subjects[STRANGER] = Observed(values={"temperature_celsius": 41.5})
        subjects[ENGINE] = Observed(values={"requests_running": 3.0, "prompt_tokens_total": 12.0})
    return pack(node, run, sequence, at, SourceReading(subjects))


def main() -> None:
    """Furnish, then tell."""
    furnish()
    run, sequence = int(time.time()) - 60, 0
    while True:
        sequence += 1
        store.send(events.store(), [frame(node, run, sequence, time.time()) for node in WATTS])
        store.keep()
        time.sleep(1.0)


if __name__ == "__main__":
    main()
