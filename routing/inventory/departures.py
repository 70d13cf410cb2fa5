"""Replicas that wait on a device that is drained or gone: where their calls go, and what each waits for."""

from collections.abc import Sequence
from dataclasses import dataclass

from routing.inventory import leaving
from routing.models import Device, Placement, ReplicaState, StoredReplica


@dataclass(frozen=True, slots=True)
class DepartingReplica:
    """A replica that is to leave. `elsewhere`: another replica of its model answers, so that calls go there.

    `target` is a device on which the model is being loaded; `reason` what whoever moves it says.
    """

    model: str
    elsewhere: bool
    target: Device | None
    reason: str


def of(device: Device) -> Sequence[DepartingReplica]:
    """What waits on a device, by model; nothing unless it is left. Four queries at most."""
    there = leaving.left().filter(device=device, replica__state=ReplicaState.DRAINING)
    rows = list(there.select_related("replica__model").order_by("replica__model__name", "pk"))
    if not rows:
        return ()
    others = StoredReplica.objects.filter(model__in=[row.replica.model_id for row in rows])
    others = others.exclude(pk__in=[row.replica_id for row in rows])
    warm = set(others.filter(state=ReplicaState.WARM).values_list("model", flat=True))
    loading = Placement.objects.filter(replica__in=others.filter(state=ReplicaState.LOADING))
    targets = {row.replica.model_id: row.device for row in loading.select_related("replica", "device__node")}
    return [
        DepartingReplica(
            row.replica.model.name,
            row.replica.model_id in warm,
            targets.get(row.replica.model_id),
            row.replica.state_reason,
        )
        for row in rows
    ]
