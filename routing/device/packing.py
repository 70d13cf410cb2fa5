"""What holds a device's memory: models by their placements, what no placement explains, and what is free."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from routing.device import figures
from routing.device.values import SeriesValue
from routing.models import Device, ReplicaState

WIDTH = 1000.0
COLOURS = 8


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """A part of the bar: `kind` is model, unknown or free; `x` and `width` are of a bar that is 1000 wide."""

    kind: str
    name: str
    state: str
    bytes: int
    x: float
    width: float
    colour: int

    @property
    def text(self) -> str:
        """How much it is, as people read it."""
        return figures.scaled(self.bytes, "B")


@dataclass(frozen=True, slots=True)
class MemoryPacking:
    """A device's memory in parts that sum up to `total` bytes. `over` is what placements claim beyond what is measured.

    Without a measurement `measured` is None, and what is unknown cannot be told. A model that is being loaded holds
    less than it will, so nothing counts as too much.
    """

    total: int
    measured: int | None
    parts: tuple[MemoryPart, ...]
    over: int = 0

    @property
    def total_text(self) -> str:
        """How much there is in all, as people read it."""
        return figures.scaled(self.total, "B")

    @property
    def over_text(self) -> str:
        """How much more is claimed than measured, as people read it."""
        return figures.scaled(self.over, "B")


Placed = Iterable[tuple[str, str, int]]
"""Models with the states of their replicas and the bytes that they hold."""


def placed(device: Device) -> Placed:
    """What sits on a device, which has its placements."""
    return [(one.replica.model.name, one.replica.state, one.memory_bytes) for one in device.placements.all()]


def packed(device: Device, sitting: Placed, values: Mapping[str, SeriesValue]) -> MemoryPacking | None:
    """How the device's memory is held by what sits there; None if nobody says how much there is."""
    used, total = values.get("memory_used_bytes"), values.get("memory_total_bytes")
    size = int(total.value) if total else device.memory_bytes
    if not size:
        return None
    models = [("model", name, state, amount) for name, state, amount in sitting if amount]
    loading = any(state == ReplicaState.LOADING for _, _, state, _ in models)
    held = sum(amount for *_, amount in models)
    measured = int(used.value) if used else None
    unknown = max(0, (measured or 0) - held)
    rest = [("unknown", "", "", unknown), ("free", "", "", max(0, size - held - unknown))]
    scale, start = WIDTH / max(size, held + unknown), 0.0
    parts: list[MemoryPart] = []
    for number, (kind, name, state, amount) in enumerate([*models, *(one for one in rest if one[3])]):
        parts.append(MemoryPart(kind, name, state, amount, round(start, 1), round(amount * scale, 1), number % COLOURS))
        start += amount * scale
    over = max(0, held - measured) if measured is not None and not loading else 0
    return MemoryPacking(size, measured, tuple(parts), over)
