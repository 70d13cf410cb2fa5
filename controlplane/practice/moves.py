"""Who starts and ends the practice models' engines, as an operator does for real ones: models leave drained devices.

A model whose device is drained or has vanished is loaded on others that have room. Its replica there has the same
address with a stroke at the end until it takes the old one's place. A load is given up if the old device is back before
it is done. Each look compares the inventory with the emulator and takes the next step, so that both may begin anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx
from django.db import transaction
from django.db.models import Sum

from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Conflict
from registry.emulators.gpus.rack import rack
from registry.emulators.gpus.seating import FILLED, elsewhere
from registry.emulators.roster import emulated, weights_bytes
from routing.inventory import leaving, replicas
from routing.inventory.listing import available
from routing.models import Device, Placement, ReplicaState, StoredReplica

NEXT = "/"
"""What the address of a replica ends with that is being loaded in another's place: no two have the same one."""
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class EmulatedSeat:
    """Devices of a model as the emulator has it, by uuid: where it answers, is being loaded, and still leaves."""

    on: frozenset[str] = frozenset()
    loading: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()


class EmulatorDoor:
    """The practice fleet's addresses for where models sit, over one connection. Raises httpx.HTTPError."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def seats(self) -> dict[int, EmulatedSeat]:
        """Every model that sits anywhere, by number."""
        answer = self._client.get("/gpus/residence").raise_for_status().json()
        return {
            int(number): EmulatedSeat(*(frozenset(one[name]) for name in ("on", "loading", "leaving")))
            for number, one in answer["models"].items()
        }

    def put(self, number: int, uuids: Iterable[str], *, loaded: bool) -> None:
        """Have a model loaded on devices, or say that it sits there already."""
        body = {"devices": sorted(uuids), "loaded": loaded}
        self._client.put(f"/control/gpus/residence/{number}", json=body).raise_for_status()


@lru_cache(maxsize=1)
def door(address: str) -> EmulatorDoor:
    """The practice fleet at HOST:PORT: one client for all looks, because making one costs 0.1 s."""
    return EmulatorDoor(httpx.Client(base_url=f"http://{address}", timeout=TIMEOUT_S))


@dataclass(frozen=True)
class SeatedReplica:
    """A replica of a practice model, with the bytes that it holds by the uuid of a device."""

    id: int
    state: str
    shares: Mapping[str, int]

    @property
    def uuids(self) -> frozenset[str]:
        """Where it sits."""
        return frozenset(self.shares)


@dataclass
class PracticeFleet:
    """What a look found: where models sit by the inventory, what is left, and what room there is."""

    devices: int
    left: frozenset[int]
    room: dict[str, int]
    ids: Mapping[str, int]
    old: dict[int, SeatedReplica] = field(default_factory=dict)
    new: dict[int, SeatedReplica] = field(default_factory=dict)


def follow(emulator: EmulatorDoor, models: int, devices: int) -> int:
    """Take the next step for each model whose devices are not where they should be; how many steps."""
    told = emulator.seats()
    fleet = _look(models, devices)
    steps = 0
    for number, old in sorted(fleet.old.items()):
        seat, new = told.get(number, EmulatedSeat()), fleet.new.get(number)
        if new is not None:
            steps += _go_on(emulator, fleet, number, seat)
        elif old.state == ReplicaState.DRAINING and old.id in fleet.left:
            steps += _begin(emulator, fleet, number)
        elif old.state != ReplicaState.LOADING and (seat.on != old.uuids or seat.loading):
            emulator.put(number, old.uuids, loaded=True)
            steps += 1
    return steps


def _look(models: int, devices: int) -> PracticeFleet:
    numbers = {emulated(number).name: number for number in range(1, models + 1)}
    uuids = {one.uuid: one.kind.memory_bytes for node in rack(devices) for one in node.devices}
    rows = Device.objects.filter(uuid__in=uuids).select_related("node", "parent")
    there = {row.uuid: row for row in rows.annotate(held_bytes=Sum("placements__memory_bytes"))}
    fleet = PracticeFleet(
        devices,
        frozenset(leaving.left().values_list("replica", flat=True)),
        {uuid: int(uuids[uuid] * FILLED) - (row.held_bytes or 0) for uuid, row in there.items() if available(row)},
        {uuid: row.pk for uuid, row in there.items()},
    )
    placed: dict[int, dict[str, int]] = {}
    for replica, uuid, amount in Placement.objects.values_list("replica", "device__uuid", "memory_bytes"):
        placed.setdefault(replica, {})[uuid] = amount
    replicas_of = StoredReplica.objects.filter(model__name__in=numbers)
    for pk, name, endpoint, state in replicas_of.values_list("pk", "model__name", "endpoint", "state"):
        kept = fleet.new if endpoint.endswith(NEXT) else fleet.old
        kept[numbers[name]] = SeatedReplica(pk, state, placed.get(pk, {}))
    return fleet


def _begin(emulator: EmulatorDoor, fleet: PracticeFleet, number: int) -> int:
    """Begin to load a model that must leave on other devices, if there is room."""
    old = fleet.old[number]
    width = max(1, len(old.shares))
    group = elsewhere(number, width, fleet.devices, fleet.room)
    if not group:
        replicas.explain(old.id, Sentence("it waits until an emulated device has room for it"))
        return 0
    share = weights_bytes(number) // width
    try:
        with transaction.atomic():
            row = StoredReplica.objects.select_related("model").get(pk=old.id)
            new = replicas.known(row.model.name, row.endpoint + NEXT)
            replicas.place(new.pk, {fleet.ids[one.uuid]: share for one in group})
            replicas.move(new.pk, new.state, ReplicaState.LOADING)
            replicas.explain(old.id, Sentence("it is being loaded on another emulated device"))
            _record("replica.load", fleet, (one.uuid for one in group), row.model.name)
    except Conflict:
        return 0
    for one in group:
        fleet.room[one.uuid] -= share
    emulator.put(number, (one.uuid for one in group), loaded=False)
    return 1


def _go_on(emulator: EmulatorDoor, fleet: PracticeFleet, number: int, seat: EmulatedSeat) -> int:
    """The next step of a model that is being loaded elsewhere."""
    old, new = fleet.old[number], fleet.new[number]
    if seat.on == new.uuids and not seat.loading:
        return _arrived(fleet, number, gone=not seat.leaving)
    if new.id in fleet.left or old.state == ReplicaState.WARM:
        emulator.put(number, old.uuids, loaded=False)
        replicas.forget(new.id)
        return 1
    if seat.loading == new.uuids:
        return 0
    if seat.on != old.uuids:
        emulator.put(number, old.uuids, loaded=True)
    emulator.put(number, new.uuids, loaded=False)
    return 1


def _arrived(fleet: PracticeFleet, number: int, *, gone: bool) -> int:
    """A model answers from its new devices; once its last call on the old ones has ended, these are free."""
    old, new = fleet.old[number], fleet.new[number]
    if new.state == ReplicaState.LOADING:
        replicas.move(new.id, ReplicaState.LOADING, ReplicaState.WARM)
        replicas.explain(old.id, Sentence("its last calls there are ending"))
    if gone:
        with transaction.atomic():
            replicas.succeed(old.id, new.id)
            _record("replica.leave", fleet, old.uuids, emulated(number).name)
    return 1


def _record(verb: str, fleet: PracticeFleet, uuids: Iterable[str], model: str) -> None:
    for uuid in sorted(uuids):
        audit.record(None, verb, "device", fleet.ids[uuid], {"uuid": uuid, "model": model})
