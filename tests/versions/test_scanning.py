"""Scans as jobs: once for a revision, whole or not at all, and gone on with after a death."""

import os
from pathlib import Path

import pytest

from controlplane.base.jobs import engine
from controlplane.base.jobs.engine import Lease
from controlplane.base.models import Job, JobState
from tests.versions.sources.conftest import RunningHub, sha256
from tests.versions.watched import FILES, a_source, folder, hub, scanned
from versions import scan, scanning
from versions.models import Manifest, Scan
from versions.reading.errors import SourceMoved
from versions.sources import directory

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["folder", "hub"]


def test_a_scan_makes_a_manifest_of_the_revision(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    job = scanned(source)
    assert job.state == JobState.SUCCEEDED, job.error
    row = Scan.objects.get()
    assert row.manifest is not None
    assert row.finished_at is not None
    found = {line.path: (line.size, line.sha256) for line in scan.unpacked(bytes(row.manifest.files))}
    assert found == {path: (len(data), sha256(data)) for path, data in FILES.items()}
    assert row.manifest.contents == {"config.json": '{"a": 1}'}
    assert (source.revision, source.state_reason, source.failed_scans) == (row.revision, "", 0)
    assert source.owner_id.startswith("org ")


def test_the_same_revision_is_read_once(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    scanned(source)
    before = hub.hub.counters["requests"]
    job = scanned(source)
    assert job.state == JobState.SUCCEEDED
    assert hub.hub.counters["requests"] - before == 1, "one look, and no file"
    assert Manifest.objects.count() == 1


def test_a_revision_that_comes_back_has_its_manifest(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    scanned(source)
    old = hub.hub.repositories["org/model"]
    hub.hub.push("org/model", {"config.json": b'{"a": 2}'})
    scanned(source)
    hub.hub.put("org/model", old)
    scanned(source)
    digests = [row.manifest.digest for row in Scan.objects.order_by("pk").select_related("manifest") if row.manifest]
    assert digests[0] == digests[2] != digests[1]


def test_what_was_hashed_before_is_not_hashed_again_until_the_full_scan(folder: Path) -> None:
    source = a_source("directory", str(folder))
    scanned(source)
    (folder / "config.json").write_bytes(b'{"a": 22}')
    scanned(source)
    assert [row.bytes_read for row in Scan.objects.order_by("pk")] == [5008, 9]
    scanned(source, full=True)
    last = Scan.objects.order_by("pk").last()
    assert last is not None
    assert last.bytes_read == 5009


def test_tampering_behind_an_unchanged_revision_is_found_by_the_full_scan(folder: Path) -> None:
    source = a_source("directory", str(folder))
    scanned(source)
    weights = folder / "model.safetensors"
    known = weights.stat()
    weights.write_bytes(b"v" * 5000)
    os.utime(weights, ns=(known.st_atime_ns, known.st_mtime_ns))
    scanned(source)
    assert Manifest.objects.count() == 1, "size and time say nothing"
    scanned(source, full=True)
    last = Scan.objects.order_by("pk").last()
    assert last is not None
    assert [(one["key"], one["path"]) for one in last.findings] == [("file.tampered", "model.safetensors")]


def test_tampering_on_a_hub_is_found_without_a_full_scan(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    scanned(source)
    hub.hub.tamper("org/model", "model.safetensors", b"v" * 5000)
    scanned(source)
    last = Scan.objects.order_by("pk").last()
    assert last is not None
    assert [one["key"] for one in last.findings] == ["file.tampered"]
    assert "somebody tampered with it" in last.findings[0]["message"]


def test_a_repository_that_disappears_is_a_failed_scan_and_nothing_is_removed(hub: RunningHub) -> None:
    source = a_source("huggingface", f"{hub.url}/org/model")
    scanned(source)
    revision = source.revision
    del hub.hub.repositories["org/model"]
    job = scanned(source)
    assert job.state == JobState.FAILED
    assert "404" in source.state_reason
    assert (source.revision, source.failed_scans) == (revision, 1)
    assert Manifest.objects.count() == 1
    assert source.model.release is not None


def test_a_rate_limit_slows_only_its_source(hub: RunningHub) -> None:
    hub.hub.push("org/other", FILES)
    slow = a_source("huggingface", f"{hub.url}/org/model")
    quick = a_source("huggingface", f"{hub.url}/org/other")
    hub.hub.limited["org/model"] = 3000
    scanned(slow)
    scanned(quick)
    assert 2900 < (slow.due_at - slow.created_at).total_seconds() < 3100
    assert "limits how often" in slow.state_reason
    assert quick.state_reason == ""
    assert quick.revision


def test_a_source_that_changes_during_its_scan_is_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is of one moment: the old state or the new one, never of both."""
    source = a_source("directory", str(folder))
    changed: list[int] = []
    read = scan.read

    def meddle(opened: object, reading: object, tell: object) -> None:
        read(opened, reading, tell)  # type: ignore[arg-type]
        if not changed:
            changed.append(1)
            (folder / "config.json").write_bytes(b'{"a": 333}')
            (folder / "new.txt").write_bytes(b"new")

    monkeypatch.setattr(scan, "read", meddle)
    job = scanned(source)
    assert job.state == JobState.SUCCEEDED, job.error
    manifest = Manifest.objects.get()
    assert {line.path: line.size for line in scan.unpacked(bytes(manifest.files))} == {
        "config.json": 10,
        "model.safetensors": 5000,
        "new.txt": 3,
    }


def test_a_source_that_never_rests_is_left_for_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = a_source("directory", str(folder))

    def restless(*_: object) -> None:
        raise SourceMoved("it moved")

    monkeypatch.setattr(directory._Directory, "chunks", restless)
    job = scanned(source)
    assert job.state == JobState.FAILED
    assert source.revision == ""
    assert Manifest.objects.count() == 0


def test_a_killed_scan_goes_on_where_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first worker dies after the first file; the second one reads the rest, and the first may write no more."""
    monkeypatch.setattr(scanning, "SAVE_SECONDS", 0.0)
    for number in range(5):
        (folder / f"part-{number}.bin").write_bytes(bytes([number]) * 1000)
    source = a_source("directory", str(folder))
    scanning.enqueue(source, "person")
    first = engine.claim(1)[0]
    taken: list[str] = []
    chunks = directory._Directory.chunks

    def dies(self: directory._Directory, file: object, start: int = 0) -> object:
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(getattr(file, "path", ""))
        return chunks(self, file, start)  # type: ignore[arg-type]

    monkeypatch.setattr(directory._Directory, "chunks", dies)
    with pytest.raises(KeyboardInterrupt):
        scanning.run(first)
    monkeypatch.setattr(directory._Directory, "chunks", chunks)
    Job.objects.update(lease_until="2020-01-01T00:00:00Z")
    second = engine.claim(1)[0]
    assert engine.run(second, {scanning.KIND: scanning.run}) is None
    row = Scan.objects.get()
    assert row.manifest is not None
    assert row.manifest.file_count == 7
    assert row.bytes_read == 5008, "the weights were not read again; small texts are, to be kept"
    with pytest.raises(engine.LeaseLost):
        scanning.fail(source.pk, SourceMoved("late"), first)
    source.refresh_from_db()
    assert source.state_reason == ""


def test_a_second_scan_of_a_source_waits_for_the_first(folder: Path) -> None:
    source = a_source("directory", str(folder))
    scanning.enqueue(source, "person")
    first: Lease = engine.claim(1)[0]
    job = Job.objects.create(kind=scanning.KIND, input={"source": source.pk, "trigger": "x"}, due_at=first.job.due_at)
    engine.work({scanning.KIND: scanning.run})
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    assert "another scan of the source runs" in job.error["message"]


def test_waiting_scans_of_a_source_are_one(folder: Path) -> None:
    source = a_source("directory", str(folder))
    jobs = {scanning.enqueue(source, "poll").pk for _ in range(5)}
    assert len(jobs) == 1
    assert scanning.enqueue(source, "beat", full=True).pk not in jobs, "a full one does more"


def test_a_deleted_source_ends_its_scan(folder: Path) -> None:
    source = a_source("directory", str(folder))
    job = scanning.enqueue(source, "person")
    source.delete()
    engine.work({scanning.KIND: scanning.run})
    job.refresh_from_db()
    assert job.error["message"] == "the source was deleted"


def test_unsafe_weights_are_a_finding_of_the_scan(hub: RunningHub) -> None:
    hub.hub.push("org/model", {"pytorch_model.pkl": b"cos\nsystem\n(S'true'\ntR."})
    scanned(a_source("huggingface", f"{hub.url}/org/model", signature_policy="warn", identity="team"))
    found = {one["key"]: one["severity"] for one in Scan.objects.get().findings}
    assert found == {"pickle.dangerous": "breaking", "signature.missing": "review"}
