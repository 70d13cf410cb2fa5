"""Replicas that leave their devices: calls go elsewhere if they can, and memory is free once the last call has ended.

A replica leaves while one of its devices is drained or has vanished. Gateways learn of it by the revision.
"""

from collections import defaultdict
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from controlplane.base import events, revision
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict
from registry.spec import Timeouts
from registry.transports.egress import EndpointInvalid, parse_endpoint
from routing.inventory import replicas
from routing.inventory.listing import TOPIC
from routing.models import CallRecord, DeviceState, Placement, ReplicaState, StoredReplica

LEFT = (DeviceState.DRAINING, DeviceState.GONE)
SETTLED = timedelta(seconds=10)
"""So long gateways may take to learn that a replica leaves, and records of calls to arrive."""


def left() -> QuerySet[Placement]:
    """What is placed on devices that are drained or gone, by themselves, with their node, or with the whole device."""
    there = Q(device__state__in=LEFT) | Q(device__parent__state__in=LEFT) | Q(device__node__held=DeviceState.DRAINING)
    return Placement.objects.filter(there)


@transaction.atomic
def follow() -> int:
    """Let replicas leave devices that are drained or gone, and stay again where they are back. How many changed.

    Call it in the transaction that changes the devices.
    """
    leaving = left().values("replica")
    rows, now = StoredReplica.objects.all(), timezone.now()
    begun = rows.filter(state=ReplicaState.WARM, pk__in=leaving).update(
        state=ReplicaState.DRAINING, changed_at=now, state_reason=Sentence("its device is drained or gone")
    )
    placed = Placement.objects.filter(replica__state=ReplicaState.DRAINING).exclude(replica__in=leaving)
    back = rows.filter(state=ReplicaState.DRAINING, pk__in=placed.values("replica")).update(
        state=ReplicaState.WARM, changed_at=now, state_reason=""
    )
    if begun or back:
        revision.bump()
        events.publish(TOPIC, {"replicas": begun + back})
    return begun + back


def endpoints() -> dict[str, tuple[str, ...]]:
    """By a model's name, the endpoints of its replicas that leave."""
    found: dict[str, list[str]] = defaultdict(list)
    rows = StoredReplica.objects.filter(state=ReplicaState.DRAINING).order_by("pk")
    for model, endpoint in rows.values_list("model__name", "endpoint"):
        found[model].append(endpoint)
    return {model: tuple(ends) for model, ends in found.items()}


def empty() -> int:
    """Free the memory of replicas that left: none of their calls can be running. How many there were.

    A replica that is its model's only one is called on, and so stays.
    """
    now, left = timezone.now(), 0
    rows = StoredReplica.objects.filter(state=ReplicaState.DRAINING, changed_at__lte=now - SETTLED)
    for row in rows.select_related("model__release"):
        told = row.model.release.spec.get("timeouts") if row.model.release is not None else None
        longest = timedelta(seconds=float((told or {}).get("total", Timeouts().total)))
        if now - row.changed_at < longest + SETTLED or _called(row):
            continue
        try:
            replicas.move(row.pk, ReplicaState.DRAINING, ReplicaState.COLD, Sentence("its last call has ended"))
        except Conflict:
            continue
        left += 1
    return left


def _called(row: StoredReplica) -> bool:
    """Whether calls began there since it leaves."""
    try:
        origin = parse_endpoint(row.endpoint).origin
    except EndpointInvalid:
        return False
    since = CallRecord.objects.filter(model=row.model.name, at__gte=row.changed_at + SETTLED)
    return since.filter(endpoint=origin).exists()
