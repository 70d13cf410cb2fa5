"""The fleet through its two doors: REST and the page say and do the same."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.models import User
from registry.models import Model
from routing.inventory import discovery, exchange, replicas
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device, Node

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FLEET = "nodes:\n- name: a\n  devices:\n  - uuid: g0\n    vendor: nvidia\n    model: H100\n    memory: 80GB\n"
JSON = "application/json"


@pytest.fixture
def door(settings: Any, person: Person) -> Callable[[str], Client]:
    """A browser of a person of this role."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}

    def opened(role: str) -> Client:
        client = Client()
        client.force_login(person(role), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return opened


def fleet(person: Person) -> Device:
    """One node with one device that holds a model."""
    exchange.bring(person("engineer"), FLEET)
    device = Device.objects.get()
    Model.objects.create(name="chat", type="chat", protocol="openai", endpoint="http://x")
    replicas.place(replicas.known("chat", "http://x").pk, {device.pk: 10**9})
    return device


def test_rest_lists_devices_with_what_sits_there(door: Callable[[str], Client], person: Person) -> None:
    device = fleet(person)
    found = door("viewer").get("/api/devices/").json()["results"]
    assert [(one["uuid"], one["node"], one["state"], one["used_bytes"], one["latest"]) for one in found] == [
        ("g0", "a", "ready", 10**9, {})
    ]
    assert found[0]["placements"] == [{"model": "chat", "endpoint": "http://x", "state": "cold", "memory_bytes": 10**9}]
    assert door("viewer").get(f"/api/devices/{device.pk}").json()["available"] is True


def test_rest_adds_corrects_drains_and_removes(door: Callable[[str], Client]) -> None:
    client = door("engineer")
    node = client.post("/api/nodes/", {"name": "a", "labels": {"rack": "7"}}, content_type=JSON)
    assert (node.status_code, node.json()["devices_there"]) == (201, 0)
    draft = {"node": "a", "uuid": "g0", "vendor": "amd", "model": "MI300X"}
    made = client.post("/api/devices", draft, content_type=JSON)
    assert made.status_code == 201
    address = f"/api/devices/{made.json()['id']}"
    changed = client.patch(address, {"memory_bytes": 192 * 10**9}, content_type=JSON).json()
    assert (changed["memory_bytes"], sorted(changed["corrected"])) == (
        *(192 * 10**9, ["memory_bytes", "model", "vendor"]),
    )
    assert client.post(f"{address}/drain").json()["state"] == "draining"
    assert client.post(f"{address}/drain").status_code == 409
    assert client.post(f"{address}/explode").status_code == 400
    assert client.post(f"{address}/trust").json()["corrected"] == {}
    assert client.delete(address).status_code == 204
    assert client.delete(f"/api/nodes/{node.json()['id']}").status_code == 204
    assert not Node.objects.exists()


@pytest.mark.parametrize("body", ["[]", "3", '{"labels": 3}', '{"memory_bytes": -1}', '{"nonsense": 1}', "{"])
def test_a_bad_body_is_refused_and_changes_nothing(door: Callable[[str], Client], person: Person, body: str) -> None:
    device = fleet(person)
    before = Device.objects.values().get()
    client = door("engineer")
    assert client.patch(f"/api/devices/{device.pk}", body, content_type=JSON).status_code == 400
    assert client.post("/api/devices", body, content_type=JSON).status_code == 400
    assert client.post("/api/nodes", body, content_type=JSON).status_code == 400
    assert Device.objects.values().get() == before


def test_the_fleet_goes_out_and_comes_in_over_rest(door: Callable[[str], Client]) -> None:
    client = door("engineer")
    planned = client.post("/api/fleet.yaml", FLEET, content_type="application/yaml").json()
    assert [one["name"] for one in planned["changes"]] == ["a", "g0"]
    assert not Node.objects.exists()
    client.post("/api/fleet.yaml?apply=yes", {"yaml": FLEET}, content_type=JSON)
    assert client.get("/api/fleet.yaml").content.decode() == FLEET
    bad = client.post("/api/fleet.yaml?apply=yes", "nodes:\n- nme: a\n", content_type="application/yaml")
    assert (bad.status_code, bad.json()["error"]["detail"][0]["line"]) == (400, 2)


def test_the_page_shows_nodes_devices_models_and_complaints(door: Callable[[str], Client], person: Person) -> None:
    fleet(person)
    discovery.discovered(SeenNode("b"), [SeenDevice("g9", "emulated", "E1", memory_bytes=-1, labels={"pool": "x"})])
    text = door("viewer").get("/gpus?view=table").content.decode()
    for shown in ("NVIDIA H100", "g0", "/models/chat", "emulated E1", "pool=x", "memory_bytes is -1"):
        assert shown in text
    assert "/drain" not in text
    assert "g9" not in door("viewer").get("/gpus?view=table&node=a").content.decode()
    assert "No device matches" in door("viewer").get("/gpus?q=zzz").content.decode()


def test_the_page_drains_labels_and_imports(door: Callable[[str], Client]) -> None:
    client = door("engineer")
    assert "No devices yet" in client.get("/gpus").content.decode()
    assert "2 rows change" in client.post("/gpus/import", {"text": FLEET}).content.decode()
    client.post("/gpus/import", {"text": FLEET, "apply": "yes"})
    device = Device.objects.get()
    answer = client.post(f"/gpus/{device.pk}/drain", {"back": "/gpus?node=a"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/gpus?node=a")
    client.post(f"/gpus/{device.pk}/labels", {"labels": "pool = chat\n\nspot\n"})
    client.post(f"/gpus/nodes/{device.node_id}/cordon")
    device.refresh_from_db()
    assert (device.state, device.labels, Node.objects.get().held) == (
        "draining",
        {"pool": "chat", "spot": ""},
        "cordoned",
    )
    assert client.post(f"/gpus/{device.pk}/drain").status_code == 409
    assert client.post("/gpus/import", {"text": "nodes: 3", "apply": "yes"}).status_code == 422
    assert "attachment" in client.get("/gpus/fleet.yaml").headers["Content-Disposition"]


def test_people_add_a_node_a_device_and_a_slice_on_pages(door: Callable[[str], Client]) -> None:
    client = door("engineer")
    assert b"A device needs a node" in client.get("/gpus/new").content
    made = client.post(
        "/gpus/nodes/new", {"name": "rack-7", "address": "10.0.0.7", "labels": "zone=a\n\n pool = chat "}
    )
    assert (made.status_code, made["location"]) == (302, "/gpus")
    assert Node.objects.get().labels == {"pool": "chat", "zone": "a"}
    told = {
        "node": "rack-7",
        "uuid": "g0",
        "vendor": "nvidia",
        "model": "H200",
        "memory": "141GB",
        "links": "g1 nvlink",
    }
    assert client.post("/gpus/new", told)["location"] == "/gpus/g0"
    part = {"node": "rack-7", "uuid": "m0", "parent": "g0", "vendor": "nvidia", "model": "1g.18gb", "memory": "18GB"}
    assert client.post("/gpus/new", part).status_code == 302
    whole, piece = Device.objects.get(uuid="g0"), Device.objects.get(uuid="m0")
    assert (whole.memory_bytes, whole.links) == (141 * 10**9, [{"kind": "nvlink", "to": "g1"}])
    assert piece.parent == whole


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("memory", "eighty", "memory is &#x27;eighty&#x27;; expected a size such as 80GB"),
        ("memory", "0", "expected a size such as 80GB"),
        ("memory", "9" * 38, "expected a size such as 80GB"),
        ("power_limit_w", "-5", "expected a number of watts above 0"),
        ("power_limit_w", "NaN", "Enter a number"),
        ("links", "g1", "expected a UUID and a kind"),
        ("labels", "=x", "expected a mapping"),
        ("index", "-1", "expected a whole number from 0"),
        ("uuid", "g0", "exists; change it instead"),
        ("parent", "nobody", "has no whole device"),
        ("uuid", "g\x00", "Null characters are not allowed"),
    ],
)
def test_what_a_field_cannot_hold_is_told_beside_it_and_nothing_is_lost(
    door: Callable[[str], Client], person: Person, field: str, value: str, words: str
) -> None:
    fleet(person)
    told = {"node": "a", "uuid": "g9", "vendor": "nvidia", "model": "H200", field: value}
    answer = door("engineer").post("/gpus/new", told)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert words in page.partition(f'<p class="err" id="id_{field}_error">')[2].partition("</p>")[0]
    assert 'value="H200"' in page
    assert Device.objects.count() == 1


def test_a_device_says_by_rest_whether_it_is_emulated(door: Callable[[str], Client]) -> None:
    for name, emulated in (("real", False), ("made-up", True)):
        discovery.discovered(SeenNode(name, emulated=emulated), [SeenDevice(f"g-{name}", "nvidia", "H100")])
    found = door("viewer").get("/api/devices/").json()["results"]
    assert {one["node"]: one["emulated"] for one in found} == {"real": False, "made-up": True}


def test_only_what_a_person_changed_is_a_correction(door: Callable[[str], Client], person: Person) -> None:
    seen = SeenDevice("g0", "nvidia", "H100", index=3, memory_bytes=80 * 10**9, power_limit_w=700.0)
    discovery.discovered(SeenNode("n", labels={"zone": "a"}), [seen])
    device, client = Device.objects.get(), door("engineer")
    page = client.get(f"/gpus/{device.pk}/edit").content.decode()
    assert all(f'value="{value}"' in page for value in ("H100", "80GB", "3", "700.0"))
    told = {
        "vendor": "nvidia",
        "model": "H100",
        "memory": "80GB",
        "power_limit_w": "700",
        "index": "3",
        "labels": "a=b",
    }
    assert client.post(f"/gpus/{device.pk}/edit", told)["location"] == "/gpus/g0"
    device.refresh_from_db()
    assert (device.labels, sorted(device.corrected)) == ({"a": "b"}, ["labels"])
    node = Node.objects.get()
    client.post(f"/gpus/nodes/{node.pk}/edit", {"name": "better", "labels": "zone=a"})
    node.refresh_from_db()
    assert (node.name, sorted(node.corrected)) == ("better", ["name"])
