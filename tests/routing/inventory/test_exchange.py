"""The fleet as a file: out and in again is the same, twice is once, and every error has its line and path."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.base import config
from controlplane.base.access import Forbidden
from controlplane.base.models import Change, User
from controlplane.base.refusals import Invalid
from routing.inventory import exchange, fleet_file
from routing.models import Device, Node, TelemetryEndpoint

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FLEET = """\
nodes:
- name: a
  address: 10.0.0.1
  labels:
    rack: '7'
  state: cordoned
  devices:
  - uuid: GPU-1
    vendor: nvidia
    model: H100
    index: 0
    power_limit_w: 700.0
    links:
    - to: GPU-2
      kind: nvlink
    memory: 80GB
  - uuid: GPU-2
    vendor: nvidia
    model: H100
    serial: '0123'
    index: 1
    labels:
      pool: chat
    memory: 85899345921
    state: draining
  - uuid: MIG-1
    parent: GPU-1
    vendor: nvidia
    model: H100 1g.10gb
    memory: 10GB
- name: b
"""


def test_out_and_in_again_is_the_same(person: Person) -> None:
    engineer = person("engineer")
    first = exchange.bring(engineer, FLEET)
    assert [(one.name, one.added) for one in first.changes] == [
        *(("a", True), ("b", True), ("GPU-1", True), ("GPU-2", True), ("MIG-1", True)),
    ]
    assert exchange.export(engineer) == FLEET
    entries = Change.objects.count()
    again = exchange.bring(engineer, FLEET)
    assert (again.changes, again.unchanged, Change.objects.count()) == ((), 5, entries)


def test_a_plan_changes_nothing_and_names_what_differs(person: Person) -> None:
    engineer = person("engineer")
    exchange.bring(engineer, FLEET)
    text = FLEET.replace("pool: chat", "pool: vision").replace("state: draining", "state: ready")
    planned = exchange.plan(engineer, text)
    assert [(one.name, one.added, one.fields) for one in planned.changes] == [("GPU-2", False, ("labels", "state"))]
    assert exchange.export(engineer) == FLEET
    exchange.bring(engineer, text)
    assert Device.objects.get(uuid="GPU-2").state == "ready"
    assert Device.objects.get(uuid="GPU-2").corrected.keys() >= {"labels"}


def test_what_a_file_leaves_out_stays(person: Person) -> None:
    engineer = person("engineer")
    exchange.bring(engineer, FLEET)
    assert exchange.bring(engineer, "nodes:\n- name: b\n").changes == ()
    assert exchange.export(engineer) == FLEET


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ("", 1, ""),
        ("nodes: 3", 1, ""),
        ("nodes: [", 1, ""),
        ("nodes:\n- name: a\nmodels: []", 3, "models"),
        ("nodes:\n- 3", 2, "nodes[0]"),
        ("nodes:\n- address: x", 2, "nodes[0]"),
        ("nodes:\n- name: a\n- name: a", 3, "nodes[1].name"),
        ("nodes:\n- name: a\n  colour: red", 3, "nodes[0].colour"),
        ("nodes:\n- name: a\n  state: gone", 3, "nodes[0].state"),
        ("nodes:\n- name: a\n  devices: x", 3, "nodes[0].devices"),
        ("nodes:\n- name: a\n  devices:\n  - uuid: g\n    memory: much", 5, "nodes[0].devices[0].memory"),
        ("nodes:\n- name: a\n  devices:\n  - uuid: g\n    power_limit_w: .nan", 5, "nodes[0].devices[0].power_limit_w"),
        ("nodes:\n- name: a\n  devices:\n  - uuid: g\n    vendor: nvidia", 4, "nodes[0].devices[0]"),
        ("nodes:\n- name: a\n  devices:\n  - {uuid: g, vendor: amd, model: x, parent: h}", 4, "nodes[0].devices[0]"),
    ],
)
def test_an_error_has_its_line_and_path(person: Person, text: str, line: int, path: str) -> None:
    planned = exchange.plan(person("engineer"), text, "fleet.yaml")
    assert (planned.errors[0].line, planned.errors[0].path) == (line, path)
    with pytest.raises(Invalid) as caught:
        exchange.bring(person("engineer"), text)
    assert caught.value.detail[0]["line"] == line
    assert not Node.objects.exists()


def test_a_device_of_another_node_is_not_taken(person: Person) -> None:
    exchange.bring(person("engineer"), FLEET)
    moved = "nodes:\n- name: b\n  devices:\n  - uuid: GPU-2\n"
    assert "is in the node a" in exchange.plan(person("engineer"), moved).errors[0].message


def test_a_viewer_takes_out_and_brings_nothing_in(person: Person) -> None:
    viewer = person("viewer")
    assert exchange.export(viewer) == "nodes: []\n"
    for verb in (exchange.plan, exchange.bring):
        with pytest.raises(Forbidden):
            verb(viewer, FLEET)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
LABELS = st.dictionaries(TEXT, TEXT, max_size=3)
DEVICES = st.lists(
    st.fixed_dictionaries(
        {"uuid": TEXT, "vendor": st.sampled_from(["nvidia", "amd"]), "model": TEXT},
        optional={
            "labels": LABELS,
            "memory": st.integers(1, 2**40),
            "index": st.integers(0, 99),
            "state": st.sampled_from(["ready", "cordoned", "draining"]),
            "power_limit_w": st.floats(1, 2000),
        },
    ),
    max_size=4,
    unique_by=lambda one: one["uuid"],
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEVICES, LABELS)
def test_any_fleet_comes_back(person: Person, devices: list[dict[str, object]], labels: dict[str, str]) -> None:
    engineer = person("engineer")
    Node.objects.all().delete()
    text = fleet_file.written([{"name": "a", "labels": labels, "devices": devices}])
    assert exchange.bring(engineer, text).errors == ()
    out = exchange.export(engineer)
    assert exchange.bring(engineer, out).changes == ()
    Node.objects.all().delete()
    exchange.bring(engineer, out)
    assert exchange.export(engineer) == out


def test_telemetry_sources_are_in_the_file_too(person: Callable[..., User]) -> None:
    config.set_egress_allow(person("admin"), ["10.0.0.0/8"])
    engineer = person("engineer")
    told = "name: a\n  kind: dcgm\n  url: http://10.0.0.1:9400/metrics\n"
    plan = exchange.bring(engineer, f"telemetry:\n- {told}  emulated: true\n")
    assert [(one.kind, one.name, one.added) for one in plan.changes] == [("telemetry", "a", True)]
    text = exchange.export(person("viewer"))
    assert exchange.plan(engineer, text).changes == ()
    plan = exchange.bring(engineer, text.replace("interval_s: 1.0", "interval_s: 5").replace("emulated: true\n", ""))
    assert [(one.kind, one.fields) for one in plan.changes] == [("telemetry", ("interval_s",))]
    row = TelemetryEndpoint.objects.get()
    assert (row.interval_s, row.emulated) == (5.0, True)
    wrong = exchange.plan(engineer, f"telemetry:\n- name: b\n- name: b\n- {told}  kind: nvml\n  colour: blue\n")
    assert len(wrong.errors) >= 3
    absent = exchange.plan(engineer, "telemetry:\n- name: b\n  kind: dcgm\n")
    assert [error.line for error in absent.errors] == [2]
    with pytest.raises(Invalid):
        exchange.bring(engineer, "telemetry:\n- name: b\n  kind: dcgm\n  url: http://192.168.0.1/metrics\n")
