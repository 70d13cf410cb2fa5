"""From what a source says to subjects of telemetry, and to devices as the inventory takes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from registry.transports.target import Target
from routing.inventory.discovery import SeenDevice
from routing.samples.dimensions import ENGINE
from routing.samples.readings import Observed, TelemetrySource
from routing.telemetry import DEVICE_SOURCES

VENDORS = {"dcgm": "nvidia", "amd": "amd", "ascend": "ascend"}
LOCAL = re.compile(r"[0-9]{1,4}(/[0-9]{1,4})?")
"""An identity that is only a number on its node, because the source gives no uuid."""
WHOLE = ("", "SPX", "spx")
"""What stands for the kind of a slice if a device is not cut; SPX is AMD's word."""
SAME_MEMORY = 0.02
"""Used and free memory together waver by less than this part: no news."""
Facts = dict[str, dict[str, SeenDevice]]
"""Devices by node and uuid."""


@dataclass(frozen=True, slots=True)
class ScrapedEndpoint:
    """What the collector needs to know of a row of the table. `trouble` says why it cannot be asked at all."""

    id: int
    name: str
    source: TelemetrySource
    target: Target | None
    interval_s: float
    node: str
    emulated: bool
    trouble: str = ""

    @property
    def tells_devices(self) -> bool:
        """Whether its subjects are devices; else they are models of a model server."""
        return self.source.name in DEVICE_SOURCES

    @property
    def host(self) -> str:
        """Where it is; also the name of a node that has no other."""
        return self.target.host if self.target else ""


def subject(endpoint: ScrapedEndpoint, identity: str, labels: Mapping[str, str]) -> str:
    """What a device is called in telemetry, which is its uuid in the inventory; or a model in a model server."""
    if not endpoint.tells_devices:
        return f"{ENGINE}{endpoint.id}/{identity}"
    return f"{node_of(endpoint, labels)}/{identity}" if LOCAL.fullmatch(identity) else identity


def node_of(endpoint: ScrapedEndpoint, labels: Mapping[str, str]) -> str:
    """The node of a device: as a person says, else as the source says, else the host that was asked."""
    return endpoint.node or labels.get("node") or endpoint.host


def facts(endpoint: ScrapedEndpoint, subjects: Mapping[str, Observed], before: Facts) -> Facts:
    """The devices that a source tells of, with the whole devices that slices are part of.

    `before` is what it told last: memory that only wavers stays as it was.
    """
    found: Facts = {}
    for uuid, one in subjects.items():
        node = node_of(endpoint, one.labels)
        here, known = found.setdefault(node, {}), before.get(node, {})
        kind = one.labels.get("instance", "")
        parent = uuid.rpartition("/")[0] if kind not in WHOLE else ""
        vendor, model = VENDORS[endpoint.source.name], one.labels.get("model") or "unknown"
        if parent:
            here.setdefault(parent, SeenDevice(parent, vendor, model, index=_index(one)))
        here[uuid] = SeenDevice(
            uuid=uuid,
            vendor=vendor,
            model=f"{model} {kind}" if parent else model,
            index=_index(one),
            memory_bytes=_memory(one, known.get(uuid)),
            power_limit_w=one.values.get("power_limit_watts"),
            parent=parent or None,
        )
    return found


def _index(one: Observed) -> int | None:
    text = one.labels.get("index", "")
    return int(text) if text.isdecimal() and len(text) < 6 else None


def _memory(one: Observed, before: SeenDevice | None) -> int | None:
    values = one.values
    total = values.get("memory_total_bytes")
    if total is None and {"memory_used_bytes", "memory_free_bytes"} <= values.keys():
        total = values["memory_used_bytes"] + values["memory_free_bytes"]
    if not total:
        return None
    known = before.memory_bytes if before else None
    return known if known and abs(total - known) <= SAME_MEMORY * known else int(total)
