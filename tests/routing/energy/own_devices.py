"""A small installation with devices of its own: models placed on them, what they draw, and calls at chosen times."""

import math
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from controlplane.base.models import User
from registry.models import Model
from routing.calls import records
from routing.dataplane.recorder import Record
from routing.energy import settling
from routing.energy_tables import EnergyMark
from routing.history import store
from routing.inventory import replicas, verbs
from routing.models import Device
from routing.samples.frames import pack
from routing.samples.readings import Observed, SourceReading

GB = 10**9
Watts = Callable[[float], float]


def lately() -> float:
    """A minute about nine minutes ago; before midnight if that came since: what a test sums up is of one day (UTC)."""
    now = int(time.time())
    begun, midnight = now // 60 * 60 - 540, now // 86_400 * 86_400
    return float(begun if begun >= midnight else midnight - 900)


class OwnDevices:
    """Makes devices and calls, and settles. `start` is the Unix time of its beginning, which all times count from."""

    def __init__(self, engineer: User, start: float) -> None:
        self.engineer, self.start, self.sequence = engineer, start, 0
        verbs.add_node(engineer, {"name": "a"})
        settling.settle(start + settling.GRACE)
        EnergyMark.objects.update(looked_at=datetime.fromtimestamp(start, UTC))

    def device(self, name: str = "g0", **more: Any) -> Device:
        """A device of the node a."""
        draft = {"node": "a", "uuid": name, "vendor": "nvidia", "model": "H100", "memory_bytes": 80 * GB, **more}
        row = verbs.add_device(self.engineer, draft)
        Device.objects.filter(pk=row.pk).update(created_at=datetime.fromtimestamp(self.start, UTC))
        return row

    def place(self, model: str, *devices: Device, endpoint: str = "http://x:80") -> None:
        """A replica of a model on these devices."""
        Model.objects.get_or_create(name=model, defaults={"type": "chat", "protocol": "openai", "endpoint": "http://x"})
        replicas.place(replicas.known(model, endpoint).pk, {device.pk: GB for device in devices})

    def draw(self, name: str, watts: Watts, first: float, last: float, counted: bool = False, step: float = 1) -> None:
        """What a device draws, told each `step` seconds; with its counter if `counted`."""
        frames = []
        for tick in range(int((last - first) / step) + 1):
            at = first + tick * step
            values = {"power_watts": watts(at)}
            if counted:
                values["energy_joules_total"] = 1e6 + integral(watts, 0, at)
            self.sequence += 1
            reading = SourceReading({name: Observed(values=values)})
            frames.append((self.start + at, pack(f"of-{name}", 1, self.sequence, self.start + at, reading)))
        store.store(frames)

    def call(self, model: str, began: float, lasted: float, **more: Any) -> Record:
        """A call that ended, as the gateway records it."""
        fields: dict[str, Any] = {
            "id": str(uuid.uuid4()), "at": datetime.fromtimestamp(self.start + began, UTC), "model": model,
            "task": "chat", "api_key_id": 1, "endpoint": "http://x:80", "status": 200, "failure": "", "message": "",
            "stream": False, "attempts": 1, "duration_ms": lasted * 1000, "first_byte_ms": None, "prompt_tokens": 10,
            "completion_tokens": 20, "usage_basis": "reported", "adapted": (), "revision": 1, **more,
        }  # fmt: skip
        record = Record(**fields)
        records.store([record])
        return record

    def settle(self, until: float) -> int:
        """Settle the windows that are over at `until`."""
        return settling.settle(self.start + until + settling.GRACE)


def integral(watts: Watts, first: float, last: float) -> float:
    """Joules between two times, by tenths of a second."""
    steps = max(1, round((last - first) * 10))
    width = (last - first) / steps
    return math.fsum(watts(first + (one + 0.5) * width) * width for one in range(steps))
