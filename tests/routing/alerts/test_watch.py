"""Looks at a fleet: what begins, fires and is over, and what a restart or a lack of data changes (nothing)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from controlplane.base import events, redis_names
from controlplane.base.models import Job
from registry.models import Release
from routing.alerts import reading, watch
from routing.alerts.models import Alert, AlertRule
from routing.dataplane.flying import CallsInFlight
from routing.dataplane.link import Link
from routing.history import store
from routing.models import CallRecord, Device, TelemetryEndpoint
from routing.samples.frames import pack
from routing.samples.readings import Complaint, Observed, SourceReading
from tests.routing.alerts.conftest import PracticeFleet, states
from tests.site import spec_of, write_models

pytestmark = pytest.mark.django_db
Rule = Callable[..., AlertRule]


def test_a_hot_device_is_pending_fires_and_is_resolved(fleet: PracticeFleet, rule: Rule) -> None:
    rule(for_s=60)
    fleet.hot("GPU-01")
    fleet.look()
    assert states() == {"GPU-01": "pending"}
    fleet.look(59)
    assert states() == {"GPU-01": "pending"}
    fleet.look(2)
    assert states() == {"GPU-01": "firing"}
    fleet.hot()
    fleet.look()
    (alert,) = Alert.objects.all()
    assert (alert.state, alert.end, alert.severity, alert.unit, alert.threshold) == (
        *("resolved", "over", "warning", "celsius", "> 85"),
    )
    assert alert.annotations["summary"] == "GPU-01 is at 91 °C"
    assert alert.labels == {
        **{"node": "node-0", "vendor": "nvidia", "model": "H100", "index": "1"},
        **{"rack": "r1", "state": "ready", "emulated": "false"},
    }


def test_what_never_fired_leaves_nothing(fleet: PracticeFleet, rule: Rule) -> None:
    rule(for_s=60)
    fleet.hot("GPU-01")
    fleet.look()
    fleet.hot()
    fleet.look()
    assert not Alert.objects.exists()


def test_a_start_anew_in_any_state_loses_nothing(fleet: PracticeFleet, rule: Rule) -> None:
    rule(for_s=60)
    fleet.hot("GPU-01")
    fleet.look()
    watch.begin_anew()
    fleet.look(61)
    watch.begin_anew()
    fleet.look(5)
    assert states() == {"GPU-01": "firing"}
    watch.begin_anew()
    fleet.hot()
    fleet.look()
    assert states() == {"GPU-01": "resolved"}
    assert Alert.objects.count() == 1


def test_a_device_without_data_is_not_well(fleet: PracticeFleet, rule: Rule) -> None:
    rule()
    fleet.hot("GPU-01", "GPU-02")
    fleet.look()
    fleet.say({"GPU-01": {"power_watts": 300.0}})
    fleet.look()
    assert states() == {"GPU-01": "firing", "GPU-02": "firing"}
    assert Alert.objects.exclude(unknown_at=None).count() == 2
    Device.objects.filter(uuid="GPU-01").delete()
    watch.begin_anew()
    fleet.look()
    gone = Alert.objects.get(subject="GPU-01")
    assert gone.end == "subject"
    assert reading.shown(gone, []).href == "", "its page is gone with it"


def test_a_device_that_falls_silent_fires_by_itself(fleet: PracticeFleet, rule: Rule) -> None:
    rule("device_silent_seconds > 30")
    Device.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    fleet.hot("GPU-01")
    fleet.look()
    fleet.say({f"GPU-0{at}": {"power_watts": 1.0} for at in range(3)} | {"GPU-10": {"power_watts": 1.0}})
    events.store().hdel(redis_names.TELEMETRY_LATEST, "node-1")
    watch.begin_anew()
    fleet.look()
    assert states() == {}, "right after a start nobody knows who is silent"
    watch._fleet.listening_since -= 60
    fleet.look()
    assert set(states()) == {"GPU-03", "GPU-10", "GPU-11", "GPU-12", "GPU-13"}


def test_sources_that_lie_or_do_not_answer(fleet: PracticeFleet, rule: Rule) -> None:
    rule("source_complaints > 0", name="Lies")
    rule("source_unreachable > 0", name="Away")
    TelemetryEndpoint.objects.create(name="rack-9", kind="dcgm", url="http://a", interval_s=1, state="unreachable")
    fleet.say({"GPU-01": {"power_watts": 1.0}, "GPU-11": {"power_watts": 1.0}}, (Complaint("negative", "m", "GPU-01"),))
    fleet.look()
    assert {(one.rule, one.kind, one.subject) for one in Alert.objects.all()} == {
        ("Lies", "source", "node-0"),
        ("Lies", "source", "node-1"),
        ("Away", "source", "rack-9"),
    }


def test_models_that_fail(fleet: PracticeFleet, rule: Rule) -> None:
    rule("model_error_ratio > 0.05 and model_calls_per_second > 0.1")
    models = write_models(2)
    rows = [(models[0].name, 502 if number % 2 else 200) for number in range(20)] + [(models[1].name, 502)]
    CallRecord.objects.bulk_create(
        CallRecord(
            id=f"00000000-0000-4000-8000-{number:012d}", at=timezone.now(), model=name, task="chat", status=status,
            duration_ms=1.0, revision=1,
        )
        for number, (name, status) in enumerate(rows)
    )  # fmt: skip
    fleet.look()
    (alert,) = Alert.objects.all()
    assert (alert.kind, alert.subject, alert.value) == ("model", models[0].name, 0.5)


def test_calls_in_flight_in_all_gateways_and_durable_calls_that_wait(fleet: PracticeFleet, rule: Rule) -> None:
    rule("model_calls_in_flight > 5", name="Busy")
    rule("model_calls_waiting >= 2", name="Queue")
    busy, queued = (model.name for model in write_models(2))
    gateways = [CallsInFlight(exchange, counts.pop) for counts in ([{}, {busy: 3}], [{}, {busy: 4, "": 1}])]
    jobs = [Job(kind="call", input={"model": queued}, due_at=timezone.now()) for _ in range(2)]
    Job.objects.bulk_create([*jobs, Job(kind="call", state="running", input={"model": busy}, due_at=timezone.now())])
    for gateway in gateways:
        asyncio.run(gateway.tell())
    fleet.look()
    found = {(one.rule, one.subject, one.value) for one in Alert.objects.all()}
    assert found == {("Busy", busy, 7), ("Queue", queued, 2)}
    for gateway in gateways:
        asyncio.run(gateway.tell())
    assert events.store().hlen(redis_names.IN_FLIGHT) == 0
    fleet.look()
    assert Alert.objects.get(rule="Busy").state == "resolved"


async def exchange(script: str, keys: Sequence[str], told: Sequence[str | float]) -> list[Any]:
    """As Link, with a connection for one loop."""
    link = Link(settings.REDIS_URL)
    try:
        return await link.exchange(script, keys, told)
    finally:
        await link.close()


def test_an_engine_has_the_model_that_pages_show_with_it(fleet: PracticeFleet, rule: Rule) -> None:
    rule("requests_waiting > 5")
    model = write_models(1)[0]
    url = f"{model.endpoint}/metrics"
    serves = {"other": "elsewhere"}
    row = TelemetryEndpoint.objects.create(name="rack-1", kind="vllm", url=url, interval_s=1, serves=serves)
    Release.objects.filter(model=model).update(spec={**spec_of(model), "upstream_model": "org/weights"})
    said = {
        f"engine:{row.pk}/{name}": Observed(values={"requests_waiting": 9.0}) for name in ("org/weights", "other", "x")
    }
    store.send(events.store(), [pack("vllm", 1, 1, time.time(), SourceReading(said))])
    store.keep()
    fleet.look()
    assert {one.labels["model"] for one in Alert.objects.all()} == {model.name, "elsewhere", "x"}
    assert {one.labels["endpoint"] for one in Alert.objects.all()} == {"rack-1"}


def test_growth_is_found_in_history_after_a_start(fleet: PracticeFleet, rule: Rule) -> None:
    rule("increase(ecc_uncorrected_errors_total[10m]) > 0")
    for count, ago in ((4.0, 20.0), (5.0, 0.0)):
        said = {"GPU-01": {"ecc_uncorrected_errors_total": count}, "GPU-11": {"ecc_uncorrected_errors_total": 9.0}}
        fleet.say(said, ago=ago)
        fleet.look(2)
        watch.begin_anew()
    fleet.look(2)
    (alert,) = Alert.objects.all()
    assert (alert.subject, alert.value) == ("GPU-01", 1.0)


def test_groups_fire_as_one(fleet: PracticeFleet, rule: Rule) -> None:
    rule("count by (node) (temperature_celsius > 85) >= 2")
    fleet.hot("GPU-01", "GPU-02", "GPU-11")
    fleet.look()
    (alert,) = Alert.objects.all()
    assert (alert.kind, alert.subject, alert.labels, alert.value) == ("group", "node=node-0", {"node": "node-0"}, 2.0)


def test_a_rule_that_is_switched_off_ends_what_it_fired(fleet: PracticeFleet, rule: Rule) -> None:
    rule()
    fleet.hot("GPU-01")
    fleet.look()
    AlertRule.objects.filter(name="Hot").update(enabled=False)
    fleet.look()
    assert Alert.objects.get().end == "rule"


def test_an_outage_of_the_store_of_values_changes_nothing(
    fleet: PracticeFleet, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule()
    fleet.hot("GPU-01")
    fleet.look()
    monkeypatch.setattr(events, "store", lambda: Redis(port=1))
    assert fleet.look() == 0
    assert states() == {"GPU-01": "firing"}
