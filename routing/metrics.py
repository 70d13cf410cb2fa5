"""What /metrics tells of the fleet: a family for each series of devices and of models in model servers.

Only values younger than ten seconds are told: what is stale disappears, so that nobody takes a frozen value for a live
one.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.db import Error

from routing.history.current import STALE_SECONDS, CurrentValues, known
from routing.history.latest import LatestValues
from routing.models import Device
from routing.samples.dimensions import DIMENSIONS, ENGINE, ENGINE_DIMENSIONS, Dimension
from routing.samples.families import FamilyKind, MetricFamily, labels, written

MOST_DEVICES, MOST_ENGINES = 5000, 2000
"""The most that are told; of more, those whose names come first."""
_FIELDS = ("device", "node", "vendor", "model", "index", "emulated", "state")


@dataclass(frozen=True, slots=True)
class DeviceLabels:
    """What the inventory knows of a device, as labels."""

    device: str
    node: str = ""
    vendor: str = ""
    model: str = ""
    index: str = ""
    emulated: str = ""
    state: str = ""

    def told(self, *more: str) -> str:
        """The labels of every sample of the device; `more` names further ones."""
        return labels({name: getattr(self, name) for name in (*_FIELDS[:-1], *more)})


def inventory() -> dict[str, DeviceLabels]:
    """Every device that is not gone, by uuid. Raises django.db.Error."""
    rows = Device.objects.exclude(state="gone").order_by("uuid").values_list(
        "uuid", "node__name", "vendor", "model", "index", "node__emulated", "state"
    )  # fmt: skip
    return {
        uuid: DeviceLabels(uuid, node, vendor, model, "" if index is None else str(index), str(emulated).lower(), state)
        for uuid, node, vendor, model, index, emulated, state in rows[:MOST_DEVICES]
    }


def families(values: CurrentValues, devices: Mapping[str, DeviceLabels]) -> Iterator[MetricFamily]:
    """All families of the fleet. A device that sends and is not in the inventory has empty labels but for its name."""
    info = MetricFamily("patchbay_device_info", "gauge", "1 for each device of the inventory, with its state")
    info.samples = [(one.told("state"), 1.0) for one in devices.values()]
    yield info
    heard = {name: one for name, one in sorted(values.by_subject.items()) if not name.startswith(ENGINE)}
    ages = MetricFamily("patchbay_device_age_seconds", "gauge", "Seconds since values of the device arrived last")
    told = {name: devices.get(name, DeviceLabels(name)).told() for name in list(heard)[:MOST_DEVICES]}
    ages.samples = [(text, round(heard[name].age_s, 3)) for name, text in told.items()]
    yield ages
    yield from _series("patchbay_device_", DIMENSIONS, [(told[name], heard[name]) for name in told])
    engines = [(name, one) for name, one in sorted(values.by_subject.items()) if name.startswith(ENGINE)]
    shown = [(_engine(name), one) for name, one in engines[:MOST_ENGINES]]
    yield from _series("patchbay_engine_", ENGINE_DIMENSIONS, shown)
    left = MetricFamily("patchbay_subjects_left_out", "gauge", "Devices and engines beyond the most that are told here")
    left.add(float(len(heard) - len(told) + len(engines) - len(shown)))
    yield left
    yield MetricFamily("patchbay_telemetry_age_seconds", "gauge", "Seconds since live values were read from Redis",
                       [("", round(values.age_s, 3))])  # fmt: skip


def _engine(subject: str) -> str:
    endpoint, _, model = subject.removeprefix(ENGINE).partition("/")
    return labels({"endpoint": endpoint, "model": model})


def _series(
    prefix: str, dimensions: Sequence[Dimension], subjects: Sequence[tuple[str, LatestValues]]
) -> Iterator[MetricFamily]:
    fresh = [(told, one.values) for told, one in subjects if one.age_s <= STALE_SECONDS]
    for dimension in dimensions:
        for series in dimension.series:
            kind: FamilyKind = "counter" if series.kind == "counter" else "gauge"
            unit = "" if series.unit in ("number", "flag", "bits") else f" Unit: {series.unit}."
            meant, name = series.meant, series.name
            found = [(told, meant(values[name])) for told, values in fresh if name in values]
            yield MetricFamily(f"{prefix}{name}", kind, f"{dimension.en}{unit}", found)


class FleetText:
    """The text of the fleet, written once a second at most. What the inventory said stays while PostgreSQL is away."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._devices: dict[str, DeviceLabels] = {}
        self._text, self._at = b"", float("-inf")

    def __call__(self) -> bytes:
        """The text; at most a second old."""
        with self._writing:
            if time.monotonic() - self._at > 1.0:
                with suppress(Error):
                    self._devices = inventory()
                self._text = written(families(known(), self._devices))
                self._at = time.monotonic()
            return self._text
