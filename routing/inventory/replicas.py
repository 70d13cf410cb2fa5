"""Replicas as the inventory keeps them, and how much memory each holds on which device. For the scheduler's loader."""

from collections.abc import Mapping

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from controlplane.base import events
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Missing
from registry.models import Model
from routing.inventory.listing import available
from routing.inventory.verbs import TOPIC
from routing.models import Device, Placement, ReplicaState, StoredReplica

NEXT: Mapping[str, tuple[str, ...]] = {
    ReplicaState.COLD: (ReplicaState.LOADING, ReplicaState.FAILED),
    ReplicaState.LOADING: (ReplicaState.WARM, ReplicaState.FAILED, ReplicaState.COLD),
    ReplicaState.WARM: (ReplicaState.DRAINING, ReplicaState.FAILED),
    ReplicaState.DRAINING: (ReplicaState.COLD, ReplicaState.WARM, ReplicaState.FAILED),
    ReplicaState.FAILED: (ReplicaState.COLD, ReplicaState.LOADING),
}
"""Where each state may lead."""


def known(model: str, endpoint: str) -> StoredReplica:
    """The replica of a model at an endpoint, cold if it is new. Raises Missing for a model that there is not."""
    row = Model.objects.filter(name=model).first()
    if row is None:
        raise Missing("model", Sentence("there is no model named {name}", name=repr(model)))
    found, _ = StoredReplica.objects.get_or_create(model=row, endpoint=endpoint, defaults={"release": row.release})
    return found


@transaction.atomic
def move(replica_id: int, state: str, wanted: str, reason: str = "") -> None:
    """From `state` to `wanted`; a cold or failed replica holds no memory. Raises Conflict if it is in another state."""
    if wanted not in NEXT[state]:
        raise Conflict("state", Sentence("a replica goes from {state} to {known}", state=state, known=[*NEXT[state]]))
    rows = StoredReplica.objects.filter(pk=replica_id, state=state)
    if not rows.update(state=wanted, state_reason=reason, changed_at=timezone.now()):
        raise Conflict("state", Sentence("replica {replica} is not {state} any more", replica=replica_id, state=state))
    if wanted in (ReplicaState.COLD, ReplicaState.FAILED):
        Placement.objects.filter(replica=replica_id).delete()
    events.publish(TOPIC, {"replica": replica_id})


@transaction.atomic
def place(replica_id: int, shares: Mapping[int, int]) -> None:
    """Let a replica hold these bytes on these devices (by id), and no others. Raises Missing, Conflict.

    A device where it does not sit yet must be available, and no device holds more than its memory.
    """
    if not StoredReplica.objects.select_for_update().filter(pk=replica_id).exists():
        raise Missing("replica", Sentence("there is no replica {replica}", replica=replica_id))
    locked = Device.objects.select_for_update(of=("self",)).select_related("node", "parent").order_by("pk")
    devices = {one.pk: one for one in locked.filter(pk__in=shares)}
    already = set(Placement.objects.filter(replica=replica_id).values_list("device", flat=True))
    Placement.objects.filter(replica=replica_id).delete()
    for device_id, amount in shares.items():
        device = devices.get(device_id)
        if device is None:
            raise Missing("device", Sentence("there is no device {device}", device=device_id))
        if device_id not in already and not available(device):
            raise Conflict("device", Sentence("{uuid} takes nothing new", uuid=device.uuid))
        _check_room(device, amount)
    Placement.objects.bulk_create(
        Placement(replica_id=replica_id, device_id=device_id, memory_bytes=amount)
        for device_id, amount in shares.items()
    )
    events.publish(TOPIC, {"replica": replica_id})


def _check_room(device: Device, amount: int) -> None:
    held = Placement.objects.filter(device=device).aggregate(total=Sum("memory_bytes"))["total"] or 0
    if amount < 0 or (device.memory_bytes is not None and held + amount > device.memory_bytes):
        raise Conflict(
            "memory",
            Sentence(
                "{uuid} has {free} bytes free; {amount} do not fit",
                uuid=device.uuid,
                free=(device.memory_bytes or 0) - held,
                amount=amount,
            ),
        )
