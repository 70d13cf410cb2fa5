"""Replicas as the inventory keeps them, and how much memory each holds on which device. For the scheduler's loader."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from controlplane.base import events
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict, Missing
from registry.models import Model
from routing.inventory.listing import TOPIC, available
from routing.models import Device, Placement, ReplicaState, StoredReplica

NEXT: Mapping[str, tuple[str, ...]] = {
    ReplicaState.COLD: (ReplicaState.LOADING, ReplicaState.FAILED),
    ReplicaState.ASLEEP: (ReplicaState.LOADING, ReplicaState.COLD, ReplicaState.FAILED),
    ReplicaState.LOADING: (ReplicaState.WARM, ReplicaState.FAILED, ReplicaState.COLD),
    ReplicaState.WARM: (ReplicaState.ASLEEP, ReplicaState.DRAINING, ReplicaState.FAILED),
    ReplicaState.DRAINING: (ReplicaState.COLD, ReplicaState.ASLEEP, ReplicaState.WARM, ReplicaState.FAILED),
    ReplicaState.FAILED: (ReplicaState.COLD, ReplicaState.LOADING),
}
"""Where each state may lead."""
HOLD_NOTHING = (ReplicaState.COLD, ReplicaState.ASLEEP, ReplicaState.FAILED)
"""States in which a replica holds no memory of a device."""


@dataclass(frozen=True, slots=True)
class ReplicaSeat:
    """Where a model's own replica is: its state, and the bytes that it holds by the uuid of a device."""

    model: str
    state: str
    shares: Mapping[str, int] = field(default_factory=dict)


def known(model: str, endpoint: str) -> StoredReplica:
    """The replica of a model at an endpoint, cold if it is new. Raises Missing for a model that there is not."""
    row = Model.objects.filter(name=model).first()
    if row is None:
        raise Missing("model", Sentence("there is no model named {name}", name=repr(model)))
    found, _ = StoredReplica.objects.get_or_create(model=row, endpoint=endpoint, defaults={"release": row.release})
    return found


@transaction.atomic
def move(replica_id: int, state: str, wanted: str, reason: str = "") -> None:
    """From `state` to `wanted`; a cold, sleeping or failed replica holds no device memory.

    Raises Conflict if it is in another state.
    """
    if wanted not in NEXT[state]:
        raise Conflict("state", Sentence("a replica goes from {state} to {known}", state=state, known=[*NEXT[state]]))
    rows = StoredReplica.objects.filter(pk=replica_id, state=state)
    if not rows.update(state=wanted, state_reason=reason, changed_at=timezone.now()):
        raise Conflict("state", Sentence("replica {replica} is not {state} any more", replica=replica_id, state=state))
    if wanted in HOLD_NOTHING:
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


@transaction.atomic
def succeed(old_id: int, new_id: int) -> None:
    """Let a replica take the endpoint of another, which has left its devices and is no more."""
    endpoint = StoredReplica.objects.values_list("endpoint", flat=True).get(pk=old_id)
    forget(old_id)
    StoredReplica.objects.filter(pk=new_id).update(endpoint=endpoint)


def forget(replica_id: int) -> None:
    """Remove a replica, whatever it holds: it is no more."""
    StoredReplica.objects.filter(pk=replica_id).delete()
    events.publish(TOPIC, {"replica": replica_id})


def explain(replica_id: int, reason: str) -> None:
    """Say why a replica is in its state, if that is news."""
    if StoredReplica.objects.filter(pk=replica_id).exclude(state_reason=reason).update(state_reason=reason):
        events.publish(TOPIC, {"replica": replica_id})


@transaction.atomic
def settle(seats: Sequence[ReplicaSeat]) -> None:
    """Write down hundreds of seats that are taken already, instead of those that these models had anywhere.

    Raises Missing for a device that there is not, Conflict for one that has no room. Models that there are not are
    left out.
    """
    wanted = {seat.model: seat for seat in seats}
    models = list(Model.objects.filter(name__in=wanted))
    StoredReplica.objects.bulk_create(
        (StoredReplica(model=one, release_id=one.release_id, endpoint=one.endpoint) for one in models),
        ignore_conflicts=True,
    )
    known = StoredReplica.objects.filter(model__in=models)
    known.exclude(endpoint=F("model__endpoint")).delete()
    rows = list(known.select_for_update(of=("self",)).select_related("model"))
    Placement.objects.filter(replica__in=rows).delete()
    uuids = {uuid for seat in seats for uuid in seat.shares}
    devices = {one.uuid: one for one in Device.objects.select_for_update(of=("self",)).filter(uuid__in=uuids)}
    held: dict[str, int] = defaultdict(int)
    for uuid, amount in Placement.objects.filter(device__uuid__in=uuids).values_list("device__uuid", "memory_bytes"):
        held[uuid] += amount
    placements = []
    for row in rows:
        seat = wanted[row.model.name]
        row.state, row.state_reason, row.changed_at = seat.state, "", timezone.now()
        for uuid, amount in seat.shares.items():
            if uuid not in devices:
                raise Missing("device", Sentence("there is no device {device}", device=uuid))
            _refuse_overfull(devices[uuid], held[uuid], amount)
            held[uuid] += amount
            placements.append(Placement(replica=row, device=devices[uuid], memory_bytes=amount))
    StoredReplica.objects.bulk_update(rows, ["state", "state_reason", "changed_at"])
    Placement.objects.bulk_create(placements)
    events.publish(TOPIC, {"replicas": len(rows)})


def _check_room(device: Device, amount: int) -> None:
    held = Placement.objects.filter(device=device).aggregate(total=Sum("memory_bytes"))["total"] or 0
    _refuse_overfull(device, held, amount)


def _refuse_overfull(device: Device, held: int, amount: int) -> None:
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
