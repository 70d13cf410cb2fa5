"""Scans, as jobs: read one revision of a source into a manifest, once, and hand on what it says.

Work on one source is done by one job at a time. What is hashed is saved every few seconds under the job's fence, so a
killed scan goes on where it was, and a worker that was away too long writes nothing.
"""

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.base import events, revision
from controlplane.base.jobs import verbs as jobs
from controlplane.base.jobs.engine import JobDeferred, JobFailed, Lease
from controlplane.base.messages import Sentence, message_of
from controlplane.base.models import Job, JobState
from registry import lifecycle
from registry.catalog import probing
from versions import behaviour, places, proposing, scan
from versions.evidence import manifests, pickles, signatures
from versions.evidence.finding import FileFinding
from versions.kinds import DOORS
from versions.models import Manifest, Scan, Source
from versions.reading.errors import SourceError, SourceLimited, SourceMoved, SourceRefused, SourceUnreachable
from versions.reading.interface import Sighting, SourceDoor
from versions.reading.web import Web

KIND = "scan"
SAVE_SECONDS = 5.0
ROUNDS = 3
"""How often a source that changes while it is read is read again, before the scan gives up for now."""
SOON_SECONDS = 30.0
"""When a source that was unreachable is asked again; twice as late each time, up to its own interval."""


class _Stopped(Exception):
    """Somebody cancelled the job."""


def enqueue(source: Source, trigger: str, *, full: bool = False, actor: Any = None) -> Job:
    """Have a source scanned, in the caller's transaction; a scan that waits already serves for this one too.

    `full` reads every file again, whatever is known of it.
    """
    waiting = Job.objects.filter(kind=KIND, state=JobState.QUEUED, input__source=source.pk)
    earlier = (waiting.filter(input__full=True) if full else waiting).order_by("created_at").first()
    if earlier is not None and actor is None:
        return earlier
    title = Sentence("Scan {source}", source=source.name)
    return jobs.enqueue(KIND, {"source": source.pk, "trigger": trigger, "full": full}, actor=actor, title=title)


def run(lease: Lease) -> dict[str, Any]:
    """The handler of scan jobs."""
    given = lease.job.input
    source = (
        Source.objects.select_related("credential", "model__release", "model__credential")
        .filter(pk=given["source"])
        .first()
    )
    if source is None:
        raise JobFailed("source_gone", Sentence("the source was deleted"))
    _wait_for_others(lease)
    web = places.web()
    try:
        return _Scanner(lease, source, web, bool(given.get("full"))).work()
    except SourceError as error:
        fail(source.pk, error, lease)
        raise JobFailed("source", message_of(error)) from error
    except _Stopped:
        return {"stopped": True}
    finally:
        web.close()


def fail(source_id: int, error: SourceError, lease: Lease | None = None) -> None:
    """Note why a source could not be read, and when it is asked again. What is known of it stays. Raises LeaseLost."""
    with transaction.atomic():
        if lease is not None:
            lease.flush()
        source = Source.objects.select_for_update(of=("self",)).get(pk=source_id)
        source.failed_scans += 1
        source.state_reason = message_of(error)
        source.due_at = timezone.now() + timedelta(seconds=_wait(source, error))
        source.save(update_fields=["failed_scans", "state_reason", "due_at"])
        if lease is not None:
            ended = {"finished_at": Now()} if isinstance(error, SourceRefused) else {}
            Scan.objects.filter(job_id=lease.job.pk, finished_at=None).update(reason=message_of(error), **ended)


def _wait(source: Source, error: SourceError) -> float:
    if isinstance(error, SourceLimited):
        return max(error.seconds, 1.0)
    if isinstance(error, SourceUnreachable | SourceMoved):
        return float(min(source.poll_seconds, SOON_SECONDS * 2 ** min(source.failed_scans - 1, 10)))
    return float(source.poll_seconds)


def _wait_for_others(lease: Lease) -> None:
    """Give the job back while an older one works on the same source. Raises JobDeferred."""
    job = lease.job
    older = Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, pk__lt=job.pk)
    running = Job.objects.filter(older, kind=KIND, state=JobState.RUNNING, input__source=job.input["source"])
    if running.exists():
        raise JobDeferred("busy", Sentence("another scan of the source runs"), retry_after=1.0, longest=5.0)


class _Scanner:
    """One job's work on one source."""

    def __init__(self, lease: Lease, source: Source, web: Web, full: bool) -> None:
        self._lease, self._source, self._web, self._full = lease, source, web, full
        self._door: SourceDoor = DOORS[source.kind]
        self._place = places.place_of(source, asked_anew=True)
        self._saved = time.monotonic()
        self._bytes = 0
        self._unsafe: list[FileFinding] = []

    def work(self) -> dict[str, Any]:
        """1 look · 2 know the revision already? · 3 read · 4 look again · 5 store, judge, propose."""
        for number in range(ROUNDS):
            sighting = self._door.look(self._place, self._web)
            assert sighting is not None, "it was asked without a condition"
            known = None if self._full or self._tampered(sighting) else self._read_before(sighting)
            row = self._row(sighting)
            if known is not None:
                return self._finish(row, sighting, known, scan.ManifestReading())
            try:
                reading = self._read(row, sighting)
            except SourceMoved:
                if number + 1 == ROUNDS:
                    raise
                continue
            if self._settled(sighting):
                return self._finish(row, sighting, _manifest(reading), reading)
        raise SourceMoved(Sentence("the source changes faster than it can be read; it is read again later"))

    def _tampered(self, sighting: Sighting) -> bool:
        """Whether the content that the upstream vouches for moved behind the revision that was scanned last."""
        kept, now = self._source.cursor.get("hashes"), sighting.cursor.get("hashes")
        return self._source.revision == sighting.revision and kept != now

    def _read_before(self, sighting: Sighting) -> Manifest | None:
        done = self._source.scans.filter(revision=sighting.revision).exclude(manifest=None).order_by("-pk")
        found = done.select_related("manifest").first()
        return found.manifest if found else None

    def _row(self, sighting: Sighting) -> Scan:
        """This job's scan: the unfinished one of the same revision, or a new one that knows what the last one read."""
        open_row = self._source.scans.filter(revision=sighting.revision, finished_at=None).order_by("-pk").first()
        if open_row is None:
            last = self._source.scans.exclude(manifest=None).order_by("-pk").first()
            known = last.progress if last is not None and not self._full else {}
            trigger = str(self._lease.job.input["trigger"])
            open_row = Scan(source=self._source, revision=sighting.revision, trigger=trigger, progress=known)
        open_row.job_id = self._lease.job.pk
        with transaction.atomic():
            self._lease.flush()
            open_row.save()
        return open_row

    def _read(self, row: Scan, sighting: Sighting) -> scan.ManifestReading:
        reading = scan.reading_from(row.progress)
        with self._door.opened(self._place, sighting, self._web) as opened:

            def tell(count: int) -> None:
                self._bytes += count
                self._lease.progress(done=len(reading.lines), bytes=self._bytes)
                if self._lease.cancelled():
                    raise _Stopped
                if time.monotonic() - self._saved >= SAVE_SECONDS:
                    self._save(row, reading)

            scan.read(opened, reading, tell)
            self._unsafe = pickles.findings(opened, reading.pickles)
        if self._place.subject is not None and behaviour.share(self._source.probe_budget):
            self._unsafe += behaviour.observe(self._source, self._place.subject, self._web.egress)
        self._save(row, reading)
        return reading

    def _save(self, row: Scan, reading: scan.ManifestReading) -> None:
        self._saved = time.monotonic()
        row.progress = scan.progress_of(reading)
        with transaction.atomic():
            self._lease.flush()
            Scan.objects.filter(pk=row.pk).update(progress=row.progress)

    def _settled(self, sighting: Sighting) -> bool:
        """Whether the source is still at the revision that was read."""
        if not self._door.moves:
            return True
        now = self._door.look(self._place, self._web)
        return now is not None and now.revision == sighting.revision

    def _finish(
        self, row: Scan, sighting: Sighting, manifest: Manifest, reading: scan.ManifestReading
    ) -> dict[str, Any]:
        before = self._source.scans.exclude(manifest=None).exclude(pk=row.pk).order_by("-pk")
        last = before.select_related("manifest").first()
        old = _seen(last.manifest, self._source.owner_id, last.revision) if last and last.manifest else None
        new = _seen(manifest, sighting.owner_id, sighting.revision)
        signed = signatures.findings(places.signature_plan(self._source), old, new)
        findings = [*manifests.findings(old, new), *signed, *self._unsafe]
        with transaction.atomic():
            self._lease.flush()
            kept = manifest if manifest.pk else _stored(manifest)
            Scan.objects.filter(pk=row.pk).update(
                manifest=kept, findings=[finding.stored() for finding in findings], reason="", finished_at=Now(),
                requests=self._web.requests, bytes_read=reading.bytes_read,
                progress={} if self._door.vouched else row.progress,
            )  # fmt: skip
            self._source.scans.exclude(pk=row.pk).exclude(progress={}).update(progress={})
            self._note(sighting)
        events.publish("sources", {"id": self._source.pk})
        # A worker that dies here is followed by one that finds the manifest and proposes it again, with one effect.
        update = proposing.propose_from_scan(row.pk)
        return {
            "revision": sighting.revision, "manifest": kept.digest, "files": kept.file_count,
            "bytes": kept.total_bytes, "findings": len(findings), "scan": row.pk,
            "update": str(update.pk) if update else None,
        }  # fmt: skip

    def _note(self, sighting: Sighting) -> None:
        fields: dict[str, Any] = {
            "revision": sighting.revision, "cursor": dict(sighting.cursor), "owner_id": sighting.owner_id,
            "state_reason": "", "failed_scans": 0,
        }  # fmt: skip
        if self._full or not self._source.full_at:
            fields["full_at"] = Now()
        Source.objects.filter(pk=self._source.pk).update(**fields)
        told = lifecycle.read(sighting.cursor.get("lifecycle", {}), timezone.now())
        if probing.note_ends(self._source.model_id, told):
            revision.bump()


def _manifest(reading: scan.ManifestReading) -> Manifest:
    """An unsaved manifest of what was read."""
    return Manifest(
        digest=scan.digest_of(reading.lines),
        files=scan.packed(reading.lines),
        file_count=len(reading.lines),
        total_bytes=sum(line.size for line in reading.lines),
        contents=reading.texts,
    )


def _stored(manifest: Manifest) -> Manifest:
    """The one row of a digest."""
    fields: Mapping[str, Any] = {
        "files": manifest.files, "file_count": manifest.file_count, "total_bytes": manifest.total_bytes,
        "contents": manifest.contents,
    }  # fmt: skip
    return Manifest.objects.get_or_create(digest=manifest.digest, defaults=fields)[0]


def _seen(manifest: Manifest, owner_id: str, revision: str) -> manifests.SeenManifest:
    files = {line.path: line for line in scan.unpacked(bytes(manifest.files))}
    return manifests.SeenManifest(revision, owner_id, files, manifest.contents)
