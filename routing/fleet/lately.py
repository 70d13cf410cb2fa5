"""What changed in the fleet within the last minutes: from the audit log, and from sources that fell silent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from controlplane.base import access
from controlplane.base.models import Change
from routing.history.current import STALE_SECONDS, CurrentValues, known
from routing.models import Device, Node

MINUTES = 5
MOST_READ = 300
"""Audit entries that are looked through, the newest first."""
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class FleetNews:
    """One thing that changed. `kind` is a verb of the audit log, or added, returned, gone, silent.

    `names` are the first few devices or nodes, `more` how many others there are; `query` finds the first of them.
    """

    at: datetime
    kind: str
    where: str
    names: tuple[str, ...]
    more: int
    query: str


def news(actor: access.Actor | None) -> list[FleetNews]:
    """The newest first, a dozen at most. Raises Forbidden."""
    access.require(actor, "fleet.read")
    now = timezone.now()
    begin = now - timedelta(minutes=MINUTES)
    recent = [row for row in Change.objects.order_by("-pk")[:MOST_READ] if row.at > begin]
    entries = [row for row in recent if row.object_type in ("node", "device")]
    found = [*_told(entries), *_silent(known(), now)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:MOST_SHOWN]


def _told(entries: Iterable[Change]) -> Iterator[FleetNews]:
    rows = list(entries)
    names = _names(rows)
    for row in rows:
        if row.verb == "node.discover":
            yield from _discovered(row.at, row.detail)
        else:
            name = names.get((row.object_type, row.object_id), row.object_id)
            yield FleetNews(row.at, row.verb, "", (name,), 0, name)


def _discovered(at: datetime, detail: Mapping[str, object]) -> Iterator[FleetNews]:
    for kind in ("added", "returned", "gone"):
        uuids = detail.get(kind)
        if isinstance(uuids, list) and uuids:
            first = tuple(str(uuid) for uuid in uuids[:2])
            yield FleetNews(at, kind, str(detail.get("name", "")), first, len(uuids) - len(first), first[0])


def _names(rows: Iterable[Change]) -> dict[tuple[str, str], str]:
    wanted: dict[str, set[int]] = {"node": set(), "device": set()}
    for row in rows:
        if row.object_id.isdecimal():
            wanted[row.object_type].add(int(row.object_id))
    nodes = Node.objects.filter(pk__in=wanted["node"]).values_list("pk", "name") if wanted["node"] else ()
    devices = Device.objects.filter(pk__in=wanted["device"]).values_list("pk", "uuid") if wanted["device"] else ()
    found = {("node", str(pk)): str(name) for pk, name in nodes}
    return found | {("device", str(pk)): str(uuid) for pk, uuid in devices}


def _silent(values: CurrentValues, now: datetime) -> Iterator[FleetNews]:
    """Sources without news for more than STALE_SECONDS that had some within the last minutes."""
    ages: dict[str, float] = {}
    subjects: dict[str, list[str]] = {}
    for subject, one in values.by_subject.items():
        ages[one.source] = one.age_s
        subjects.setdefault(one.source, []).append(subject)
    for source, age in ages.items():
        if STALE_SECONDS < age <= 60 * MINUTES:
            of = sorted(subjects[source])
            yield FleetNews(
                now - timedelta(seconds=age - STALE_SECONDS), "silent", source, tuple(of[:2]), len(of[2:]), of[0]
            )
