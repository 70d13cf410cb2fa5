"""The overview tells of the fleet what it does, draws and costs now, and what in it waits for a person."""

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.base import events
from controlplane.base.models import User
from routing.alerts.models import Alert
from routing.history import current, store
from routing.history.current import CurrentCache
from routing.models import Device, Node, TelemetryEndpoint
from routing.samples.frames import pack
from routing.samples.readings import Observed, SourceReading
from tests.console.test_overview import MOST_QUERIES
from tests.routing.device import feeding
from tests.site import bare
from tests.site import furnish as furnish_site

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]


@pytest.fixture
def device(stores: None, person: Callable[..., User]) -> Device:
    """Two emulated devices that tell of themselves."""
    found = feeding.furnish(person("admin", "owner"))
    feeding.tell()
    return found


def page(visitor: Visitor, address: str = "/", language: str = "en") -> str:
    return bare(visitor("admin", language).get(address).content.decode())


def stats(body: str) -> list[str]:
    """The big numbers of the fleet's card."""
    (part,) = re.findall(r'data-patch="fleet-stats">(.*?)</dl>', body, re.DOTALL)
    return [re.sub(r"<[^>]*>", " ", one).strip() for one in re.findall(r'<dd class="big">(.*?)</dd>', part, re.DOTALL)]


def trouble() -> None:
    """A source that lies, a node that fell silent, one that is drained and one that is gone."""
    now = timezone.now()
    TelemetryEndpoint.objects.create(
        name="exporter of b", kind="dcgm", url="http://b:9400/metrics", interval_s=1.0, state="complaining",
        complaints=["memory_used_bytes is -1"],
    )  # fmt: skip
    node = Node.objects.create(name="node-b")
    for uuid, more in (("B-silent", {}), ("B-drained", {"held": "draining"}), ("B-gone", {"gone_at": now})):
        Device.objects.create(node=node, uuid=uuid, vendor="nvidia", model="H100", seen_at=now, **more)
    Device.objects.create(node=node, uuid="B-long-gone", vendor="nvidia", model="H", gone_at=now - timedelta(days=9))
    Device.objects.create(node=node, uuid="B-never-seen", vendor="nvidia", model="H100")


def test_what_devices_say_is_summed_up(visitor: Visitor, device: Device) -> None:
    body = page(visitor)
    assert stats(body) == ["46 %", "64 GB", "492 W", "–"]
    for words in ("2 emulated", "2 of 2 report", "no device has a price", "measured since"):
        assert words in body
    assert "没有设备定价" in page(visitor, language="zh-hans")


def test_what_waits_for_a_person_is_told(visitor: Visitor, device: Device) -> None:
    trouble()
    body = page(visitor)
    for words in (
        "1 source of telemetry lies or is silent", "exporter of b: memory_used_bytes is -1",
        "1 device is silent", "node-b B-silent", "1 device is draining", "node-b B-drained",
        "1 device is gone", "node-b B-gone",
    ):  # fmt: skip
        assert words in body
    assert "B-long-gone" not in body
    assert "B-never-seen" not in body


def test_without_redis_nobody_is_called_silent(
    visitor: Visitor, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble()
    away = current.CurrentValues({}, current.NEVER, current.AWAY)
    monkeypatch.setattr(CurrentCache, "known", lambda self: away)
    body = page(visitor)
    assert "Redis does not answer: live values stand still" in body
    assert "is silent" not in re.sub("lies or is silent", "", body)


def test_without_devices_there_is_no_fleet(visitor: Visitor, db: None) -> None:
    assert "fleet-title" not in page(visitor)


@pytest.mark.parametrize("span", ["15m", "30d"])
def test_with_a_fleet_in_trouble_queries_stay_bounded(
    visitor: Visitor, device: Device, person: Callable[..., User], span: str
) -> None:
    furnish_site(person("admin", "other"))
    trouble()
    browser = visitor("admin")
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(f"/?span={span}").status_code == 200
    assert len(queries) <= MOST_QUERIES


def test_a_thousand_devices_are_summed_up_within_a_second(visitor: Visitor, device: Device) -> None:
    node = Node.objects.create(name="n")
    Device.objects.bulk_create(
        Device(node=node, uuid=f"G-{n:04}", vendor="nvidia", model="H100", index=n, seen_at=timezone.now())
        for n in range(1000)
    )
    told = {f"G-{n:04}": Observed(values={"utilization_ratio": 0.5, "power_watts": 300.0}) for n in range(1000)}
    store.send(events.store(), [pack("n", 1, 1, time.time(), SourceReading(told))])
    store.keep()
    browser = visitor("admin")
    browser.get("/")
    begun = time.process_time()
    body = bare(browser.get("/").content.decode())
    assert time.process_time() - begun < 1.0
    assert "1002 of 1002 report" in body


def test_alerts_that_fire_are_told_with_the_worst_first(visitor: Visitor, device: Device) -> None:
    now = timezone.now()
    Alert.objects.create(
        rule="hot", severity="critical", kind="device", subject=feeding.FULL, state="firing", expr="temperature > 85",
        value=95.0, threshold="> 85", since=now, fired_at=now,
    )  # fmt: skip
    body = page(visitor)
    assert "1 alert fires" in body
    assert f"hot: {feeding.FULL}" in body
