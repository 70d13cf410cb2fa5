"""What collectors report, kept: new devices, changed ones, vanished ones. What a person corrected stays.

A device is known by its uuid and a node by its machine id, so a node that is renamed and a device that moves keep their
rows. A device that is reported no more is gone, and comes back as people left it. What makes no sense is left out and
told in the node's `complaints`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from controlplane.base import advisory_locks, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from routing.inventory import fields, leaving
from routing.inventory.fields import Reader, Unfit
from routing.inventory.listing import TOPIC
from routing.models import Device, DeviceState, Node

MOVE_AFTER = timedelta(minutes=2)
"""A device that its node reported within this time is not believed to be in another node."""
MOST_DEVICES = 4096
MOST_COMPLAINTS = 20


@dataclass(frozen=True)
class SeenNode:
    """A machine as a collector sees it. `machine_id` is empty where it cannot be known.

    `emulated` is said by the person who set up the collector: no source tells it of itself.
    """

    name: str
    machine_id: str = ""
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    emulated: bool = False


@dataclass(frozen=True)
class SeenDevice:
    """A device as a collector sees it; what its source does not give is None. `parent` is a uuid of the same report."""

    uuid: str
    vendor: str
    model: str
    serial: str | None = None
    index: int | None = None
    memory_bytes: int | None = None
    power_limit_w: float | None = None
    links: Sequence[Mapping[str, str]] | None = None
    labels: Mapping[str, str] | None = None
    parent: str | None = None


@dataclass(frozen=True)
class DiscoveryReport:
    """What a report changed, by uuid, and what in it made no sense."""

    node: str
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()


@transaction.atomic
def discovered(
    node: SeenNode, devices: Sequence[SeenDevice], now: datetime | None = None, whole: bool = True
) -> DiscoveryReport:
    """Keep a collector's list of a node's devices. For collectors, which are no actors; never raises for data.

    Unless the list is `whole`, a device that is not in it is not gone. A name that is no name is answered with an empty
    `node` and changes nothing.
    """
    now = now or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [advisory_locks.REPORTS])
    complaints: list[str] = []
    said = {name: getattr(node, name) for name in fields.NODE}
    given = _read({**said, "labels": dict(node.labels)}, fields.NODE, complaints)
    if "name" not in given:
        return DiscoveryReport("", complaints=tuple(complaints))
    reported = _once(devices, complaints)
    row = _node(node, given, reported, complaints)
    if row is None:
        return DiscoveryReport("", complaints=tuple(complaints))
    known = {one.uuid: one for one in Device.objects.select_for_update(of=("self",)).filter(node=row)}
    elsewhere = Device.objects.select_for_update(of=("self",)).exclude(node=row).filter(uuid__in=reported)
    for device in elsewhere.select_related("node"):
        if device.gone_at is None and device.seen_at is not None and now - device.seen_at < MOVE_AFTER:
            complaints.append(
                Sentence(
                    "{uuid} is reported by {node} and by {other}; it stays with {other}",
                    uuid=device.uuid,
                    node=row.name,
                    other=device.node.name,
                )
            )
            del reported[device.uuid]
        else:
            device.node, device.parent = row, None
            device.save(update_fields=["node", "parent"])
            known[device.uuid] = device
    result = _keep(row, reported, known, now, complaints)
    result["gone"] = _gone(row, reported, known, now) if whole else ()
    if result["gone"] or result["returned"]:
        leaving.follow()
    kept = complaints[:MOST_COMPLAINTS]
    Node.objects.filter(pk=row.pk).update(seen_at=now, complaints=kept)
    _tell(row, result)
    return DiscoveryReport(row.name, **result, complaints=tuple(kept))


def _keep(
    row: Node, reported: Mapping[str, SeenDevice], known: dict[str, Device], now: datetime, complaints: list[str]
) -> dict[str, tuple[str, ...]]:
    """Write what the report says of this node's devices: whole devices before their slices."""
    added, changed = [], []
    back = tuple(uuid for uuid in reported if uuid in known and known[uuid].gone_at is not None)
    for uuid, seen in sorted(reported.items(), key=lambda item: item[1].parent is not None):
        before = known.get(uuid)
        device = before or Device(node=row, uuid=uuid, vendor="other", model="unknown")
        touched = _write(device, _facts(seen, complaints), fields.DEVICE)
        above = _above(seen, reported, known)
        if device.parent_id != (above.pk if above else None):
            device.parent = above
            touched = [*touched, "parent"]
        if before is None:
            device.seen_at = now
            device.save(force_insert=True)
            known[uuid] = device
            added.append(uuid)
        elif touched:
            device.save(update_fields=touched)
            changed.append(uuid)
    Device.objects.filter(node=row, uuid__in=reported).update(seen_at=now, gone_at=None)
    return {"added": tuple(added), "changed": tuple(changed), "returned": back}


def _gone(row: Node, reported: Mapping[str, SeenDevice], known: Mapping[str, Device], now: datetime) -> tuple[str, ...]:
    """Mark what a collector saw before and sees no more."""
    missing = [uuid for uuid, one in known.items() if uuid not in reported and one.gone_at is None and one.seen_at]
    Device.objects.filter(node=row, uuid__in=missing).update(gone_at=now)
    return tuple(sorted(missing))


def _above(seen: SeenDevice, reported: Mapping[str, SeenDevice], known: Mapping[str, Device]) -> Device | None:
    """The whole device that a slice is part of, if the same report has it."""
    parent = reported.get(seen.parent or "")
    return known.get(parent.uuid) if parent is not None and parent.parent is None else None


def _node(
    node: SeenNode, given: Mapping[str, Any], reported: Mapping[str, SeenDevice], complaints: list[str]
) -> Node | None:
    """The node's row: by its machine id, else its name, else as the one that all of its devices belong to."""
    rows = Node.objects.select_for_update()
    machine = _machine_id(node.machine_id, complaints)
    row = rows.filter(machine_id=machine).first() if machine else None
    if row is None:
        row = rows.filter(name=given["name"]).first()
        if row is not None and machine and row.machine_id and not row.devices.filter(uuid__in=reported).exists():
            complaints.append(
                Sentence(
                    "two machines call themselves {name}: {one} and {other}; rename one, or remove the node",
                    name=row.name,
                    one=row.machine_id,
                    other=machine,
                )
            )
            Node.objects.filter(pk=row.pk).update(complaints=complaints[:MOST_COMPLAINTS])
            return None
    row = row or _renamed(machine, reported)
    if row is None:
        return Node.objects.create(machine_id=machine, **given)
    touched = _write(row, _free_name(row, given, complaints), fields.NODE)
    if machine and row.machine_id != machine:
        row.machine_id = machine
        touched = [*touched, "machine_id"]
    if touched:
        row.save(update_fields=touched)
    return row


def _renamed(machine: str | None, reported: Mapping[str, SeenDevice]) -> Node | None:
    """The node that has exactly the reported devices under another name, if its machine id does not speak against."""
    owners = set(Device.objects.filter(uuid__in=reported).values_list("node", flat=True))
    if len(owners) != 1:
        return None
    row = Node.objects.select_for_update().get(pk=owners.pop())
    there = set(row.devices.exclude(state=DeviceState.GONE).values_list("uuid", flat=True))
    same = there <= reported.keys() and (not machine or not row.machine_id)
    return row if same else None


def _free_name(row: Node, given: Mapping[str, Any], complaints: list[str]) -> Mapping[str, Any]:
    """`given`, without a name that another node has."""
    if row.name == given["name"] or not Node.objects.exclude(pk=row.pk).filter(name=given["name"]).exists():
        return given
    complaints.append(
        Sentence("{name} calls itself {other}, as another node does already", name=row.name, other=given["name"])
    )
    return {name: value for name, value in given.items() if name != "name"}


def _write(row: Node | Device, facts: Mapping[str, Any], readers: Mapping[str, Reader]) -> list[str]:
    """Set what differs and no person corrected. Returns the names of those fields."""
    free = [name for name in readers if name in facts and name not in row.corrected]
    touched = [name for name in free if getattr(row, name) != facts[name]]
    for name in touched:
        setattr(row, name, facts[name])
    return touched


def _facts(seen: SeenDevice, complaints: list[str]) -> dict[str, Any]:
    given = {name: value for name, value in asdict(seen).items() if name in fields.DEVICE and value is not None}
    return _read(given, fields.DEVICE, complaints, seen.uuid)


def _read(
    given: Mapping[str, Any], readers: Mapping[str, Reader], complaints: list[str], of: str = ""
) -> dict[str, Any]:
    """The fields that can be kept; the others are complained of."""
    found = {}
    for name, value in given.items():
        try:
            found[name] = readers[name](list(value) if isinstance(value, tuple) else value)
        except Unfit as error:
            wrong = error.told(name, value)
            complaints.append(Sentence("{uuid}: {wrong}", uuid=of, wrong=wrong) if of else wrong)
    return found


def _machine_id(given: str, complaints: list[str]) -> str | None:
    if not given:
        return None
    found: str | None = _read({"machine_id": given}, {"machine_id": fields.MACHINE_ID}, complaints).get("machine_id")
    return found


def _once(devices: Iterable[SeenDevice], complaints: list[str]) -> dict[str, SeenDevice]:
    """Devices by uuid. The first of two with one uuid counts, and only so many are looked at."""
    found: dict[str, SeenDevice] = {}
    for seen in devices:
        uuid = _read({"uuid": seen.uuid}, {"uuid": fields.UUID}, complaints).get("uuid")
        if uuid is None:
            continue
        if uuid in found:
            complaints.append(Sentence("{uuid} is reported twice; the first counts", uuid=uuid))
        elif len(found) == MOST_DEVICES:
            complaints.append(Sentence("more than {most} devices; the others are left out", most=MOST_DEVICES))
            break
        else:
            found[uuid] = seen
    return found


def _tell(row: Node, result: Mapping[str, tuple[str, ...]]) -> None:
    news = {name: list(uuids)[:20] for name, uuids in result.items() if uuids}
    if news:
        audit.record(None, "node.discover", "node", row.pk, {"name": row.name, **news})
        events.publish(TOPIC, {"node": row.pk})
