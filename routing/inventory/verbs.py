"""The verbs on nodes and devices: add, correct, cordon, drain, remove. Each checks, changes and audits in one place."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.base import access, events
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Invalid, Missing
from routing.inventory import fields, leaving
from routing.inventory.fields import Reader, Unfit
from routing.inventory.listing import TOPIC
from routing.models import Device, DeviceState, Node, Placement

Row = TypeVar("Row", Node, Device)

MOVES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "cordon": ((DeviceState.READY, DeviceState.DRAINING), DeviceState.CORDONED),
    "drain": ((DeviceState.READY, DeviceState.CORDONED), DeviceState.DRAINING),
    "uncordon": ((DeviceState.CORDONED, DeviceState.DRAINING), DeviceState.READY),
}
"""From which states each move leads where."""
HELD_WORDS = {
    DeviceState.READY: Sentence("ready"),
    DeviceState.CORDONED: Sentence("cordoned"),
    DeviceState.DRAINING: Sentence("draining"),
}
WORDS: Mapping[type[Node] | type[Device], str] = {Node: "node", Device: "device"}
KEY: Mapping[type[Node] | type[Device], str] = {Node: "name", Device: "uuid"}


@transaction.atomic
def add_node(actor: access.Actor | None, draft: Mapping[str, Any], request_id: str = "") -> Node:
    """Add a machine that no collector reported. Raises Forbidden, Invalid, Conflict for a name that is taken."""
    access.require(actor, "fleet.change")
    row = Node(**checked(draft, fields.NODE, ("name",)))
    row.corrected = correction(actor, draft)
    _insert(row, Sentence("a node named {name} exists; change it instead", name=repr(row.name)))
    audit.record(actor, "node.add", "node", row.pk, told(row), request_id)
    events.publish(TOPIC, {"node": row.pk})
    return row


@transaction.atomic
def add_device(actor: access.Actor | None, draft: Mapping[str, Any], request_id: str = "") -> Device:
    """Add a device to `node` (a name), or a slice of `parent` (a uuid) there. Raises Forbidden, Invalid, Conflict."""
    access.require(actor, "fleet.change")
    given = {name: value for name, value in draft.items() if name not in ("node", "parent", "uuid")}
    row = Device(**checked(given, fields.DEVICE, ("vendor", "model")))
    row.uuid = one("uuid", draft.get("uuid"), fields.UUID)
    row.node, row.parent = place_of(draft.get("node"), draft.get("parent"))
    row.corrected = correction(actor, given)
    _insert(row, Sentence("the device {uuid} exists; change it instead", uuid=repr(row.uuid)))
    audit.record(actor, "device.add", "device", row.pk, told(row), request_id)
    events.publish(TOPIC, {"device": row.pk})
    return row


def edit_node(actor: access.Actor | None, node_id: int, draft: Mapping[str, Any], request_id: str = "") -> Node:
    """Correct fields of a node; collectors leave them alone from then on. Raises Forbidden, Missing, Conflict."""
    access.require(actor, "fleet.change")
    return _edit(Node, actor, node_id, checked(draft, fields.NODE), request_id)


def edit_device(actor: access.Actor | None, device_id: int, draft: Mapping[str, Any], request_id: str = "") -> Device:
    """Correct fields of a device; collectors leave them alone from then on. Raises Forbidden, Missing, Invalid."""
    access.require(actor, "fleet.change")
    return _edit(Device, actor, device_id, checked(draft, fields.DEVICE), request_id)


@transaction.atomic
def trust(kind: type[Row], actor: access.Actor | None, row_id: int, request_id: str = "") -> Row:
    """Forget what people corrected: the next report of a collector counts again. Raises Forbidden, Missing."""
    access.require(actor, "fleet.change")
    row = locked(kind, row_id)
    if row.corrected:
        audit.record(actor, f"{WORDS[kind]}.trust", WORDS[kind], row.pk, {"fields": sorted(row.corrected)}, request_id)
        row.corrected = {}
        row.save(update_fields=["corrected"])
        events.publish(TOPIC, {WORDS[kind]: row.pk})
    return row


@transaction.atomic
def move(kind: type[Row], actor: access.Actor | None, row_id: int, wanted: str, request_id: str = "") -> Row:
    """Cordon, drain or uncordon one device or a whole node. Raises Forbidden, Invalid, Missing, Conflict if it is so.

    A cordoned one is given nothing new; what sits on a draining one leaves as well (routing.inventory.leaving).
    """
    access.require(actor, "fleet.change")
    if wanted not in MOVES:
        raise Invalid(
            "move", Sentence("{move} is no move; expected one of {known}", move=repr(wanted[:40]), known=[*MOVES])
        )
    sources, target = MOVES[wanted]
    changed = kind.objects.filter(pk=row_id, held__in=sources).update(held=target)
    row = kind.objects.filter(pk=row_id).first()
    if row is None:
        raise _missing(kind, row_id)
    name = str(getattr(row, KEY[kind]))
    if not changed:
        raise Conflict(
            "state",
            Sentence("{name} is {state} already", name=name, state=HELD_WORDS[DeviceState(row.held)]),
            {"state": row.held},
        )
    leaving.follow()
    audit.record(actor, f"{WORDS[kind]}.{wanted}", WORDS[kind], row.pk, {KEY[kind]: name}, request_id)
    events.publish(TOPIC, {WORDS[kind]: row.pk})
    return row


@transaction.atomic
def remove(kind: type[Row], actor: access.Actor | None, row_id: int, request_id: str = "") -> None:
    """Forget a device, or a node with its devices; nothing may sit there. Raises Forbidden, Missing, Conflict.

    A collector that still reports it adds it again.
    """
    access.require(actor, "fleet.change")
    row = locked(kind, row_id)
    name = str(getattr(row, KEY[kind]))
    beneath = ("device__node",) if isinstance(row, Node) else ("device", "device__parent")
    sitting = [
        found
        for path in beneath
        for found in Placement.objects.filter(**{path: row}).values_list("replica__model__name", flat=True)[:5]
    ]
    if sitting:
        raise Conflict(
            "in_use",
            Sentence("{name} holds {models}; drain it first", name=name, models=", ".join(sorted(set(sitting)))),
        )
    before = told(row)
    row.delete()
    audit.record(actor, f"{WORDS[kind]}.remove", WORDS[kind], row_id, before, request_id)
    events.publish(TOPIC, {WORDS[kind]: row_id})


def checked(draft: Mapping[str, Any], readers: Mapping[str, Reader], needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Each given field as it is kept. Raises Invalid that names the field."""
    unknown = sorted(str(name) for name in draft if name not in readers)
    if unknown:
        raise Invalid("unknown_field", Sentence("there is no field {field}", field=repr(unknown[0][:60])))
    absent = [name for name in needed if name not in draft]
    if absent:
        raise Invalid(absent[0], Sentence("{field} is missing", field=absent[0]))
    return {name: one(name, value, readers[name]) for name, value in draft.items()}


def one(name: str, value: Any, read: Reader) -> Any:
    """One field as it is kept. Raises Invalid."""
    try:
        return read(value)
    except Unfit as error:
        raise Invalid(name, error.told(name, value)) from error


def place_of(node: Any, parent: Any) -> tuple[Node, Device | None]:
    """The node of this name, and the device of this uuid on it. Raises Invalid."""
    found = Node.objects.filter(name=one("node", node, fields.NODE["name"])).first()
    if found is None:
        raise Invalid("node", Sentence("there is no node named {name}; add it first", name=repr(node)))
    if parent in (None, ""):
        return found, None
    above = found.devices.filter(uuid=one("parent", parent, fields.UUID), parent=None).first()
    if above is None:
        raise Invalid("parent", Sentence("{node} has no whole device {uuid}", node=repr(found.name), uuid=repr(parent)))
    return found, above


def correction(actor: access.Actor | None, names: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Who corrects these fields, and when."""
    at = timezone.now().isoformat(timespec="seconds")
    return {name: {"by": audit.actor_name(actor), "at": at} for name in names}


def told(row: Node | Device) -> dict[str, Any]:
    """A row as the log keeps it."""
    if isinstance(row, Node):
        return {name: getattr(row, name) for name in fields.NODE}
    return {"node": row.node.name, "uuid": row.uuid, **{name: getattr(row, name) for name in fields.DEVICE}}


def locked(kind: type[Row], row_id: int) -> Row:
    """The row, kept from others until the transaction ends. Raises Missing."""
    row = kind.objects.select_for_update(of=("self",)).filter(pk=row_id).first()
    if row is None:
        raise _missing(kind, row_id)
    return row


@transaction.atomic
def _edit(kind: type[Row], actor: access.Actor | None, row_id: int, given: Mapping[str, Any], request_id: str) -> Row:
    row = locked(kind, row_id)
    before = told(row)
    changed: dict[str, Any] = {name: value for name, value in given.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    row.corrected = {**row.corrected, **correction(actor, {n: v for n, v in given.items() if n not in row.corrected})}
    try:
        with transaction.atomic():
            row.save(update_fields=[*changed, "corrected"])
    except IntegrityError as error:
        raise Conflict("exists", Sentence("the name {name} is taken", name=repr(given.get("name")))) from error
    if changed:
        detail = {KEY[kind]: getattr(row, KEY[kind]), "changed": audit.difference(before, told(row))}
        audit.record(actor, f"{WORDS[kind]}.edit", WORDS[kind], row.pk, detail, request_id)
        events.publish(TOPIC, {WORDS[kind]: row.pk})
    return row


def _insert(row: Node | Device, taken: str) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("exists", taken) from error


def _missing(kind: type[Node] | type[Device], row_id: int) -> Missing:
    if kind is Node:
        return Missing("node", Sentence("there is no node {node}", node=row_id))
    return Missing("device", Sentence("there is no device {device}", device=row_id))
