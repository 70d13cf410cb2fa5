"""Which replica sat on which device, and when: looked at each time that energy is settled, and kept for a day.

A placement counts from the look before the one that saw it until the look that missed it, so that no call of a model
falls between two looks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Q

from registry.transports.egress import EndpointInvalid, parse_endpoint
from routing.energy.curve import Array, Numbers
from routing.energy.shares import PlacedPairs
from routing.energy_tables import MeasuredPlacement, MeasuredReplica
from routing.models import Device, Placement

KEPT = timedelta(hours=30)
NEVER = float("inf")
Served = tuple[str, str]
"""A model and the origin that serves it."""
Sitting = dict[tuple[Served, int], float]
"""Weights by what sits where: a replica and a whole device."""


@dataclass(frozen=True, slots=True)
class PlacementHistory:
    """Placements with their times: replica, device, weight, since and until, in Unix time."""

    names: Mapping[int, Served]
    replica: Numbers
    device: Numbers
    weight: Array
    since: Array
    until: Array

    def numbers(self) -> dict[Served, int]:
        """The number of each replica."""
        return {served: number for number, served in self.names.items()}

    def spans(self) -> dict[int, tuple[float, float]]:
        """From when to when each replica sat anywhere."""
        found: dict[int, tuple[float, float]] = {}
        for number, since, until in zip(self.replica.tolist(), self.since.tolist(), self.until.tolist(), strict=True):
            first, last = found.get(number, (since, until))
            found[number] = (min(first, since), max(last, until))
        return found

    def pairs(self, start: float, end: float, replicas: Numbers, devices: Numbers) -> PlacedPairs:
        """Who sat where between `start` and `end`, as places in these two sorted lists."""
        there = (self.since < end) & (self.until > start)
        there &= np.isin(self.replica, replicas) & np.isin(self.device, devices)
        return PlacedPairs(
            np.searchsorted(replicas, self.replica[there]),
            np.searchsorted(devices, self.device[there]),
            self.weight[there],
        )


def origin(endpoint: str) -> str:
    """An endpoint as records of calls have it: scheme, host and port."""
    try:
        return parse_endpoint(endpoint).origin
    except EndpointInvalid:
        return endpoint


def look(before: datetime, now: datetime) -> PlacementHistory:
    """Note what has come and gone since the look at `before`, and return what is known of the last 30 hours."""
    known = {(row.model, row.endpoint): row.pk for row in MeasuredReplica.objects.all()}
    sitting = _sitting()
    new = [MeasuredReplica(model=model, endpoint=at) for model, at in {one for one, _ in sitting} - known.keys()]
    known |= {(row.model, row.endpoint): row.pk for row in MeasuredReplica.objects.bulk_create(new)}
    wanted = {(known[served], device): weight for (served, device), weight in sitting.items()}
    open_rows = MeasuredPlacement.objects.filter(until=None)
    there = {(row.replica_id, row.device_id): row for row in open_rows}
    over = [row.pk for pair, row in there.items() if wanted.get(pair) != row.weight]
    MeasuredPlacement.objects.filter(pk__in=over).update(until=now)
    MeasuredPlacement.objects.bulk_create(
        MeasuredPlacement(replica_id=pair[0], device_id=pair[1], weight=weight, since=before)
        for pair, weight in wanted.items()
        if pair not in there or there[pair].weight != weight
    )
    MeasuredPlacement.objects.filter(until__lt=now - KEPT).delete()
    return _history({number: served for served, number in known.items()})


def known(served: Iterable[Served]) -> dict[Served, int]:
    """The numbers of those replicas that sat on a device once."""
    wanted = set(served)
    rows = MeasuredReplica.objects.filter(model__in={model for model, _ in wanted})
    return {(row.model, row.endpoint): row.pk for row in rows if (row.model, row.endpoint) in wanted}


def _history(names: Mapping[int, Served]) -> PlacementHistory:
    rows = list(MeasuredPlacement.objects.values_list("replica_id", "device_id", "weight", "since", "until"))
    return PlacementHistory(
        names,
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], float),
        np.array([row[3].timestamp() for row in rows], float),
        np.array([row[4].timestamp() if row[4] is not None else NEVER for row in rows], float),
    )


def _sitting() -> Sitting:
    """What sits where now. A slice counts as its whole device, with its part of that device's memory as weight."""
    rows = Placement.objects.values_list(
        "replica__model__name", "replica__endpoint", "device_id", "device__parent_id", "device__memory_bytes"
    )
    memory = dict(Device.objects.filter(Q(slices__isnull=False)).values_list("pk", "memory_bytes"))
    found: Sitting = {}
    for model, endpoint, device, parent, own in rows:
        whole = memory.get(parent) if parent is not None else None
        weight = min(1.0, own / whole) if whole and own else 1.0
        pair = ((model, origin(endpoint)), parent if parent is not None else device)
        found[pair] = max(found.get(pair, 0.0), weight)
    return found
