"""Taking the inventory out as a file, and bringing one in: a plan first, then all of it or nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from registry.specfile.errors import SpecError
from registry.specfile.values import written_size
from routing.inventory import endpoints, fields, verbs
from routing.inventory.fleet_file import DeviceEntry, EndpointEntry, FleetFile, NodeEntry, parse, written
from routing.models import Device, DeviceState, Node, TelemetryEndpoint

MOVE_TO = {target: move for move, (_, target) in verbs.MOVES.items()}
Entry = NodeEntry | DeviceEntry | EndpointEntry
ABSENT: tuple[Any, ...] = (None, "", {}, [])


@dataclass(frozen=True, slots=True)
class FleetChange:
    """One row that a file adds or changes: node NAME, device UUID or telemetry NAME, and which fields differ."""

    kind: str
    name: str
    added: bool
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What a file does; nothing if it has errors."""

    changes: tuple[FleetChange, ...]
    unchanged: int
    errors: tuple[SpecError, ...]


def export(actor: access.Actor | None) -> str:
    """The whole inventory as YAML, without devices that are gone. Raises Forbidden."""
    access.require(actor, "fleet.read")
    beneath: dict[int, list[dict[str, Any]]] = {}
    rows = Device.objects.exclude(state=DeviceState.GONE).select_related("parent").order_by("index", "uuid")
    for row in sorted(rows, key=lambda one: one.parent_id is not None):
        beneath.setdefault(row.node_id, []).append(_device(row))
    nodes = [_node(row, beneath.get(row.pk, [])) for row in Node.objects.order_by("name")]
    return written(nodes, [_endpoint(row) for row in endpoints.listing(actor)])


def plan(actor: access.Actor | None, text: str | bytes, file: str = "<paste>") -> FleetPlan:
    """What a file would do, without doing it. Raises Forbidden."""
    access.require(actor, "fleet.change")
    return _plan(parse(text, file))


@transaction.atomic
def bring(actor: access.Actor | None, text: str | bytes, file: str = "<paste>", request_id: str = "") -> FleetPlan:
    """Do what `plan` tells. Raises Forbidden, and Invalid with every error in its detail; then nothing is changed."""
    access.require(actor, "fleet.change")
    found = parse(text, file)
    planned = _plan(found)
    if planned.errors:
        raise Invalid("fleet_file", planned.errors[0].placed, [asdict(error) for error in planned.errors])
    names = {(change.kind, change.name): change for change in planned.changes}
    for node in found.nodes:
        if change := names.get(("node", node.name)):
            _bring_node(actor, node, change, request_id)
    for device in found.devices:
        if change := names.get(("device", device.uuid)):
            _bring_device(actor, device, change, request_id)
    for endpoint in found.endpoints:
        if change := names.get(("telemetry", endpoint.name)):
            _bring_endpoint(actor, endpoint, change, request_id)
    return planned


def _bring_node(actor: access.Actor | None, entry: NodeEntry, change: FleetChange, request_id: str) -> None:
    if change.added:
        row = verbs.add_node(actor, {"name": entry.name, **entry.values}, request_id)
    else:
        row = Node.objects.get(name=entry.name)
        if differing := {name: value for name, value in entry.values.items() if name in change.fields}:
            verbs.edit_node(actor, row.pk, differing, request_id)
    if entry.held and entry.held != row.held:
        verbs.move(Node, actor, row.pk, MOVE_TO[entry.held], request_id)


def _bring_device(actor: access.Actor | None, entry: DeviceEntry, change: FleetChange, request_id: str) -> None:
    if change.added:
        place = {"uuid": entry.uuid, "node": entry.node, "parent": entry.parent}
        row = verbs.add_device(actor, {**place, **entry.values}, request_id)
    else:
        row = Device.objects.get(uuid=entry.uuid)
        if differing := {name: value for name, value in entry.values.items() if name in change.fields}:
            verbs.edit_device(actor, row.pk, differing, request_id)
    if entry.held and entry.held != row.held:
        verbs.move(Device, actor, row.pk, MOVE_TO[entry.held], request_id)


def _bring_endpoint(actor: access.Actor | None, entry: EndpointEntry, change: FleetChange, request_id: str) -> None:
    if change.added:
        endpoints.add(actor, {"name": entry.name, **entry.values}, request_id)
        return
    row = TelemetryEndpoint.objects.get(name=entry.name)
    endpoints.edit(actor, row.pk, {name: entry.values[name] for name in change.fields}, request_id)


def _plan(found: FleetFile) -> FleetPlan:
    if found.errors:
        return FleetPlan((), 0, found.errors)
    nodes = {row.name: row for row in Node.objects.filter(name__in=[one.name for one in found.nodes])}
    uuids = {one.uuid for one in found.devices} | {one.parent for one in found.devices}
    devices = {row.uuid: row for row in Device.objects.filter(uuid__in=uuids).select_related("node", "parent")}
    whole = {one.uuid: one.node for one in found.devices if not one.parent}
    whole |= {row.uuid: row.node.name for row in devices.values() if row.parent is None and row.uuid not in whole}
    errors = [
        found.wrong(one.path, message)
        for one in found.devices
        if (message := _misplaced(one, devices.get(one.uuid), whole))
    ]
    asked = {row.name: row for row in TelemetryEndpoint.objects.select_related("credential")}
    errors += [
        found.wrong(one.path, Sentence("{field} is missing", field=field))
        for one in found.endpoints
        for field in ("kind", "url")
        if one.name not in asked and field not in one.values
    ]
    changes = [
        *(_change("node", one.name, one, nodes.get(one.name)) for one in found.nodes),
        *(_change("device", one.uuid, one, devices.get(one.uuid)) for one in found.devices),
        *(_change("telemetry", one.name, one, asked.get(one.name)) for one in found.endpoints),
    ]
    if errors:
        return FleetPlan((), 0, tuple(errors))
    kept = tuple(change for change in changes if change.added or change.fields)
    return FleetPlan(kept, len(changes) - len(kept), ())


def _change(kind: str, name: str, entry: Entry, row: Node | Device | TelemetryEndpoint | None) -> FleetChange:
    if row is None:
        return FleetChange(kind, name, True, tuple(entry.values))
    now = endpoints.told(row) if isinstance(row, TelemetryEndpoint) else verbs.told(row)
    differing = [field for field, value in entry.values.items() if now[field] != value]
    if entry.held and not isinstance(row, TelemetryEndpoint) and entry.held != row.held:
        differing.append("state")
    return FleetChange(kind, name, False, tuple(differing))


def _misplaced(entry: DeviceEntry, row: Device | None, whole: Mapping[str, str]) -> str:
    """What is wrong with where the file puts a device; empty if nothing is."""
    if entry.parent and whole.get(entry.parent) != entry.node:
        return Sentence("{node} has no whole device {uuid}", node=repr(entry.node), uuid=repr(entry.parent))
    if row is None:
        absent = [name for name in ("vendor", "model") if name not in entry.values]
        return Sentence("{field} is missing", field=absent[0]) if absent else ""
    if row.node.name != entry.node:
        return Sentence(
            "{uuid} is in the node {node}; a collector that sees it elsewhere moves it",
            uuid=entry.uuid,
            node=row.node.name,
        )
    if (row.parent.uuid if row.parent else "") != entry.parent:
        return Sentence("{uuid} is part of another device; remove it first", uuid=entry.uuid)
    return ""


def _node(row: Node, devices: list[dict[str, Any]]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in fields.NODE}
    return _filled({**values, "emulated": row.emulated or None, "state": _state(row), "devices": devices})


def _endpoint(row: TelemetryEndpoint) -> dict[str, Any]:
    values = endpoints.told(row)
    return _filled({**values, "enabled": None if row.enabled else False, "emulated": row.emulated or None})


def _device(row: Device) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in fields.DEVICE if name != "memory_bytes"}
    memory = None if row.memory_bytes is None else written_size(row.memory_bytes)
    parent = row.parent.uuid if row.parent else ""
    return _filled({"uuid": row.uuid, "parent": parent, **values, "memory": memory, "state": _state(row)})


def _state(row: Node | Device) -> str:
    return "" if row.held == DeviceState.READY else row.held


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ABSENT}
