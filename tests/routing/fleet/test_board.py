"""The Fleet page as the server makes it: numbers, colours, groups, sums, news; and the live table behind it."""

import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pytest
from django.test import Client

from controlplane.base.models import User
from registry.models import Model
from routing.fleet import devices, heat, lately, one_device
from routing.history import current
from routing.history.current import FORGOTTEN_SECONDS, STALE_SECONDS, CurrentValues
from routing.history.latest import LatestValues
from routing.inventory import discovery, exchange, replicas, verbs
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device, TelemetryEndpoint

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
BUSY = {"utilization_ratio": 0.634, "memory_used_bytes": 40e9, "temperature_celsius": 64.4, "power_watts": 347.2}


@pytest.fixture
def fleet(person: Callable[..., User]) -> User:
    """Two nodes: three devices and a slice with labels; an emulated one with a device that was drained."""
    owner = person("engineer", "owner")
    rows = "".join(
        f"  - {{uuid: GPU-{n}, vendor: nvidia, model: H100, index: {n}, memory: 80GB, labels: {{pool: p{n % 2}}}}}\n"
        for n in range(3)
    )
    part = "  - {uuid: MIG-1, parent: GPU-1, vendor: nvidia, model: H100 1g.10gb, memory: 10GB}\n"
    exchange.bring(owner, f"nodes:\n- name: node-a\n  devices:\n{rows}{part}")
    discovery.discovered(SeenNode("node-b", emulated=True), [SeenDevice("E-0", "emulated", "E1", index=0)])
    verbs.move(Device, owner, Device.objects.get(uuid="E-0").pk, "drain")
    return owner


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, tuple[float, Mapping[str, float]]]], None]:
    """Telemetry says these values, so many seconds ago."""

    def said(given: Mapping[str, tuple[float, Mapping[str, float]]]) -> None:
        now = time.monotonic()
        found = {uuid: LatestValues(f"of {uuid}", now - age, dict(values)) for uuid, (age, values) in given.items()}
        known = CurrentValues(MappingProxyType(found), now, "")
        for module in (devices, lately, one_device):
            monkeypatch.setattr(module, "known", lambda: known)

    return said


def pk_of(uuid: str) -> int:
    """A device's number."""
    return int(Device.objects.get(uuid=uuid).pk)


def cell_of(body: str, uuid: str) -> tuple[str, str, str]:
    """A cell's class, name and text."""
    found = re.search(rf'<a class="([^"]*)" href="/gpus/{uuid}"[^>]*aria-label="([^"]*)"[^>]*>([^<]*)</a>', body)
    assert found is not None
    return found[1], found[2], found[3]


def test_a_cell_says_its_number_in_words_and_colour(visitor: Visitor, fleet: User, says: Callable[..., None]) -> None:
    says({"GPU-0": (1.0, BUSY), "GPU-1": (STALE_SECONDS + 2, BUSY), "E-0": (0.0, {"utilization_ratio": 1.0})})
    body = visitor("viewer").get("/gpus").content.decode()
    assert cell_of(body, "GPU-0") == ("cell l6", "node-a #0, Utilisation 63 %", "63")
    assert cell_of(body, "GPU-1") == ("cell l6 stale", "node-a #1, Utilisation 63 %, stale", "63")
    assert cell_of(body, "GPU-2") == ("cell none", "node-a #2, Utilisation –", "–")
    assert cell_of(body, "E-0") == ("cell l9 at-draining", "node-b #0, Utilisation 100 %, Draining", "100")
    power = visitor("viewer", "en").get("/gpus?metric=power").content.decode()
    assert cell_of(power, "GPU-0") == ("cell l5", "node-a #0, Power 347 W", "347")
    warm = visitor("viewer", "en").get("/gpus?metric=temperature&q=GPU-0").content.decode()
    assert cell_of(warm, "GPU-0")[2] == "64"
    assert 'href="/gpus/GPU-2"' not in warm


def test_sums_count_whole_devices_that_report_now(fleet: User, says: Callable[..., None]) -> None:
    says({"GPU-0": (1.0, BUSY), "GPU-1": (99.0, BUSY), "MIG-1": (0.0, BUSY), "E-0": (0.0, {"power_watts": 50.0})})
    more = devices.now().more
    assert (more["devices"], more["emulated"], more["reporting"], more["power_w"]) == (4, 1, 2, 397.2)
    assert (more["memory_used"], more["memory_total"], more["utilization"]) == (40e9, 80e9, pytest.approx(0.634))


def test_calls_that_wait_in_an_engine_wait_for_its_devices(fleet: User, says: Callable[..., None]) -> None:
    told: dict[str, tuple[float, dict[str, float]]] = {}
    for name, port in (("chat", 1), ("draw", 2)):
        Model.objects.create(name=name, type="chat", protocol="openai", endpoint=f"http://10.0.0.1:{port}")
        row = TelemetryEndpoint.objects.create(
            name=name, kind="vllm", url=f"http://10.0.0.1:{port}/metrics", interval_s=1, state="well"
        )
        replica = replicas.known(name, f"http://10.0.0.1:{port}").pk
        replicas.place(replica, {pk_of(uuid): 10**9 for uuid in ("GPU-0", f"GPU-{port}")})
        for age, waiting in ((0.0, 3.0), (STALE_SECONDS + 1, 50.0)):
            told[f"engine:{row.pk}/{name if age == 0 else 'old'}"] = (age, {"requests_waiting": waiting})
    says(told)
    shown = {one.uuid: heat.readings(devices.now())[one.pk].shown["queue"] for one in Device.objects.all()}
    assert shown == {"GPU-0": "6", "GPU-1": "3", "GPU-2": "3", "MIG-1": "–", "E-0": "–"}


def test_what_no_source_gives_is_absent_and_never_zero(fleet: User, says: Callable[..., None]) -> None:
    says({})
    table = devices.now()
    assert np.isnan(table.values[:-1]).all()
    assert (table.more["utilization"], table.more["power_w"], table.more["memory_used"]) == (None, None, None)
    assert all(reading.level("queue") == "none" for reading in heat.readings(table).values())


@pytest.mark.parametrize(
    ("group", "blocks"),
    [
        ("node", [("node-a", 4), ("node-b", 1)]),
        ("kind", [("NVIDIA H100", 3), ("NVIDIA H100 1g.10gb", 1), ("emulated E1", 1)]),
        ("label:pool", [("pool=p0", 2), ("pool=p1", 1), ("None", 2)]),
        ("model", [("chat", 1), ("draw", 1), ("None", 4)]),
        ("nonsense", [("node-a", 4), ("node-b", 1)]),
    ],
)
def test_cells_are_grouped(visitor: Visitor, fleet: User, group: str, blocks: list[tuple[str, int]]) -> None:
    for name in ("draw", "chat"):
        Model.objects.create(name=name, type="chat", protocol="openai", endpoint="http://x")
        replicas.place(replicas.known(name, "http://x").pk, {pk_of("GPU-0"): 10**9})
    body = visitor("viewer").get("/gpus", {"group": group}).content.decode()
    found = re.findall(r'<section class="block">\s*<h2[^>]*>\s*([^<]*?)\s*(?:<span.*?</span>\s*)?</h2>(.*?)</section>',
                       body, re.DOTALL)  # fmt: skip
    assert [(name, inside.count("data-id=")) for name, inside in found] == blocks


def test_the_table_is_sorted_on_request_alone(visitor: Visitor, fleet: User, says: Callable[..., None]) -> None:
    says({"GPU-1": (0.0, {"power_watts": 100.0}), "E-0": (0.0, {"power_watts": 600.0})})
    client = visitor("viewer")
    order = [re.findall(r'<tr id="d-(\d+)"', client.get(f"/gpus?view=table{sort}").content.decode())
             for sort in ("", "&sort=power", "&sort=nonsense")]  # fmt: skip
    plain = [str(pk_of(uuid)) for uuid in ("GPU-0", "GPU-1", "MIG-1", "GPU-2", "E-0")]
    assert sorted(order[0]) == sorted(plain)
    assert order[0] == order[2]
    assert order[1][:2] == [str(pk_of("E-0")), str(pk_of("GPU-1"))]
    assert "600 W" in client.get("/gpus?view=table").content.decode()


def test_what_changed_lately_is_told(visitor: Visitor, fleet: User, says: Callable[..., None]) -> None:
    says({"GPU-0": (42.0, BUSY), "GPU-1": (1.0, BUSY), "GPU-2": (FORGOTTEN_SECONDS - 1, BUSY)})
    discovery.discovered(SeenNode("node-b", emulated=True), [SeenDevice("E-1", "emulated", "E1", index=1)])
    told = [(one.kind, one.where, one.names) for one in lately.news(fleet)]
    assert ("silent", "of GPU-0", ("GPU-0",)) in told
    assert ("device.drain", "", ("E-0",)) in told
    assert {("added", "node-b", ("E-1",)), ("gone", "node-b", ("E-0",)), ("added", "node-b", ("E-0",))} <= set(told)
    assert ("silent", "of GPU-2", ("GPU-2",)) not in told
    body = visitor("viewer").get("/gpus/news").content.decode()
    assert "device drained" in body
    assert "/gpus?q=E-1" in body


def test_no_devices_says_what_to_do(visitor: Visitor) -> None:
    body = visitor("engineer").get("/gpus").content.decode()
    for words in ("No devices yet", "manage.py agent", "PRACTICE_GPUS=64", "Import YAML"):
        assert words in body
    assert "No device matches" in visitor("viewer").get("/gpus?q=zzz").content.decode()


def test_one_device_tells_every_value_and_no_other_number_is_one(fleet: User, says: Callable[..., None]) -> None:
    says({"GPU-0": (2.0, BUSY)})
    table = one_device.read(str(pk_of("GPU-0")))
    assert table is not None
    assert (table.more["values"], table.more["source"], round(table.more["age"])) == (BUSY, "of GPU-0", 2)
    for nonsense in ("", "0", "-1", "x", "9" * 30, "²"):
        assert one_device.read(nonsense) is None


def test_the_stream_reads_the_inventory_again_after_a_while(fleet: User, monkeypatch: pytest.MonkeyPatch) -> None:
    known = devices.ListedDevices()
    assert len(known.rows()) == 5
    Device.objects.filter(uuid="MIG-1").delete()
    assert len(known.rows()) == 5
    monkeypatch.setattr(devices, "INVENTORY_SECONDS", 0.0)
    assert len(known.rows()) == 4
    assert current.STALE_SECONDS == 10
