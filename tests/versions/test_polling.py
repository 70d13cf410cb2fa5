"""Polls: one conditional request a source, claimed once, and a scan only of what moved."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from controlplane.base.jobs import engine
from controlplane.base.models import Job
from tests.versions.git_server import GitServer, git_server
from tests.versions.sources.conftest import PlainServer, RunningHub, plain_server
from tests.versions.watched import FILES, a_source, folder, hub, scanned
from versions import polling, scanning
from versions.models import Scan, Source

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["folder", "git_server", "hub", "plain_server"]
EMPTY_MANIFEST = b'{"schemaVersion": 2, "layers": []}'
EMPTY_DIGEST = f"sha256:{hashlib.sha256(EMPTY_MANIFEST).hexdigest()}"


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


@pytest.mark.parametrize("days", [0, 2])
def test_git_costs_one_request_and_fetches_nothing_also_when_the_daily_scan_is_due(
    hub: RunningHub, git_server: GitServer, days: int
) -> None:
    git_server.commit({"config.json": b"{}"})
    source = a_source("git", git_server.url)
    scanned(source)
    Source.objects.filter(pk=source.pk).update(full_at=timezone.now() - timedelta(days=days))
    due(source)
    git_server.requests.clear()
    jobs = Job.objects.count()
    assert polling.work() == 1
    assert [path.rpartition("/models")[2] for path in git_server.requests] == ["/info/refs"]
    assert Job.objects.count() == jobs


def costs_one_conditional_request(source: Source, server: PlainServer, days: int) -> None:
    """Scan the source, then poll it as if its last full scan were so many days ago."""
    scanned(source)
    Source.objects.filter(pk=source.pk).update(full_at=timezone.now() - timedelta(days=days))
    due(source)
    server.asked.clear()
    jobs = Job.objects.count()
    assert polling.work() == 1
    assert ["if-none-match" in headers for _, headers in server.asked] == [True]
    assert Job.objects.count() == jobs


@pytest.mark.parametrize("days", [0, 2])
def test_a_specification_costs_one_conditional_request_also_when_the_daily_scan_is_due(
    hub: RunningHub, plain_server: PlainServer, days: int
) -> None:
    plain_server.document("/openapi.json", {"openapi": "3.1.0"})
    source = a_source("specification", f"{plain_server.url}/openapi.json")
    costs_one_conditional_request(source, plain_server, days)


@pytest.mark.parametrize("days", [0, 2])
def test_a_registry_costs_one_conditional_request_also_when_the_daily_scan_is_due(
    hub: RunningHub, plain_server: PlainServer, days: int
) -> None:
    for path in ("/v2/org/model/manifests/latest", f"/v2/org/model/manifests/{EMPTY_DIGEST}"):
        plain_server.bytes(path, EMPTY_MANIFEST)
    source = a_source("oci", f"{plain_server.url}/org/model")
    costs_one_conditional_request(source, plain_server, days)
