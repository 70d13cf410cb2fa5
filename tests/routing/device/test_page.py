"""The page of a device says what was measured, now and at a moment, and says so where nothing was."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.base import events
from controlplane.base.models import User
from routing.alerts.models import Alert
from routing.device import events as happened
from routing.history import current, moments, rolling, store
from routing.inventory import past, replicas, verbs
from routing.models import Device, Node, PastPlacement, StoredReplica
from routing.samples.dimensions import DIMENSIONS
from tests.routing.device import feeding
from tests.routing.device.feeding import BARE, FULL, SILENT
from tests.site import bare

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
MOST_QUERIES = 16


@pytest.fixture
def device(stores: None, person: Callable[..., User]) -> Device:
    """The furnished device."""
    return feeding.furnish(person("admin", "owner"))


def page(visitor: Visitor, address: str, language: str = "en", role: str = "viewer") -> str:
    answer = visitor(role, language).get(address)
    assert answer.status_code == 200
    return bare(answer.content.decode())


def shown(body: str, number: int) -> str:
    """What the page says of a dimension, without markup."""
    (part,) = re.findall(rf'<dd data-patch="d-{number}">(.*?)</dd>', body)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", part)).strip()


def iso(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


def test_what_was_fed_is_on_the_page_and_in_rest_alike(visitor: Visitor, device: Device) -> None:
    feeding.tell()
    body = page(visitor, f"/gpus/{FULL}")
    fed = feeding.values_at(0.0)
    rest = visitor("viewer").get(f"/api/devices/{device.pk}").json()["latest"]
    assert {name: one["value"] for name, one in rest.items()} == pytest.approx(fed, rel=1e-6)
    assert shown(body, 1) == f"{100 * fed['utilization_ratio']:.1f} %"
    assert shown(body, 10) == f"{fed['power_watts']:.0f} W"
    assert shown(body, 6) == "held 64.5 GB not held 21.4 GB in all 85.9 GB"
    assert shown(body, 13) == "1,920 MHz"
    assert shown(body, 27) == "BAR1 held 4.20 MB cut by MIG no"
    assert body.count('class="dimension"') == len(DIMENSIONS) == 27
    for word in ("NVIDIA H100 80GB HBM3", "emulated", FULL, "from emulated gpu-node-1", 'data-age="pushed"'):
        assert word in body


def test_a_device_that_is_called_by_numbers_has_its_page(visitor: Visitor, device: Device) -> None:
    Device.objects.filter(pk=device.pk).update(uuid="692219000710/0")
    assert "692219000710/0" in page(visitor, "/gpus/692219000710/0")
    assert "NVIDIA NVIDIA" not in page(visitor, "/gpus/692219000710/0")
    moved = visitor("engineer").post(f"/gpus/{device.pk}/cordon")
    assert moved.status_code in (200, 204, 302)


def test_what_the_source_does_not_give_is_absent_and_not_zero(visitor: Visitor, device: Device) -> None:
    feeding.tell()
    body = page(visitor, f"/gpus/{BARE}")
    assert shown(body, 7) == "41 °C"
    told = {number: shown(body, number) for number in range(1, 28)}
    assert sorted(number for number, text in told.items() if text != "not given by this source") == [1, 7, 10]
    assert "reasons not given by this source" not in told[15]
    assert "该来源未提供" in page(visitor, f"/gpus/{BARE}", "zh-hans")


def test_memory_is_packed_by_model_and_the_rest_is_told_apart(visitor: Visitor, device: Device) -> None:
    feeding.tell()
    body = page(visitor, f"/gpus/{FULL}")
    rows = re.findall(r'<th scope="row">(.*?)</th><td class="num">([^<]*)</td>', body)
    assert [(re.sub(r"<[^>]*>", " ", name).split()[0], size) for name, size in rows] == [
        ("chat-large", "41.2 GB"), ("embed-small", "6.40 GB"), ("Held,", "16.9 GB"), ("Free", "21.4 GB"),
    ]  # fmt: skip
    widths = [float(one) for one in re.findall(r'<rect class="m-[^>]*width="([\d.]+)"', body)]
    assert sum(widths) == pytest.approx(1000, abs=0.5)
    assert "Nobody says how much memory" not in body
    assert "No source measures how much is held" in page(visitor, f"/gpus/{BARE}")


def test_throttling_is_decoded_and_an_unknown_bit_is_told_as_it_is(visitor: Visitor, device: Device) -> None:
    values = {**feeding.values_at(0.0), "throttle_reasons": float(0x44 | 0x1000)}
    now = time.time()
    store.send(events.store(), [feeding.frame(now, 0, {FULL: values})])
    store.keep()
    told = shown(page(visitor, f"/gpus/{FULL}"), 15)
    for words in ("0x1044", "Power cap", "Thermal slowdown (hardware)", "0x1000", "does not know"):
        assert words in told
    assert "功率上限" in shown(page(visitor, f"/gpus/{FULL}", "zh-hans"), 15)


def test_the_link_to_a_moment_shows_what_was_then(visitor: Visitor, device: Device) -> None:
    clock = time.time()
    feeding.live_an_hour(clock)
    feeding.tell(clock)
    for ago in (2700.0, 3300.0, 400.0):
        at = int(clock - ago)
        body = page(visitor, f"/gpus/{FULL}?at={iso(at)}")
        low, high = (feeding.values_at(clock - at + slack)["power_watts"] for slack in (-11, 11))
        told = float(shown(body, 10).removesuffix(" W"))
        assert min(low, high) - 1 <= told <= max(low, high) + 1, ago
        assert "As it was at" in body
        assert 'data-live="' not in body
    assert shown(page(visitor, f"/gpus/{FULL}?at={iso(clock - 2700)}"), 7) == "88 °C"
    assert "Nothing was measured at that moment" in page(visitor, f"/gpus/{FULL}?at={iso(clock - 1700)}")
    drawn = visitor("viewer").get(f"/gpus/trends/{FULL}?at={iso(clock - 600)}").json()
    assert (drawn["end"], drawn["step"]) == (int(clock - 600), 10)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("yesterday", "is no moment"),
        ("2099-01-01T00:00:00Z", "still to come"),
        ("2020-01-01T00:00:00Z", "history goes back 30 days"),
        ("9" * 300, "is no moment"),
        ("2026-11-30T08:00:00+99:00", "is no moment"),
    ],
)
def test_a_moment_that_cannot_be_is_told_and_now_is_shown(
    visitor: Visitor, device: Device, given: str, told: str
) -> None:
    body = page(visitor, f"/gpus/{FULL}?at={given.replace('+', '%2B')}")
    assert told in body
    assert "Shown is the device as it is now" in body
    assert visitor("viewer").get(f"/gpus/trends/{FULL}?at={given.replace('+', '%2B')}").status_code == 400


def test_trends_are_the_values_that_were_fed_and_gaps_are_gaps(visitor: Visitor, device: Device) -> None:
    clock = time.time()
    feeding.live_an_hour(clock)
    found = visitor("viewer").get(f"/gpus/trends/{FULL}").json()
    for place, value in enumerate(found["columns"]["power_watts"][:-2]):
        ago = clock - found["start"] - place * found["step"]
        if SILENT[0] + 15 < ago < SILENT[1] - 15:
            assert value is None
        elif not SILENT[0] - 15 < ago < SILENT[1] + 15:
            assert value == pytest.approx(feeding.values_at(ago)["power_watts"], abs=25)
    assert len(found["columns"]["power_watts"]) in (360, 361, 362)
    assert "memory_used_bytes" not in visitor("viewer").get(f"/gpus/trends/{BARE}").json()["columns"]


def test_errors_of_a_day_are_steps_with_their_meaning(visitor: Visitor, device: Device) -> None:
    clock = time.time()
    feeding.live_an_hour(clock)
    body = page(visitor, f"/gpus/events/{FULL}")
    assert re.findall(r"XID \d+|\+\d+<", body) == ["XID 79", "+2<", "XID 31"]
    assert "fallen off the bus" in body
    assert "设备已从总线脱落" in page(visitor, f"/gpus/events/{FULL}", "zh-hans")
    assert "nothing can be said" in page(visitor, f"/gpus/events/{BARE}")
    found = happened.of_day(FULL, clock, clock)
    assert [round(clock - one.at, -2) for one in found.shown] == [700, 2000, 3100]


def test_a_counter_is_told_by_the_hour_begins_anew_when_it_falls_and_a_cleared_error_is_none() -> None:
    steps = [(3600 + at, before, after) for at, before, after in ((0, 1.0, 3.0), (10, 3.0, 900.0), (20, 900.0, 4.0))]
    grown = [*happened._grown("pcie_replays_total", [*steps, (7200, 4.0, 5.0)])]
    assert [(one.at, one.more, one.value) for one in grown] == [(3600, 903.0, 4.0), (7200, 1.0, 5.0)]
    assert [*happened._became("last_error", [(3600, 79.0, 0.0)])] == []


def test_states_have_words(visitor: Visitor, device: Device) -> None:
    assert "No source tells of this device" in page(visitor, f"/gpus/{FULL}")
    feeding.tell()
    Device.objects.filter(pk=device.pk).update(gone_at=datetime.now(UTC))
    assert "This device is gone since" in page(visitor, f"/gpus/{FULL}")
    for address in ("/gpus/GPU-none", "/gpus/a/b/c", "/gpus/%00", "/gpus/%E4%BD%A0"):
        answer = visitor("viewer").get(address)
        assert answer.status_code == 404
        assert "There is no such device" in answer.content.decode()


def test_what_fires_about_the_device_stands_above_its_values(visitor: Visitor, device: Device) -> None:
    feeding.tell()
    now = datetime.now(UTC)
    for subject in (FULL, BARE):
        Alert.objects.create(
            rule=f"hot {subject[-1]}", severity="critical", kind="device", subject=subject, state="firing",
            expr="temperature > 85", value=95.0, threshold="> 85", since=now, fired_at=now,
        )  # fmt: skip
    body = page(visitor, f"/gpus/{FULL}")
    assert "hot 1" in body
    assert "hot 2" not in body


def test_a_source_that_fell_silent_is_stale(visitor: Visitor, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    feeding.tell()
    monkeypatch.setattr(current, "STALE_SECONDS", -1.0)
    body = page(visitor, f"/gpus/{FULL}")
    assert "These values are old" in body
    assert "old-values" in body


def test_pages_of_a_device_take_few_queries(visitor: Visitor, device: Device) -> None:
    clock = time.time()
    feeding.live_an_hour(clock)
    client = visitor("admin")
    for address in (f"/gpus/{FULL}", f"/gpus/{FULL}?at={iso(clock - 900)}", f"/gpus/trends/{FULL}"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert len(queries) <= MOST_QUERIES, address


def test_what_is_older_than_a_day_is_told_in_minutes(device: Device) -> None:
    clock = time.time()
    feeding.live_an_hour(clock, 7200)
    later = clock + 2 * 86_400
    rolling.roll(later)
    found = moments.at(FULL, ["power_watts", "voltage_volts"], clock - 4000, later)
    assert found["power_watts"].value == pytest.approx(feeding.values_at(4000)["power_watts"], abs=70)
    assert "voltage_volts" not in found


def test_a_moment_shows_what_held_the_memory_then(visitor: Visitor, device: Device) -> None:
    now = time.time()
    PastPlacement.objects.update(since=datetime.fromtimestamp(now - 7200, UTC))
    StoredReplica.objects.get(model__name="chat-large").delete()
    PastPlacement.objects.filter(model="chat-large").update(until=datetime.fromtimestamp(now - 600, UTC))
    for ago, there in ((3600, ["chat-large", "embed-small"]), (300, ["embed-small"]), (0, ["embed-small"])):
        body = page(visitor, f"/gpus/{FULL}" + (f"?at={iso(now - ago)}" if ago else ""))
        (memory,) = re.findall(r'<table class="packs">(.*?)</table>', body)
        assert re.findall(r'href="/models/([^"]*)"', memory) == there
        assert ("41.2 GB" in memory) == (len(there) == 2)
    body = page(visitor, f"/gpus/{FULL}?at={iso(now - 9000)}")
    assert "It is kept since" in body
    assert '<table class="packs">' not in body


def test_the_history_of_placements_follows_every_way_to_place(device: Device) -> None:
    def kept() -> list[tuple[str, int, bool]]:
        rows = PastPlacement.objects.order_by("model", "pk")
        return [(row.model, row.memory_bytes // 10**9, row.until is None) for row in rows]

    assert kept() == [("chat-large", 41, True), ("embed-small", 6, True)]
    row = StoredReplica.objects.get(model__name="chat-large")
    replicas.place(row.pk, {device.pk: 41_200_000_000})
    assert kept()[0] == ("chat-large", 41, True), "the same again, in one transaction, has been there all the time"
    assert len(kept()) == 2
    replicas.place(row.pk, {device.pk: 30_000_000_000})
    assert kept()[:2] == [("chat-large", 41, False), ("chat-large", 30, True)]
    replicas.forget(row.pk)
    assert kept() == [("chat-large", 41, False), ("chat-large", 30, False), ("embed-small", 6, True)]
    PastPlacement.objects.update(until=datetime.fromtimestamp(time.time() - 40 * 86400, UTC))
    assert past.forget_old() == 3


def test_a_drained_device_says_who_waits_for_what(
    visitor: Visitor, device: Device, person: Callable[..., User]
) -> None:
    Node.objects.update(emulated=False)
    assert "to leave this device" not in page(visitor, f"/gpus/{FULL}")
    other = replicas.known("embed-small", "http://second:8000")
    replicas.move(other.pk, "cold", "loading")
    replicas.place(other.pk, {Device.objects.get(uuid=BARE).pk: 10**9})
    verbs.move(Device, person("engineer"), device.pk, "drain")
    body = page(visitor, f"/gpus/{FULL}")
    for words in ("2 replicas wait", "Start one elsewhere", "is being loaded on", "gpu-node-1 #1", "does not start or"):
        assert words in body
    replicas.move(other.pk, "loading", "warm")
    body = page(visitor, f"/gpus/{FULL}")
    assert "Calls go to its other replica" in body
    assert "is being loaded on" not in body
    assert "有 2 个副本等待离开此设备" in page(visitor, f"/gpus/{FULL}", "zh-hans")
