"""Models on GPUs: by model and by device, with what engines say; sorted, filtered and paged on the server."""

import re
import time
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.base import events
from controlplane.base.models import User
from registry.models import Model
from routing.energy_tables import ModelEnergyDay
from routing.history import current, rates, store
from routing.hosted import engines
from routing.hosted.engines import AddressedModel
from routing.models import Device, Node, Placement, StoredReplica, TelemetryEndpoint
from routing.samples.frames import pack
from routing.samples.readings import Observed, SourceReading
from tests.routing.device import feeding
from tests.site import bare, write_models

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
GB = 10**9
MOST_QUERIES = 18


def page(visitor: Visitor, address: str = "/gpus/models", language: str = "en") -> str:
    answer = visitor("viewer", language).get(address)
    assert answer.status_code == 200
    return bare(answer.content.decode())


def names(body: str) -> list[str]:
    """The models of the page in their order."""
    return re.findall(r'<tr id="hm-\d+"><td class="lead"><a class="name"[^>]*>([^<]*)<', body)


def cells(body: str, name: str) -> list[str]:
    """What the row of a model says, cell by cell."""
    (row,) = (row for row in re.findall(r"<tr id=\"hm-.*?</tr>", body, re.DOTALL) if f">{name}</a>" in row)
    return [
        re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", cell)).strip()
        for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)
    ]


def engine(model: str, at: float, sequence: int, **values: float) -> None:
    """What an engine at the model's address says at a moment."""
    row, _ = TelemetryEndpoint.objects.get_or_create(
        name=model, defaults={"kind": "vllm", "url": f"http://{model}:8000/metrics", "interval_s": 1.0}
    )
    said = SourceReading({f"{engines.PREFIX}{row.pk}/{model}": Observed(values=values)})
    store.send(events.store(), [pack(f"vllm {model}", 1, sequence, at, said)])
    store.keep()


def test_rows_say_where_a_model_sits_and_what_its_engine_does(visitor: Visitor, person: Callable[..., User]) -> None:
    feeding.furnish(person("admin", "owner"))
    now = time.time()
    said = {"requests_running": 7.0, "requests_waiting": 3.0, "kv_cache_usage_ratio": 0.431}
    engine("chat-large", now - 10, 1, generation_tokens_total=1000.0, **said)
    engine("chat-large", now, 2, generation_tokens_total=3500.0, **said)
    body = page(visitor)
    assert cells(body, "chat-large") == [
        "chat-large", "Hot", "gpu-node-1 #0 41.2 GB emulated", "41.2 GB", "3", "7", "250", "43.1 %", "–", "–",
    ]  # fmt: skip
    assert cells(body, "embed-small")[3:] == ["6.40 GB"] + ["–"] * 6
    assert f'href="/gpus/{feeding.FULL}"' in body
    assert "GPU 上的模型" in page(visitor, language="zh-hans")


def test_a_silent_engine_says_nothing(
    visitor: Visitor, person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    feeding.furnish(person("admin", "owner"))
    engine("chat-large", time.time(), 1, requests_running=7.0)
    monkeypatch.setattr(current, "STALE_SECONDS", -1.0)
    assert cells(page(visitor), "chat-large")[4:] == ["–"] * 6


def test_states_are_those_of_the_best_replica(visitor: Visitor) -> None:
    for name, states in (("a", ["cold"]), ("b", ["asleep", "cold"]), ("c", ["warm", "failed"]), ("d", ["loading"])):
        model = Model.objects.create(name=name, type="llm", protocol="openai", endpoint="http://x")
        for number, state in enumerate(states):
            StoredReplica.objects.create(model=model, endpoint=f"http://{name}{number}", state=state)
    Model.objects.create(name="elsewhere", type="llm", protocol="openai", endpoint="http://x")
    body = page(visitor)
    assert [(name, cells(body, name)[1]) for name in names(body)] == [
        ("a", "Cold"), ("b", "Asleep 1 Asleep, 1 Cold"), ("c", "Hot 1 Hot, 1 Failed"), ("d", "Loading"),
    ]  # fmt: skip
    assert names(page(visitor, "/gpus/models?state=asleep")) == ["b"]
    assert names(page(visitor, "/gpus/models?sort=state")) == ["c", "d", "b", "a"]
    assert names(page(visitor, "/gpus/models?q=ELSE")) == []


def test_numbers_sort_with_the_unknown_last_and_a_bad_sort_is_by_name(
    visitor: Visitor, person: Callable[..., User]
) -> None:
    feeding.furnish(person("admin", "owner"))
    for name in ("mid", "none"):
        model = Model.objects.create(name=name, type="llm", protocol="openai", endpoint=f"http://{name}:8000")
        StoredReplica.objects.create(model=model, endpoint=f"http://{name}:8000")
    for name, running in (("chat-large", 9.0), ("embed-small", 2.0), ("mid", 5.0)):
        engine(name, time.time(), 1, requests_running=running)
    assert names(page(visitor, "/gpus/models?sort=-running")) == ["chat-large", "mid", "embed-small", "none"]
    assert names(page(visitor, "/gpus/models?sort=running")) == ["embed-small", "mid", "chat-large", "none"]
    assert names(page(visitor, "/gpus/models?sort=nonsense")) == ["chat-large", "embed-small", "mid", "none"]
    assert names(page(visitor, "/gpus/models?node=gpu-node-1")) == ["chat-large", "embed-small"]


def test_by_device_the_memory_of_each_is_packed(visitor: Visitor, person: Callable[..., User]) -> None:
    feeding.furnish(person("admin", "owner"))
    feeding.tell()
    body = page(visitor, "/gpus/models?by=device")
    (row, other) = re.findall(r'<tr id="hd-\d+">.*?</tr>', body, re.DOTALL)
    for words in ("gpu-node-1 #0", "emulated", "75 %", "/ 85.9 GB", "chat-large", "41.2 GB, Hot", "others 16.9 GB"):
        assert words in row
    assert "chat-large" not in other
    assert "No device matches" in page(visitor, "/gpus/models?by=device&q=zzz")


def test_energy_and_cost_are_those_of_seven_days(visitor: Visitor, person: Callable[..., User]) -> None:
    feeding.furnish(person("admin", "owner"))
    told = {"calls": 50, "prompt_tokens": 400, "completion_tokens": 600, "call_s": 90, "joules": 2500}
    ModelEnergyDay.objects.create(
        day=timezone.now().date(), model="chat-large", api_key_id=0, currency="EUR",
        **told, emulated_joules=2500, priced_joules=2500, money=0.4,
    )  # fmt: skip
    body = page(visitor, "/gpus/models?sort=-cost")
    assert cells(body, "chat-large")[-2:] == ["2.50 emulated", "8.00 EUR"]
    assert names(body) == ["chat-large", "embed-small"]
    assert "No call ran on own devices in seven days" in body


@pytest.mark.parametrize(
    ("identity", "serves", "owner"),
    [("m", {}, "a"), ("", {}, "a"), ("other", {}, None), ("other", {"other": "b"}, "b"), ("B", {}, "b")],
)
def test_an_engine_belongs_to_the_model_that_it_serves(
    identity: str, serves: dict[str, str], owner: str | None
) -> None:
    row = TelemetryEndpoint.objects.create(
        name="e", kind="vllm", url="http://host:8000/metrics", interval_s=1.0, serves=serves
    )
    models = [AddressedModel("a", "m", ("http://host:8000",)), AddressedModel("b", "B", ("https://host:9000/v1",))]
    subject = f"engine:{row.pk}/{identity}"
    found = engines.subjects(models, ["GPU-1", subject, "engine:999/m", "engine:x"])
    assert found == ({owner: [subject]} if owner else {})


def test_a_rate_needs_two_readings_and_survives_a_reset() -> None:
    now = time.time()
    engine("m", now - 8, 1, generation_tokens_total=100.0)
    (subject,) = current.current()
    assert rates.per_second([subject], ["generation_tokens_total"], now) == {}
    engine("m", now, 2, generation_tokens_total=40.0)
    assert rates.per_second([subject, "GPU-9"], ["generation_tokens_total"], now) == {
        subject: {"generation_tokens_total": pytest.approx(5.0)}
    }


def test_five_hundred_models_and_a_thousand_devices_take_few_queries_and_are_paged(visitor: Visitor) -> None:
    models = write_models(500)
    node = Node.objects.create(name="n")
    devices = Device.objects.bulk_create(
        Device(node=node, uuid=f"G-{n:04}", vendor="nvidia", model="H100", index=n, memory_bytes=80 * GB)
        for n in range(1000)
    )
    replicas = StoredReplica.objects.bulk_create(
        StoredReplica(model=model, endpoint="http://x", state="warm") for model in models
    )
    Placement.objects.bulk_create(
        Placement(replica=replica, device=devices[2 * n + part], memory_bytes=10 * GB)
        for n, replica in enumerate(replicas)
        for part in (0, 1)
    )
    subjects = {device.uuid: Observed(values={"utilization_ratio": 0.5}) for device in devices}
    store.send(events.store(), [pack("n", 1, 1, time.time(), SourceReading(subjects))])
    store.keep()
    client = visitor("admin")
    seen: list[str] = []
    for number in range(1, 11):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/gpus/models?page={number}&sort=-memory")
        assert len(queries) <= MOST_QUERIES
        seen += names(bare(answer.content.decode()))
    assert len(seen) == len(set(seen)) == 500
    with CaptureQueriesContext(connection) as queries:
        body = client.get("/gpus/models?by=device&page=20").content.decode()
    assert len(queries) <= MOST_QUERIES
    assert body.count('id="hd-') == 50
