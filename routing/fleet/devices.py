"""The live table of all devices: a row for each device of the inventory, with what telemetry knows of it now."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import DatabaseError

from controlplane.base.stream_frames import StreamColumn, StreamTable
from routing.fleet import queues
from routing.history.current import STALE_SECONDS, CurrentValues, known
from routing.history.latest import LatestValues
from routing.inventory import listing
from routing.models import Device, DeviceState

COLUMNS = (
    StreamColumn("utilization", 100.0),
    StreamColumn("memory", 100.0),
    StreamColumn("temperature", 1.0, -60.0),
    StreamColumn("power", 1.0),
    StreamColumn("queue", 1.0),
    StreamColumn("state", 1.0),
)
"""What the page shows of a device: ratios in per cent, degrees Celsius, watts, waiting calls, and STATES' position."""
METRICS = tuple(column.name for column in COLUMNS[:-1])
STATES = tuple(DeviceState.values)
INVENTORY_SECONDS = 3.0
"""How old the list of devices may be: it changes seldom, and 1,000 rows cost 10 ms."""
NAN = math.nan


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as the live table knows it. `state` counts its node's, too; `whole` is false for a slice of another.

    `engines` are the subjects of telemetry that serve what sits there.
    """

    id: int
    uuid: str
    state: int
    whole: bool
    emulated: bool
    memory_bytes: int | None
    engines: tuple[str, ...] = ()


class ListedDevices:
    """The devices of the inventory, read again when they are older than INVENTORY_SECONDS."""

    def __init__(self) -> None:
        self._rows: tuple[ListedDevice, ...] = ()
        self._read_at = -math.inf

    def rows(self) -> tuple[ListedDevice, ...]:
        """Devices in the order of the inventory; the ones known before while PostgreSQL is away."""
        if time.monotonic() - self._read_at > INVENTORY_SECONDS:
            try:
                self._rows = tuple(listed())
            except DatabaseError:
                if not self._rows:
                    raise
            self._read_at = time.monotonic()
        return self._rows


def listed() -> Iterable[ListedDevice]:
    """Every device by node and number. Raises DatabaseError."""
    serving = queues.engines_of(known().by_subject.keys())
    fields = ("pk", "uuid", "state", "node__held", "parent_id", "node__emulated", "vendor", "memory_bytes")
    for pk, uuid, state, held, parent, emulated, vendor, memory in listing.ordered(Device.objects).values_list(*fields):
        shown = held if state == DeviceState.READY else state
        made_up = emulated or vendor == "emulated"
        yield ListedDevice(pk, uuid, STATES.index(shown), parent is None, made_up, memory, serving.get(pk, ()))


FIELDS = ("pk", "uuid", "state", "node__held", "parent_id", "node__emulated", "vendor", "memory_bytes")
"""What `of_row` needs of a device."""


def of_row(row: Any) -> ListedDevice:
    """A device that was read as a named tuple with FIELDS."""
    shown = row.node__held if row.state == DeviceState.READY else row.state
    emulated = row.node__emulated or row.vendor == "emulated"
    return ListedDevice(row.pk, row.uuid, STATES.index(shown), row.parent_id is None, emulated, row.memory_bytes)


def table(rows: Sequence[ListedDevice], values: CurrentValues) -> StreamTable:
    """The live table of these devices. What no source gives is absent, and so is the source of a silent device."""
    told = [values.by_subject.get(row.uuid) for row in rows]
    sources = sorted({one.source for one in told if one is not None})
    place = {source: at for at, source in enumerate(sources)}
    ages = {one.source: one.age_s for one in told if one is not None}
    numbers = np.full((len(COLUMNS), len(rows)), NAN)
    for at, (row, one) in enumerate(zip(rows, told, strict=True)):
        numbers[:, at] = (*_numbers(row, one, queues.waiting(row.engines, values.by_subject)), row.state)
    return StreamTable(
        COLUMNS,
        [row.id for row in rows],
        numbers,
        [place[one.source] if one is not None else -1 for one in told],
        sources,
        [ages[source] for source in sources],
        {**totals(rows, told), "away": bool(values.away)},
    )


def totals(rows: Sequence[ListedDevice], told: Sequence[LatestValues | None]) -> dict[str, Any]:
    """Sums over whole devices: those there are, and of those heard of within STALE_SECONDS what they use now."""
    there = [(row, one) for row, one in zip(rows, told, strict=True) if row.whole and STATES[row.state] != "gone"]
    fresh = [(row, one.values) for row, one in there if one is not None and one.age_s <= STALE_SECONDS]
    used = [one["utilization_ratio"] for _, one in fresh if "utilization_ratio" in one]
    watts = [one["power_watts"] for _, one in fresh if "power_watts" in one]
    memory = [pair for row, one in fresh if (pair := _memory(row, one)) is not None]
    return {
        "devices": len(there),
        "emulated": sum(row.emulated for row, _ in there),
        "reporting": len(fresh),
        "utilization": sum(used) / len(used) if used else None,
        "power_w": round(sum(watts), 1) if watts else None,
        "memory_used": sum(one for one, _ in memory) if memory else None,
        "memory_total": sum(one for _, one in memory) if memory else None,
    }


def _numbers(row: ListedDevice, one: LatestValues | None, queue: float | None) -> tuple[float, ...]:
    values = one.values if one is not None else {}
    memory = _memory(row, values)
    return (
        values.get("utilization_ratio", NAN),
        memory[0] / memory[1] if memory is not None else NAN,
        values.get("temperature_celsius", NAN),
        values.get("power_watts", NAN),
        NAN if queue is None else queue,
    )


def _memory(row: ListedDevice, values: Mapping[str, float]) -> tuple[float, float] | None:
    """Used and total bytes: the total as the source says, else as the inventory does."""
    used = values.get("memory_used_bytes")
    total = values.get("memory_total_bytes") or row.memory_bytes
    return (used, total) if used is not None and total else None


_listed = ListedDevices()


def now() -> StreamTable:
    """The live table, the inventory read at this moment: for a page that is being made. Raises DatabaseError."""
    return table(tuple(listed()), known())


def read(_: str = "") -> StreamTable:
    """The live table of the stream "devices"."""
    return table(_listed.rows(), known())
