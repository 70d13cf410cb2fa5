"""The emulated GPUs of a run: registered once, discovered, seated, and gone when they are not asked for any more."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.base.models import User
from controlplane.management.commands import furnish
from controlplane.practice import gpus
from registry.access import callers
from registry.emulators.gpus.rack import rack
from registry.emulators.gpus.seating import seating
from registry.emulators.roster import emulated, weights_bytes
from registry.models import ApiKey, Model
from registry.specfile.text import load
from routing.inventory import discovery, endpoints, exchange, listing, verbs
from routing.inventory.discovery import SeenDevice, SeenNode
from routing.models import Device, Node, Placement, StoredReplica, TelemetryEndpoint

pytestmark = pytest.mark.django_db
ADDRESS = "127.0.0.1:8001"
MODELS = 40


@pytest.fixture
def engineer(person: Callable[..., User]) -> User:
    """For whom the run acts."""
    return person("engineer")


@pytest.fixture
def note(tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the run keeps what it did; every address may be reached."""
    monkeypatch.setattr(endpoints, "_check_egress", lambda place: None)
    return tmp_path / "practice-gpus.json"


def discover(devices: int) -> None:
    """As the collector does it."""
    for node in rack(devices):
        seen = [
            SeenDevice(one.uuid, "nvidia", one.kind.model, index=one.index, memory_bytes=one.kind.memory_bytes)
            for one in node.devices
        ]
        discovery.discovered(SeenNode(node.name, emulated=True), seen)


def plug_in() -> None:
    Model.objects.bulk_create(
        Model(name=emulated(n).name, type="llm", protocol="openai", endpoint=f"http://{ADDRESS}/m/{n}")
        for n in range(1, MODELS + 1)
    )


def test_every_node_has_an_exporter_of_its_kind_and_some_models_tell_of_themselves(engineer: User, note: Path) -> None:
    assert gpus.register(engineer, note, ADDRESS, MODELS, 64)
    rows = TelemetryEndpoint.objects.all()
    assert all(row.emulated for row in rows)
    kinds = Counter(rows.values_list("kind", flat=True))
    assert (kinds["dcgm"], kinds["amd"], kinds["ascend"]) == (6, 1, 1)
    assert sum(kinds.values()) <= 8 + gpus.ENGINES
    unnamed = rows.filter(kind__in=gpus.UNNAMED)
    assert unnamed
    assert all(row.serves[""].endswith(row.name[-3:]) for row in unnamed)
    assert rows.get(name=rack(64)[0].name).url == f"http://{ADDRESS}/gpus/{rack(64)[0].name}/metrics"


def test_what_a_person_took_away_is_not_brought_back_by_the_same_run(engineer: User, note: Path) -> None:
    gpus.register(engineer, note, ADDRESS, MODELS, 16)
    endpoints.remove(engineer, TelemetryEndpoint.objects.get(name=rack(16)[0].name).pk)
    assert not gpus.register(engineer, note, ADDRESS, MODELS, 16)
    assert not TelemetryEndpoint.objects.filter(name=rack(16)[0].name).exists()


def test_a_note_of_another_database_does_not_count(engineer: User, note: Path, person: Callable[..., User]) -> None:
    assert gpus.register(engineer, note, ADDRESS, MODELS, 16)
    TelemetryEndpoint.objects.all().delete()
    other = person("engineer", "other")
    assert gpus.register(other, note, ADDRESS, MODELS, 16)
    assert TelemetryEndpoint.objects.exists()


def test_the_key_of_the_practice_callers_is_made_once_and_not_again_when_it_was_revoked(
    engineer: User, tmp_path: Path, settings: Any
) -> None:
    settings.DATA_DIR = tmp_path
    for _ in range(2):
        furnish.make_key(engineer)
        assert ApiKey.objects.get().name == callers.PRACTICE
    callers.revoke(engineer, ApiKey.objects.get().pk)
    furnish.make_key(engineer)
    ApiKey.objects.all().delete()
    furnish.make_key(engineer)
    assert callers.actor_of(gpus.read(tmp_path / "practice-key.json")["api_key"]) is not None


def test_models_sit_where_the_emulator_runs_them_and_everything_says_emulated(engineer: User, note: Path) -> None:
    plug_in()
    gpus.register(engineer, note, ADDRESS, MODELS, 64)
    assert "not discovered" in gpus.seat(engineer, note, 0.0)
    assert not Placement.objects.exists()
    discover(64)
    said = gpus.seat(engineer, note, 0.0)
    assert "64 devices on 8 nodes" in said
    assert "emulated" in said
    held: dict[tuple[str, str], int] = {}
    for one in Placement.objects.select_related("replica__model", "device"):
        held[one.replica.model.name, one.device.uuid] = one.memory_bytes
    assert held == {
        (emulated(number).name, one.uuid): weights_bytes(number) // len(group)
        for number, group in seating(MODELS, 64).hot.items()
        for one in group
    }
    assert set(StoredReplica.objects.values_list("state", flat=True)) == {"warm", "asleep", "cold"}
    assert Node.objects.get(name=rack(64)[1].name).labels["zone"] == "west"
    told = load(exchange.export(engineer)).value
    assert [node["emulated"] for node in told["nodes"]] == [True] * 8
    assert {source["emulated"] for source in told["telemetry"]} == {True}
    assert gpus.seat(engineer, note, 0.0) == ""


def test_another_size_takes_the_seats_anew_and_none_takes_everything_away(engineer: User, note: Path) -> None:
    plug_in()
    for devices in (64, 16, 24):
        assert gpus.register(engineer, note, ADDRESS, MODELS, devices)
        assert not Placement.objects.exists()
        discover(devices)
        gpus.seat(engineer, note, 0.0)
        assert Device.objects.count() == devices
        assert Placement.objects.values("device").distinct().count() > devices / 3
    mine = verbs.add_node(engineer, {"name": "mine"})
    assert gpus.register(engineer, note, ADDRESS, MODELS, 0)
    assert list(Node.objects.all()) == [mine]
    assert not TelemetryEndpoint.objects.exists()
    assert not gpus.register(engineer, note, ADDRESS, MODELS, 0)


def test_another_port_moves_the_exporters_and_leaves_devices_in_peace(engineer: User, note: Path) -> None:
    plug_in()
    gpus.register(engineer, note, ADDRESS, MODELS, 16)
    discover(16)
    gpus.seat(engineer, note, 0.0)
    before = list(listing.devices(engineer).values_list("pk", flat=True))
    gpus.register(engineer, note, "127.0.0.1:9001", MODELS, 16)
    assert all("9001" in url for url in TelemetryEndpoint.objects.values_list("url", flat=True))
    gpus.seat(engineer, note, 0.0)
    assert list(listing.devices(engineer).values_list("pk", flat=True)) == before
    assert Placement.objects.exists()
