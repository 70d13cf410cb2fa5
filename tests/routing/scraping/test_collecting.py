"""The real collecting process: from exporters on sockets to the latest values, PostgreSQL and the inventory."""

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
import redis
from django.db import connection

from controlplane.base import events, redis_names
from controlplane.base.models import User
from controlplane.services.files import write_private
from controlplane.services.valkey import Valkey
from routing.history import latest, store
from routing.history.latest import LatestValues
from routing.inventory import endpoints
from routing.models import Device, EndpointState, Node, TelemetryEndpoint
from routing.samples.frames import decode
from tests.routing.scraping.conftest import Add, Collect
from tests.routing.scraping.exporters import body, exporting, exposition
from tests.routing.scraping.test_watch import dcgm
from tests.workers import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(300)]
Person = Callable[..., User]


def known() -> dict[str, LatestValues]:
    """The latest values, with everything stored that has arrived."""
    store.keep()
    return latest.by_subject(*latest.read(events.store()))


def states() -> dict[str, str]:
    return dict(TelemetryEndpoint.objects.values_list("name", "state"))


def rows(source: int) -> list[tuple[int, int]]:
    """How many frames of an endpoint are kept, and how many were missed."""
    with connection.cursor() as cursor:
        cursor.execute("select sequence, missed from telemetry_source where source = %s", [f"endpoint:{source}"])
        told: list[tuple[int, int]] = cursor.fetchall()
        return told


def told_of() -> set[str]:
    """Every subject that an endpoint is known to tell of. Its first frame may come a moment later."""
    return {subject for told in TelemetryEndpoint.objects.values_list("tells_of", flat=True) for subject in told}


KINDS = ["dcgm-4.2", "amd-1.4-prefixed", "ascend-6.0", "vllm-0.11", "sglang-0.5", "tgi-3.3", "triton-2.60"]


def test_every_kind_from_its_exporter_to_the_latest_values_history_and_inventory(add: Add, collect: Collect) -> None:
    with ExitStack() as stack:
        made = {}
        for name in [*KINDS, "llamacpp-b6900"]:
            exporter = stack.enter_context(exporting(body(exposition(name))))
            kind = name.partition("-")[0]
            made[kind] = add(name, exporter.url, kind=kind, interval_s=0.5, emulated=kind == "amd")
        collect()
        until(lambda: set(states().values()) == {EndpointState.WELL}, 40)
        until(lambda: Device.objects.count() == 6, 40)
        until(lambda: told_of() <= known().keys(), 40)
        found = known()
    for row in TelemetryEndpoint.objects.all():
        assert row.tells_of, row.name
        assert all(found[subject].values and found[subject].age_s < 30 for subject in row.tells_of)
    assert set(Device.objects.values_list("uuid", flat=True)) <= found.keys()
    assert set(Device.objects.values_list("vendor", flat=True)) == {"nvidia", "amd", "ascend"}
    assert {row.emulated for row in Node.objects.filter(devices__vendor="amd")} == {True}
    assert {row.emulated for row in Node.objects.filter(devices__vendor="nvidia")} == {False}
    with connection.cursor() as cursor:
        cursor.execute("select count(distinct source) from telemetry_second")
        assert cursor.fetchone() == (len(made),)


def test_the_table_is_followed_a_source_vanishes_and_comes_back_and_a_node_is_renamed(
    add: Add, collect: Collect, person: Person
) -> None:
    collect()
    with exporting(body(dcgm("node-a", 2))) as exporter:
        row = add("a", exporter.url, interval_s=0.5)
        until(lambda: states() == {"a": EndpointState.WELL}, 40)
        until(lambda: Device.objects.filter(node__name="node-a").count() == 2, 40)
        exporter.answer = body(dcgm("node-a", 1))
        until(lambda: list(Device.objects.filter(state="gone").values_list("uuid", flat=True)) == ["GPU-1"], 40)
        exporter.answer = body(dcgm("node-a", 2))
        until(lambda: not Device.objects.filter(state="gone").exists(), 40)
        number = Node.objects.get().pk
        exporter.answer = body(dcgm("node-b", 2))
        until(lambda: list(Node.objects.values_list("pk", "name")) == [(number, "node-b")], 40)
    until(lambda: states() == {"a": EndpointState.UNREACHABLE}, 40)
    assert "cannot be reached" in endpoints.get(person("viewer"), row.pk).complaints[0]
    assert not Device.objects.filter(state="gone").exists()
    with exporting(body(dcgm("node-b", 2)), exporter.port) as back:
        until(lambda: states() == {"a": EndpointState.WELL}, 40)
        endpoints.edit(person("engineer"), row.pk, {"enabled": False})
        until(lambda: time.monotonic() - back.asked_at > 1.5, 40)
        endpoints.edit(person("engineer"), row.pk, {"enabled": True})
        asked = back.asked
        assert until(lambda: back.asked > asked, 10) < 4


def test_two_exporters_of_one_device_count_once_and_the_page_says_which(add: Add, collect: Collect) -> None:
    with exporting(body(dcgm("node-a", 2))) as one, exporting(body(dcgm("node-z", 2, GPU_TEMP=90))) as other:
        add("one", one.url, interval_s=0.5)
        collect()
        until(lambda: Device.objects.count() == 2, 40)
        add("other", other.url, interval_s=0.5)
        until(lambda: states().get("other") == EndpointState.COMPLAINING, 40)
        assert "is told of by one as well" in TelemetryEndpoint.objects.get(name="other").complaints[0]
        until(lambda: "GPU-0" in known(), 40)
        assert known()["GPU-0"].values["temperature_celsius"] == 40
        assert set(Device.objects.values_list("node__name", flat=True)) == {"node-a"}


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_another_collector_takes_over_and_no_sample_counts_twice(
    add: Add, collect: Collect, ending: signal.Signals
) -> None:
    with exporting(body(dcgm("node-a", 2))) as exporter:
        row = add("a", exporter.url, interval_s=0.5)
        first = collect()
        until(lambda: exporter.asked > 2, 40)
        second = collect()
        until(lambda: exporter.asked > 8, 40)
        store.keep()
        assert rows(row.pk)[0][1] == 0
        first.send_signal(ending)
        first.wait(10)
        asked = exporter.asked
        assert until(lambda: exporter.asked > asked + 1, 15) < 10
        assert second.poll() is None
        until(lambda: store.keep() > 0, 40)
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*), count(distinct at) from telemetry_second where source = %s", [f"endpoint:{row.pk}"]
        )
        stored, moments = cursor.fetchone()
    assert stored == moments <= exporter.asked
    assert rows(row.pk)[0][1] == 0


def test_while_redis_is_away_frames_wait_and_none_is_lost(add: Add, collect: Collect, tmp_path: Path) -> None:
    valkey = Valkey(tmp_path / "valkey")
    valkey.folder.mkdir()
    write_private(valkey.password_file, "of-the-other-valkey")
    with exporting(body(dcgm("node-a", 1))) as exporter:
        add("a", exporter.url, interval_s=0.5)
        collect(REDIS_URL=valkey.url)
        until(lambda: exporter.asked > 3, 40)
        valkey.launch()
        try:
            valkey.wait_ready()
            client = redis.Redis.from_url(valkey.url)
            until(lambda: cast(int, client.xlen(redis_names.TELEMETRY)) > 5, 40)
            messages = cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrange(redis_names.TELEMETRY))
            found = [decode(fields[b"f"]) for _, fields in messages]
        finally:
            valkey.stop()
    assert list(dict.fromkeys(one.sequence for one in found)) == list(range(1, found[-1].sequence + 1))
