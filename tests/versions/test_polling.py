"""Polls: one conditional request a source, claimed once, and a scan only of what moved."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from controlplane.base.jobs import engine
from controlplane.base.models import Job
from tests.versions.sources.conftest import RunningHub
from tests.versions.watched import FILES, a_source, folder, hub, scanned
from versions import polling, scanning
from versions.models import Scan, Source

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["folder", "hub"]


def due(source: Source) -> Source:
    Source.objects.filter(pk=source.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    source.refresh_from_db()
    return source


def test_an_unchanged_source_costs_one_conditional_request_and_no_job(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    scanned(source)
    due(source)
    before, jobs = hub.hub.counters["requests"], Job.objects.count()
    assert polling.work() == 1
    assert hub.hub.counters["requests"] - before == 1
    assert hub.hub.counters["status:304"] == 1
    assert Job.objects.count() == jobs
    source.refresh_from_db()
    assert 700 < (source.due_at - timezone.now()).total_seconds() < 1100


def test_a_source_that_moved_is_scanned(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    assert polling.work() == 1
    engine.work({scanning.KIND: scanning.run})
    commit = hub.hub.push("org/model", {"config.json": b"{}"})
    due(source)
    polling.work()
    engine.work({scanning.KIND: scanning.run})
    source.refresh_from_db()
    assert source.revision == commit
    assert [row.trigger for row in Scan.objects.order_by("pk")] == ["poll", "poll"]


def test_sources_that_are_off_or_not_due_are_not_asked(hub: RunningHub) -> None:
    a_source("huggingface", f"{hub.url}/org/model", enabled=False)
    later = a_source("huggingface", f"{hub.url}/org/model")
    Source.objects.filter(pk=later.pk).update(due_at=timezone.now() + timedelta(hours=1))
    assert polling.work() == 0
    assert hub.hub.counters["requests"] == 0


def ask_all() -> None:
    polling.work()


def test_many_workers_ask_each_source_once(
    hub: RunningHub, in_threads: Callable[[Callable[[], None], int], None]
) -> None:
    for number in range(20):
        hub.hub.push(f"org/m{number}", FILES)
        a_source("huggingface", f"{hub.url}/org/m{number}")
    in_threads(ask_all, 8)
    assert hub.hub.counters["requests"] == 20
    assert Job.objects.filter(kind="scan").count() == 20


def test_a_source_that_fails_is_asked_soon_and_then_less_often(hub: RunningHub) -> None:
    source = a_source("specification", f"{hub.url}/api/models/org/none")
    waits = []
    for _ in range(4):
        polling.work()
        source.refresh_from_db()
        waits.append((source.due_at - timezone.now()).total_seconds())
        due(source)
    assert source.failed_scans == 4
    assert all(800 < wait <= 900 for wait in waits), "what is gone is asked at its own interval"
    broken = a_source("specification", "http://127.0.0.1:9/x")
    waits = []
    for _ in range(3):
        polling.work()
        broken.refresh_from_db()
        waits.append(round((broken.due_at - timezone.now()).total_seconds(), -1))
        due(broken)
    assert waits == [30, 60, 120]


def test_the_daily_scan_reads_directories_and_asks_hubs(hub: RunningHub, folder: Path) -> None:
    on_disk = a_source("directory", str(folder))
    on_hub = a_source("huggingface", f"{hub.url}/org/model")
    scanned(on_disk, full=True)
    scanned(on_hub, full=True)
    Source.objects.update(full_at=timezone.now() - timedelta(days=2))
    due(on_disk)
    due(on_hub)
    before = hub.hub.counters["requests"]
    polling.work()
    assert hub.hub.counters["requests"] - before == 1
    waiting = Job.objects.filter(kind="scan", state="queued")
    assert [(job.input["source"], job.input["full"]) for job in waiting] == [(on_disk.pk, True)]
    on_hub.refresh_from_db()
    assert on_hub.full_at is not None
    assert timezone.now() - on_hub.full_at < timedelta(minutes=1)


def test_a_worker_that_dies_while_asking_delays_by_one_claim(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    assert polling._claim() == source
    assert polling._claim() is None
    source.refresh_from_db()
    assert 0 < (source.due_at - timezone.now()).total_seconds() <= polling.CLAIM_SECONDS


def test_a_due_time_that_a_wrong_clock_wrote_keeps_no_source_asleep(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    Source.objects.filter(pk=source.pk).update(due_at=timezone.now() + timedelta(days=400))
    assert polling.work() == 1
    source.refresh_from_db()
    assert (source.due_at - timezone.now()).total_seconds() < 1100
