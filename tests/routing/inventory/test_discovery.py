"""Collectors discover, people correct: what each wrote survives the other, in any order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.base.models import Change, User
from controlplane.base.refusals import Refused
from routing.inventory import discovery, exchange, listing, verbs
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device, Node

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LATER = timedelta(minutes=5)


def gpu(uuid: str, **more: Any) -> SeenDevice:
    """A device as a collector sees it."""
    return SeenDevice(**{"uuid": uuid, "vendor": "nvidia", "model": "H100", "memory_bytes": 80 * 2**30, **more})


def report(name: str, *devices: SeenDevice, at: datetime = NOW, machine: str = "") -> discovery.DiscoveryReport:
    """A collector's report of a node."""
    return discovery.discovered(SeenNode(name, machine), devices, at)


def uuids(node: str) -> list[str]:
    return list(Device.objects.filter(node__name=node).order_by("uuid").values_list("uuid", flat=True))


def test_a_first_report_adds_and_the_same_report_again_changes_nothing() -> None:
    first = report("a", gpu("g0", index=0), gpu("g1", index=1), gpu("s0", parent="g0", memory_bytes=2**30))
    assert first.added == ("g0", "g1", "s0")
    entries = Change.objects.count()
    assert report("a", gpu("g0", index=0), gpu("g1", index=1), gpu("s0", parent="g0", memory_bytes=2**30)) == (
        discovery.DiscoveryReport("a")
    )
    assert Change.objects.count() == entries
    assert Device.objects.get(uuid="s0").parent == Device.objects.get(uuid="g0")


def test_what_a_person_corrected_stays_until_the_collector_is_trusted_again(person: Person) -> None:
    engineer = person("engineer")
    report("a", gpu("g0", power_limit_w=700))
    device = Device.objects.get()
    verbs.edit_device(engineer, device.pk, {"model": "H100 PCIe", "labels": {"rack": "7"}})
    report("a", gpu("g0", power_limit_w=350, labels={"rack": "1"}))
    device.refresh_from_db()
    assert (device.model, device.labels, device.power_limit_w) == ("H100 PCIe", {"rack": "7"}, 350)
    verbs.trust(Device, engineer, device.pk)
    report("a", gpu("g0", power_limit_w=350, labels={"rack": "1"}))
    device.refresh_from_db()
    assert (device.model, device.labels) == ("H100", {"rack": "1"})


def test_a_device_that_vanishes_is_gone_and_comes_back_as_people_left_it(person: Person) -> None:
    report("a", gpu("g0"), gpu("g1"))
    device = Device.objects.get(uuid="g1")
    verbs.move(Device, person("engineer"), device.pk, "drain")
    assert report("a", gpu("g0"), at=NOW + LATER).gone == ("g1",)
    device.refresh_from_db()
    assert (device.state, device.gone_at) == ("gone", NOW + LATER)
    assert report("a", gpu("g0"), at=NOW + 2 * LATER).gone == ()
    assert report("a", gpu("g0"), gpu("g1"), at=NOW + 3 * LATER).returned == ("g1",)
    device.refresh_from_db()
    assert (device.state, device.gone_at) == ("draining", None)


def test_a_device_that_a_person_added_is_not_gone_before_a_collector_saw_it(person: Person) -> None:
    report("a", gpu("g0"))
    verbs.add_device(person("engineer"), {"node": "a", "uuid": "hand", "vendor": "amd", "model": "MI300X"})
    report("a", gpu("g0"))
    assert Device.objects.get(uuid="hand").state == "ready"


@pytest.mark.parametrize("machine", ["", "m1"])
def test_a_renamed_node_keeps_its_row(machine: str) -> None:
    report("old", gpu("g0"), gpu("g1"), machine=machine)
    node = Node.objects.get()
    report("new", gpu("g0"), gpu("g1"), at=NOW + LATER, machine=machine)
    assert [(one.pk, one.name) for one in Node.objects.all()] == [(node.pk, "new")]


def test_a_node_that_a_person_renamed_keeps_that_name(person: Person) -> None:
    report("a", gpu("g0"), machine="m1")
    verbs.edit_node(person("engineer"), Node.objects.get().pk, {"name": "rack 7"})
    report("a", gpu("g0"), machine="m1")
    assert list(Node.objects.values_list("name", flat=True)) == ["rack 7"]


def test_two_machines_of_one_name_are_told_and_not_mixed() -> None:
    report("a", gpu("g0"), machine="m1")
    answer = report("a", gpu("x0"), machine="m2")
    assert answer.node == ""
    assert "two machines call themselves a" in answer.complaints[0]
    assert uuids("a") == ["g0"]
    assert "two machines" in str(Node.objects.get().complaints[0])


def test_a_reinstalled_node_is_known_by_its_devices() -> None:
    report("a", gpu("g0"), machine="m1")
    report("a", gpu("g0"), machine="m2")
    assert Node.objects.get().machine_id == "m2"


def test_a_device_in_two_nodes_stays_with_the_first_until_that_is_silent() -> None:
    report("a", gpu("g0"), gpu("g1"))
    report("b", gpu("b0"))
    answer = report("b", gpu("b0"), gpu("g0"), at=NOW + timedelta(seconds=5))
    assert "stays with a" in answer.complaints[0]
    assert uuids("a") == ["g0", "g1"]
    assert report("b", gpu("b0"), gpu("g0"), at=NOW + LATER).complaints == ()
    assert (uuids("a"), uuids("b")) == (["g1"], ["b0", "g0"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory_bytes": -1},
        {"memory_bytes": float("nan")},
        {"memory_bytes": True},
        {"power_limit_w": float("nan")},
        {"power_limit_w": float("inf")},
        {"power_limit_w": -5},
        {"labels": {"a": 1}},
        {"links": [{"to": "g1"}]},
        {"index": 2**40},
        {"model": "\x00"},
        {"vendor": "<script>"},
        {"parent": "g0"},
    ],
)
def test_a_value_that_makes_no_sense_is_absent_and_told(wrong: dict[str, Any]) -> None:
    answer = report("a", gpu("g0", **wrong))
    assert answer.added == ("g0",)
    (name,) = wrong
    assert name == "parent" or f"g0: {name} is" in answer.complaints[0]
    assert Device.objects.get().parent is None


def test_duplicates_bad_ids_and_bad_names_crash_nothing() -> None:
    answer = report("a", gpu("g0", model="one"), gpu("g0", model="two"), gpu(""), gpu("x" * 101))
    assert len(answer.complaints) == 3
    assert Device.objects.get().model == "one"
    assert report("", gpu("g1")).node == ""
    assert report("a", gpu("p", parent="q"), gpu("q", parent="p")).added == ("p", "q")
    assert not Device.objects.exclude(parent=None).exists()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["report", "correct", "cordon", "drain", "uncordon"]),
        st.sets(st.integers(0, 3), max_size=4),
    ),
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_discovery_corrections_and_drains_in_any_order(person: Person, steps: list[tuple[str, set[int]]]) -> None:
    """A model of the inventory in ten lines, held against the rows after every step."""
    Node.objects.all().delete()
    engineer = person("engineer")
    there: set[str] = set()
    held: dict[str, str] = {}
    corrected: dict[str, str] = {}
    for number, (what, chosen) in enumerate(steps):
        names = {f"g{one}" for one in chosen}
        if what == "report":
            report("a", *(gpu(one, model=f"seen {number}") for one in sorted(names)), at=NOW + number * LATER)
            there = names
            held |= {one: "ready" for one in names if one not in held}
        for row in Device.objects.filter(uuid__in=names if what != "report" else ()):
            if what == "correct":
                verbs.edit_device(engineer, row.pk, {"model": f"mine {number}"})
                corrected[row.uuid] = f"mine {number}"
                continue
            wanted = verbs.MOVES[what][1]
            try:
                verbs.move(Device, engineer, row.pk, what)
            except Refused:
                assert held[row.uuid] == wanted
            held[row.uuid] = wanted
        rows = {one.uuid: one for one in listing.devices(engineer)}
        assert rows.keys() == held.keys()
        for uuid, row in rows.items():
            assert row.state == (held[uuid] if uuid in there else "gone")
            assert row.model == corrected.get(uuid, row.model)


def test_a_node_is_emulated_as_its_collector_says_until_a_person_says_otherwise(person: Person) -> None:
    seen = SeenNode("a", emulated=True)
    discovery.discovered(seen, [gpu("g0")], NOW)
    row = Node.objects.get()
    assert row.emulated
    assert "emulated: true" in exchange.export(person("viewer"))
    verbs.edit_node(person("engineer"), row.pk, {"emulated": False})
    discovery.discovered(seen, [gpu("g0")], NOW)
    row.refresh_from_db()
    assert not row.emulated
    assert "emulated" not in exchange.export(person("viewer"))
