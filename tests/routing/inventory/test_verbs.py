"""The verbs of the inventory: who may, what is refused, what is logged, and what may sit where."""

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.models import Model
from routing.inventory import listing, replicas, verbs
from routing.models import Device, Node, Placement, StoredReplica

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
GB = 10**9


@pytest.fixture
def engineer(person: Person) -> User:
    """Who changes the fleet."""
    return person("engineer")


def device(engineer: User, uuid: str = "g0", **more: Any) -> Device:
    """A device of the node a, made by a person."""
    if not Node.objects.filter(name="a").exists():
        verbs.add_node(engineer, {"name": "a", "address": "10.0.0.1", "labels": {"rack": "7"}})
    draft = {"node": "a", "uuid": uuid, "vendor": "nvidia", "model": "H100", "memory_bytes": 80 * GB, **more}
    return verbs.add_device(engineer, draft)


def replica(name: str = "chat") -> StoredReplica:
    """A cold replica."""
    Model.objects.get_or_create(name=name, defaults={"type": "chat", "protocol": "openai", "endpoint": "http://x"})
    return replicas.known(name, "http://x")


def test_a_viewer_reads_and_changes_nothing(person: Person, engineer: User) -> None:
    row, viewer = device(engineer), person("viewer")
    assert [one.uuid for one in listing.devices(viewer)] == ["g0"]
    for forbidden in (
        lambda: verbs.add_node(viewer, {"name": "b"}),
        lambda: verbs.add_device(viewer, {}),
        lambda: verbs.edit_device(viewer, row.pk, {"model": "x"}),
        lambda: verbs.edit_node(viewer, row.node.pk, {"name": "x"}),
        lambda: verbs.move(Device, viewer, row.pk, "drain"),
        lambda: verbs.trust(Device, viewer, row.pk),
        lambda: verbs.remove(Node, viewer, row.node.pk),
        lambda: listing.devices(None),
    ):
        with pytest.raises(Forbidden):
            forbidden()


def test_every_verb_leaves_an_entry(engineer: User) -> None:
    row = device(engineer)
    verbs.edit_device(engineer, row.pk, {"labels": {"pool": "chat"}})
    for move in ("cordon", "drain", "uncordon"):
        verbs.move(Device, engineer, row.pk, move)
    verbs.move(Node, engineer, row.node.pk, "drain")
    verbs.trust(Device, engineer, row.pk)
    verbs.remove(Device, engineer, row.pk)
    verbs.remove(Node, engineer, row.node.pk)
    assert list(Change.objects.order_by("pk").values_list("verb", flat=True)) == [
        *("node.add", "device.add", "device.edit", "device.cordon", "device.drain", "device.uncordon"),
        *("node.drain", "device.trust", "device.remove", "node.remove"),
    ]


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        ({"uuid": ""}, "uuid"),
        ({"node": "nowhere"}, "node"),
        ({"node": None}, "node"),
        ({"memory_bytes": 0}, "memory_bytes"),
        ({"memory_bytes": "80GB"}, "memory_bytes"),
        ({"power_limit_w": 10**400}, "power_limit_w"),
        ({"power_limit_w": float("nan")}, "power_limit_w"),
        ({"vendor": "acme"}, "vendor"),
        ({"labels": []}, "labels"),
        ({"labels": {"a": "\n"}}, "labels"),
        ({"links": [{"to": "g1", "kind": ""}]}, "links"),
        ({"parent": "nothing"}, "parent"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_a_wrong_field_is_named(engineer: User, draft: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as caught:
        device(engineer, **{"uuid": "g9", **draft})
    assert caught.value.code == code
    assert not Device.objects.exists()


def test_a_name_and_a_uuid_are_taken_once(engineer: User) -> None:
    row = device(engineer)
    with pytest.raises(Conflict):
        device(engineer)
    other = verbs.add_node(engineer, {"name": "b"})
    with pytest.raises(Conflict):
        verbs.edit_node(engineer, other.pk, {"name": "a"})
    with pytest.raises(Missing):
        verbs.move(Device, engineer, row.pk + 1, "drain")


def test_one_device_is_drained_and_its_neighbour_is_not(engineer: User) -> None:
    first, second = device(engineer), device(engineer, "g1")
    verbs.move(Device, engineer, first.pk, "drain")
    states = {one.uuid: (one.state, listing.available(one)) for one in listing.devices(engineer)}
    assert states == {"g0": ("draining", False), "g1": ("ready", True)}
    with pytest.raises(Conflict):
        verbs.move(Device, engineer, first.pk, "drain")
    verbs.move(Node, engineer, second.node.pk, "cordon")
    assert not listing.available(listing.device(engineer, second.pk))


def test_a_slice_is_as_available_as_what_it_is_part_of(engineer: User) -> None:
    whole = device(engineer)
    part = device(engineer, "s0", parent="g0", memory_bytes=10 * GB)
    verbs.move(Device, engineer, whole.pk, "cordon")
    assert not listing.available(listing.device(engineer, part.pk))


def test_memory_is_given_once(engineer: User) -> None:
    row, chat, vision = device(engineer), replica(), replica("vision")
    replicas.place(chat.pk, {row.pk: 60 * GB})
    with pytest.raises(Conflict):
        replicas.place(vision.pk, {row.pk: 30 * GB})
    replicas.place(chat.pk, {row.pk: 50 * GB})
    replicas.place(vision.pk, {row.pk: 30 * GB})
    found = listing.device(engineer, row.pk)
    assert (found.used_bytes, Placement.objects.count()) == (80 * GB, 2)  # type: ignore[attr-defined]


def test_a_draining_device_takes_nothing_new_and_lets_stay_what_is_there(engineer: User) -> None:
    row, chat = device(engineer), replica()
    replicas.place(chat.pk, {row.pk: 10 * GB})
    verbs.move(Device, engineer, row.pk, "drain")
    replicas.place(chat.pk, {row.pk: 20 * GB})
    with pytest.raises(Conflict):
        replicas.place(replica("vision").pk, {row.pk: GB})
    with pytest.raises(Conflict, match="chat"):
        verbs.remove(Device, engineer, row.pk)
    with pytest.raises(Conflict, match="chat"):
        verbs.remove(Node, engineer, row.node.pk)


def test_a_replica_moves_along_its_states_and_a_cold_one_holds_nothing(engineer: User) -> None:
    row, chat = device(engineer), replica()
    replicas.move(chat.pk, "cold", "loading")
    replicas.place(chat.pk, {row.pk: GB})
    replicas.move(chat.pk, "loading", "warm")
    with pytest.raises(Conflict):
        replicas.move(chat.pk, "loading", "warm")
    with pytest.raises(Conflict):
        replicas.move(chat.pk, "warm", "cold")
    replicas.move(chat.pk, "warm", "draining")
    replicas.move(chat.pk, "draining", "cold")
    assert not Placement.objects.exists()


def test_a_replica_that_falls_asleep_leaves_its_device(engineer: User) -> None:
    row, chat = device(engineer), replica()
    replicas.settle([replicas.ReplicaSeat("chat", "warm", {"g0": GB}), replicas.ReplicaSeat("nobody", "cold")])
    assert listing.device(engineer, row.pk).used_bytes == GB  # type: ignore[attr-defined]
    replicas.move(chat.pk, "warm", "asleep")
    assert not Placement.objects.exists()
    replicas.move(chat.pk, "asleep", "loading")


def test_seats_that_are_taken_already_are_written_down_at_once(engineer: User) -> None:
    row, other = device(engineer), device(engineer, "g1")
    chat, vision = replica(), replica("vision")
    replicas.place(chat.pk, {row.pk: 60 * GB})
    seats = [
        replicas.ReplicaSeat("chat", "warm", {"g0": 40 * GB, "g1": 40 * GB}),
        replicas.ReplicaSeat("vision", "asleep"),
    ]
    for _ in range(2):
        replicas.settle(seats)
        assert list(Placement.objects.order_by("device").values_list("device", "memory_bytes")) == [
            (row.pk, 40 * GB),
            (other.pk, 40 * GB),
        ]
    assert StoredReplica.objects.get(pk=vision.pk).state == "asleep"
    with pytest.raises(Conflict, match="40000000000 bytes free"):
        replicas.settle([replicas.ReplicaSeat("vision", "warm", {"g1": 41 * GB})])
    with pytest.raises(Missing):
        replicas.settle([replicas.ReplicaSeat("vision", "warm", {"nowhere": 1})])
    assert StoredReplica.objects.get(pk=vision.pk).state == "asleep"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["g0", "g1"]),
        ({"q": "G1"}, ["g1"]),
        ({"label": "pool"}, ["g1"]),
        ({"label": "pool=chat"}, ["g1"]),
        ({"label": "pool=vision"}, []),
        ({"state": "cordoned"}, ["g0"]),
        ({"node": "a", "vendor": "nvidia"}, ["g0", "g1"]),
        ({"model": "chat"}, ["g1"]),
        ({"model": "none"}, []),
    ],
)
def test_the_listing_is_filtered(engineer: User, wanted: dict[str, str], found: list[str]) -> None:
    first, second = device(engineer, "g0"), device(engineer, "g1", labels={"pool": "chat"})
    verbs.move(Device, engineer, first.pk, "cordon")
    replicas.place(replica().pk, {second.pk: GB})
    assert [one.uuid for one in listing.devices(engineer, wanted)] == found
