"""What sources showed, for pages and programs: scans, the files of a manifest, and what differs between two."""

from dataclasses import dataclass

from django.db.models import QuerySet

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from versions import scan
from versions.models import Manifest, Scan, Source

MOST_DIFFERENCES = 200


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file that two manifests have otherwise; a side is None where the file is missing."""

    path: str
    old: scan.ManifestLine | None
    new: scan.ManifestLine | None


def scans(actor: access.Actor | None, source_id: int) -> QuerySet[Scan]:
    """A source's scans, newest first, without their progress. Raises Forbidden, Missing."""
    access.require(actor, "source.read")
    if not Source.objects.filter(pk=source_id).exists():
        raise Missing("source", Sentence("there is no source {source}", source=source_id))
    rows = Scan.objects.filter(source=source_id).select_related("manifest").order_by("-pk")
    return rows.defer("progress", "manifest__files", "manifest__contents")


def files(actor: access.Actor | None, source_id: int, scan_id: int, part: str = "") -> list[scan.ManifestLine]:
    """The files of a scan's manifest whose path contains `part`. Raises Forbidden, Missing."""
    access.require(actor, "source.read")
    row = Scan.objects.filter(pk=scan_id, source=source_id).select_related("manifest").first()
    if row is None or row.manifest is None:
        raise Missing("scan", Sentence("there is no finished scan {scan}", scan=scan_id))
    return [line for line in scan.unpacked(bytes(row.manifest.files)) if part in line.path]


def differences(old: Manifest | None, new: Manifest) -> list[FileDifference]:
    """The files that two manifests have otherwise, by path; at most 200 of them."""
    before = {line.path: line for line in scan.unpacked(bytes(old.files))} if old else {}
    after = {line.path: line for line in scan.unpacked(bytes(new.files))}
    moved = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return [FileDifference(path, before.get(path), after.get(path)) for path in moved[:MOST_DIFFERENCES]]
