"""Practice models leave devices that are drained or vanish, in the inventory and in the emulator alike."""

from pathlib import Path

import httpx
import pytest

from controlplane.base.models import User
from controlplane.management.commands import furnish
from controlplane.practice import gpus, moves
from controlplane.practice.moves import EmulatorDoor
from registry.emulators.gpus.fleet import EmulatedGpus
from registry.emulators.gpus.rack import rack
from registry.emulators.roster import emulated
from registry.emulators.wire import WireCall
from routing.fleet import lately
from routing.inventory import discovery, verbs
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device, Node, Placement, ReplicaState, StoredReplica
from tests.practice.test_gpus import ADDRESS, MODELS, discover, engineer, note, plug_in
from tests.registry.emulators.test_gpus import Clock, observed

__all__ = ["engineer", "note"]
pytestmark = pytest.mark.django_db
DEVICES = 24
MIB = 2**20


class Practice:
    """An emulator with its clock, its door, and a model that sits on one device."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gpus = EmulatedGpus(MODELS, DEVICES, self.clock)
        self.door = EmulatorDoor(httpx.Client(transport=httpx.MockTransport(self._answer), base_url="http://practice"))
        hot = self.gpus.seats.hot
        self.number = next(n for n, group in hot.items() if len(group) == 1 and emulated(n).type == "llm")
        self.name, self.old = emulated(self.number).name, hot[self.number][0].uuid

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            answer = self.gpus.respond(request.url.path.removeprefix("/gpus/"))
        else:
            answer = self.gpus.control(WireCall(request.method, request.url.path, {}, request.content))
        return httpx.Response(answer.status, content=answer.body)

    def follow(self) -> int:
        return moves.follow(self.door, MODELS, DEVICES)

    def settle(self, seconds: float = 0.0) -> None:
        """Let time pass, and look until nothing is left to do."""
        self.clock.now += seconds
        for _ in range(20):
            if not self.follow():
                return
        raise AssertionError("steps without an end")

    def told(self, number: int) -> frozenset[str]:
        return self.door.seats()[number].on


@pytest.fixture
def practice(engineer: User, note: Path) -> Practice:
    """A fleet whose models are plugged in and seated."""
    plug_in()
    gpus.register(engineer, note, ADDRESS, MODELS, DEVICES)
    discover(DEVICES)
    gpus.seat(engineer, note, 0.0)
    found = Practice()
    assert found.follow() == 0, "what was seated is where the emulator runs it"
    return found


def seats(model: str) -> dict[str, set[str]]:
    """The devices of a model by the state of its replica."""
    found: dict[str, set[str]] = {}
    for row in StoredReplica.objects.filter(model__name=model):
        found.setdefault(row.state, set()).update(row.placements.values_list("device__uuid", flat=True))
    return found


def drain(actor: User, uuid: str, wanted: str = "drain") -> None:
    verbs.move(Device, actor, Device.objects.get(uuid=uuid).pk, wanted)


def test_a_drained_device_is_emptied_and_its_models_are_loaded_on_others(practice: Practice, engineer: User) -> None:
    sitting = set(Placement.objects.filter(device__uuid=practice.old).values_list("replica__model__name", flat=True))
    end = practice.gpus.working(practice.number, (0, 0), 0.0, 1e6)
    drain(engineer, practice.old)
    practice.settle()
    (new,) = seats(practice.name)[ReplicaState.LOADING]
    assert seats(practice.name) == {ReplicaState.DRAINING: {practice.old}, ReplicaState.LOADING: {new}}
    practice.settle()
    practice.clock.now += 1000
    practice.follow()
    assert seats(practice.name) == {ReplicaState.DRAINING: {practice.old}, ReplicaState.WARM: {new}}, "a call runs"
    end()
    practice.settle()
    assert seats(practice.name) == {ReplicaState.WARM: {new}}
    assert StoredReplica.objects.get(model__name=practice.name).endpoint == f"http://{ADDRESS}/m/{practice.number}"
    assert not Placement.objects.filter(device__uuid=practice.old).exists()
    assert all(practice.old not in seat.on for seat in practice.door.seats().values())
    assert all(seats(name).keys() == {ReplicaState.WARM} for name in sitting), "every one of them"
    told = observed(practice.gpus)
    held = {one.uuid: one for one in Device.objects.all()}
    for uuid, device in held.items():
        claimed = sum(device.placements.values_list("memory_bytes", flat=True))
        assert told[uuid].values["memory_used_bytes"] - claimed == pytest.approx(500 * MIB, abs=4 * MIB), uuid
    kinds = [one.kind for one in lately.news(engineer)]
    assert "replica.load" in kinds
    assert "replica.leave" in kinds


def test_a_device_that_is_back_before_the_load_is_done_keeps_its_models(practice: Practice, engineer: User) -> None:
    before = seats(practice.name)
    drain(engineer, practice.old)
    practice.settle()
    drain(engineer, practice.old, "uncordon")
    practice.settle(0.1)
    assert seats(practice.name) == before
    assert practice.door.seats()[practice.number].loading == frozenset()
    practice.settle(1000)
    assert practice.told(practice.number) == {practice.old}


def test_a_vanished_device_loses_its_models_and_is_empty_when_it_is_back(practice: Practice) -> None:
    node = Device.objects.get(uuid=practice.old).node
    there = [
        SeenDevice(one.uuid, "nvidia", one.kind.model, index=one.index, memory_bytes=one.kind.memory_bytes)
        for found in rack(DEVICES)
        if found.name == node.name
        for one in found.devices
    ]
    discovery.discovered(SeenNode(node.name, emulated=True), [one for one in there if one.uuid != practice.old])
    practice.settle()
    practice.settle(1000)
    discovery.discovered(SeenNode(node.name, emulated=True), there)
    practice.settle(1)
    assert Device.objects.get(uuid=practice.old).state == "ready"
    assert not Placement.objects.filter(device__uuid=practice.old).exists()
    (new,) = seats(practice.name)[ReplicaState.WARM]
    assert practice.told(practice.number) == {new}


def test_a_device_that_is_drained_while_a_model_is_loaded_there_is_not_where_it_goes(
    practice: Practice, engineer: User
) -> None:
    drain(engineer, practice.old)
    practice.settle()
    (first,) = seats(practice.name)[ReplicaState.LOADING]
    drain(engineer, first)
    practice.settle()
    (second,) = seats(practice.name)[ReplicaState.LOADING]
    assert second not in (first, practice.old)
    practice.settle(1000)
    assert seats(practice.name) == {ReplicaState.WARM: {second}}


def test_without_room_a_model_waits_and_says_so(practice: Practice, engineer: User) -> None:
    for node in Node.objects.all():
        verbs.move(Node, engineer, node.pk, "drain")
    practice.settle()
    assert seats(practice.name) == {ReplicaState.DRAINING: {practice.old}}
    assert "waits" in StoredReplica.objects.get(model__name=practice.name).state_reason
    assert practice.told(practice.number) == {practice.old}
    node = Node.objects.exclude(devices__uuid=practice.old).order_by("-devices__memory_bytes", "pk")[0]
    verbs.move(Node, engineer, node.pk, "uncordon")
    practice.settle()
    loading = Placement.objects.filter(replica__state=ReplicaState.LOADING)
    assert set(loading.values_list("device__node", flat=True)) == {node.pk}


def test_an_emulator_that_began_anew_is_told_where_models_sit(practice: Practice, engineer: User) -> None:
    drain(engineer, practice.old)
    practice.settle()
    practice.settle(1000)
    moved = seats(practice.name)[ReplicaState.WARM]
    practice.gpus = EmulatedGpus(MODELS, DEVICES, practice.clock)
    practice.settle()
    assert practice.told(practice.number) == moved
    drain(engineer, *moved)
    practice.follow()
    practice.gpus = EmulatedGpus(MODELS, DEVICES, practice.clock)
    practice.settle()
    practice.settle(1000)
    (last,) = seats(practice.name)[ReplicaState.WARM]
    assert practice.told(practice.number) == {last}


def test_models_are_seated_late_and_an_emulator_that_is_away_is_asked_again(
    engineer: User, note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plug_in()
    gpus.register(engineer, note, ADDRESS, MODELS, DEVICES)
    assert furnish.look(engineer, note) == furnish.LOOK_S
    assert not Placement.objects.exists()
    discover(DEVICES)
    away = EmulatorDoor(httpx.Client(base_url="http://127.0.0.1:1"))
    monkeypatch.setattr(moves, "door", lambda address: away)
    assert furnish.look(engineer, note) == furnish.PAUSE_S
    assert Placement.objects.exists(), "seated by the first look that saw the devices"
