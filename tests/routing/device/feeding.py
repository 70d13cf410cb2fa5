"""An hour in the life of two emulated devices, written through the store as collectors' frames are."""

import math
import time
from collections.abc import Mapping

from controlplane.base import events
from controlplane.base.models import User
from registry.models import Model
from routing.history import rolling, store
from routing.inventory import exchange, replicas
from routing.models import Device, Node
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading

FULL, BARE = "GPU-7f3a0001-2c9e-4000-8000-000000000001", "GPU-7f3a0001-2c9e-4000-8000-000000000002"
SOURCE = "emulated gpu-node-1"
SILENT = (1500.0, 1900.0)
"""Seconds before now in which the source said nothing."""


def values_at(ago: float) -> dict[str, float]:
    """What the full device measured so many seconds ago: work in waves, a hot phase, three errors on the way."""
    wave = 0.5 + 0.45 * math.sin(ago / 240)
    hot = 2400 < ago < 3000
    return {
        "utilization_ratio": min(1.0, 0.35 + 0.65 * wave), "memory_copy_utilization_ratio": 0.4 * wave,
        "sm_active_ratio": 0.72 * wave, "sm_occupancy_ratio": 0.4 * wave, "engine_active_ratio": 0.8 * wave,
        "tensor_active_ratio": 0.38 * wave, "dram_active_ratio": 0.55 * wave,
        "memory_used_bytes": 61.5e9 + 6e9 * wave, "memory_total_bytes": 85.9e9,
        "memory_free_bytes": 24.4e9 - 6e9 * wave,
        "temperature_celsius": 88.0 if hot else 48 + 26 * wave, "memory_temperature_celsius": 56 + 22 * wave,
        "slowdown_temperature_celsius": 92.0, "power_watts": 180 + 470 * wave, "power_limit_watts": 700.0,
        "energy_joules_total": 1.25e9 - 400 * ago, "sm_clock_hertz": (1.41e9 if hot else 1.98e9 - 1.2e8 * wave),
        "memory_clock_hertz": 2.619e9, "throttle_reasons": 0x20 if hot else 0x4 if wave > 0.8 else 0.0,
        "power_violation_seconds_total": 41.0, "pcie_receive_bytes_per_second": 2.1e9 * wave,
        "pcie_transmit_bytes_per_second": 0.7e9 * wave, "pcie_generation": 5.0, "pcie_width": 16.0,
        "pcie_replays_total": 0.0, "fabric_receive_bytes_per_second": 21e9 * wave,
        "fabric_transmit_bytes_per_second": 20e9 * wave, "performance_state": 0.0,
        "ecc_corrected_errors_total": 3.0 if ago < 2000 else 1.0, "ecc_uncorrected_errors_total": 0.0,
        "remapped_rows_uncorrected_total": 0.0, "last_error": 79.0 if ago < 700 else 31.0 if ago < 3100 else 0.0,
        "processes": 2.0, "process_memory_bytes": 66e9, "mig_enabled": 0.0, "bar1_used_bytes": 4.2e6,
    }  # fmt: skip


def bare_values(ago: float) -> dict[str, float]:
    """What the other device gives: little, as some exporters do."""
    return {"utilization_ratio": 0.25, "temperature_celsius": 41.0 + ago / 3600, "power_watts": 77.0}


def frame(at: float, ago: float, given: Mapping[str, Mapping[str, float]] | None = None) -> Frame:
    """The node's frame of a moment; its sequence is the moment in tenths of a second."""
    said = given or {FULL: values_at(ago), BARE: bare_values(ago)}
    reading = SourceReading({subject: Observed(values=dict(values)) for subject, values in said.items()})
    return pack(SOURCE, 1, int(at * 10), at, reading)


def tell(clock: float | None = None, ago: float = 0.0) -> None:
    """The node says what it measures now."""
    store.send(events.store(), [frame((clock or time.time()) - ago, ago)])
    store.keep()


def live_an_hour(clock: float, length: int = 4200) -> None:
    """Keep a frame each ten seconds of the time before `clock`, with a silence, and sum up what is over."""
    begin = int(clock) - length
    times = [begin + offset for offset in range(0, length, 10)]
    arrived = [(float(at), frame(at, clock - at)) for at in times if not SILENT[0] < clock - at < SILENT[1]]
    for place in range(0, len(arrived), 60):
        store.store(arrived[place : place + 60])
    rolling.roll(clock)


def furnish(owner: User) -> Device:
    """A node with two devices in the inventory; two models sit on the first."""
    lines = "".join(
        f"  - {{uuid: {uuid}, vendor: nvidia, model: H100 80GB HBM3, index: {place}, memory: 85.9GB}}\n"
        for place, uuid in enumerate((FULL, BARE))
    )
    exchange.bring(owner, f"nodes:\n- name: gpu-node-1\n  address: 10.0.0.1\n  devices:\n{lines}")
    Node.objects.filter(name="gpu-node-1").update(emulated=True)
    device = Device.objects.get(uuid=FULL)
    for name, amount in (("chat-large", 41_200_000_000), ("embed-small", 6_400_000_000)):
        Model.objects.create(name=name, type="llm", protocol="openai", endpoint=f"http://{name}:8000")
        row = replicas.known(name, f"http://{name}:8000")
        replicas.place(row.pk, {device.pk: amount})
        replicas.move(row.pk, "cold", "loading")
        replicas.move(row.pk, "loading", "warm")
    return device
