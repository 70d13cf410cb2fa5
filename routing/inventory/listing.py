"""Reading the inventory: nodes and devices, filtered, with what sits on them."""

from collections.abc import Mapping

from django.db.models import Count, IntegerField, Manager, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value
from django.db.models.fields import BigIntegerField
from django.db.models.functions import Coalesce

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from routing.models import Device, DeviceState, Node, Placement

TOPIC = "fleet"
"""News of nodes, devices, replicas and telemetry endpoints."""
FILTERS = ("q", "node", "vendor", "state", "label", "model")


def nodes(actor: access.Actor | None) -> QuerySet[Node]:
    """Every node by name, with how many `devices_there` and `devices_gone`. Raises Forbidden."""
    access.require(actor, "fleet.read")
    gone = Q(devices__state=DeviceState.GONE)
    return Node.objects.annotate(
        devices_there=Count("devices", filter=~gone), devices_gone=Count("devices", filter=gone)
    ).order_by("name")


def node(actor: access.Actor | None, node_id: int) -> Node:
    """One node of the listing. Raises Forbidden, Missing."""
    found = nodes(actor).filter(pk=node_id).first()
    if found is None:
        raise Missing("node", Sentence("there is no node {node}", node=node_id))
    return found


def devices(actor: access.Actor | None, wanted: Mapping[str, str] | None = None) -> QuerySet[Device]:
    """Devices that match, by node and number, with `used_bytes` and their placements. Raises Forbidden.

    `wanted`: q (words in uuid, model and node), node, vendor, state, label (NAME or NAME=VALUE), model (one that sits
    there). What is empty filters nothing.
    """
    held = Placement.objects.filter(device=OuterRef("pk")).order_by().values("device")
    used = held.annotate(total=Sum("memory_bytes")).values("total")
    sitting = Placement.objects.select_related("replica__model").order_by("replica__model__name", "pk")
    zero = Value(0, output_field=BigIntegerField())
    filled = matching(actor, wanted).annotate(used_bytes=Coalesce(Subquery(used, output_field=BigIntegerField()), zero))
    return ordered(filled.prefetch_related(Prefetch("placements", sitting)))


def matching(actor: access.Actor | None, wanted: Mapping[str, str] | None = None) -> QuerySet[Device]:
    """Devices that match, with their nodes and what they are slices of, and nothing more. Raises Forbidden."""
    access.require(actor, "fleet.read")
    rows = Device.objects.select_related("node", "parent")
    for name, value in (wanted or {}).items():
        if value:
            rows = rows.filter(_matching(name, value))
    return rows


def ordered(rows: QuerySet[Device] | Manager[Device]) -> QuerySet[Device]:
    """Devices in the one order in which they are listed: by node and number, a slice after what it is a slice of."""
    number = Coalesce("parent__index", "index", Value(0), output_field=IntegerField())
    return rows.order_by("node__name", number, "uuid")


def device(actor: access.Actor | None, device_id: int) -> Device:
    """One device of the listing. Raises Forbidden, Missing."""
    found = devices(actor).filter(pk=device_id).first()
    if found is None:
        raise Missing("device", Sentence("there is no device {device}", device=device_id))
    return found


def device_named(actor: access.Actor | None, uuid: str) -> Device:
    """The device of the listing with this uuid. Raises Forbidden, Missing."""
    found = devices(actor).filter(uuid=uuid.replace("\x00", "")).first()
    if found is None:
        raise Missing("device", Sentence("there is no device {device}", device=repr(uuid[:100])))
    return found


def available(row: Device) -> bool:
    """Whether new work may be placed there: the device, what it is a slice of, and its node are all ready."""
    above = row.parent.state if row.parent is not None else DeviceState.READY
    return {row.state, above, row.node.held} == {DeviceState.READY.value}


def _matching(name: str, value: str) -> Q:
    if name == "q":
        return Q(uuid__icontains=value) | Q(model__icontains=value) | Q(node__name__icontains=value)
    if name == "label":
        key, equals, content = value.partition("=")
        return Q(labels__contains={key: content}) if equals else Q(labels__has_key=key)
    fields = {"node": "node__name", "vendor": "vendor", "state": "state"}
    if name == "model":
        return Q(pk__in=Placement.objects.filter(replica__model__name=value).values("device"))
    return Q(**{fields[name]: value})
