"""Asks sources that are due whether they moved: one conditional request each, and a scan only of what did.

A source is claimed by moving its due time on by CLAIM_SECONDS, so a worker that dies on the way costs one such delay
and nothing is asked twice at once.
"""

import logging
import random
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.base import events
from versions import places, scanning
from versions.kinds import DOORS
from versions.models import Source
from versions.reading.errors import SourceError
from versions.reading.interface import Sighting

AT_ONCE = 16
"""Sources that one worker asks side by side: a slow upstream holds up one of them."""
CLAIM_SECONDS = 120.0
LONGEST = timedelta(days=9)
"""No source waits longer than that: a due time further ahead was written while the clock was wrong."""
FULL = timedelta(days=1)
"""How often everything is hashed again, or vouched for again, whatever the revision says."""
SPREAD = 0.1
"""Sources that were added together are asked apart after a while."""
_random = random.SystemRandom()
_slots = threading.BoundedSemaphore(AT_ONCE)
_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="poll")
log = logging.getLogger(__name__)


def wake() -> None:
    """Let threads ask whatever is due, as many as there is work for. Returns at once."""
    due = Source.objects.filter(_due(), enabled=True).count()
    for _ in range(min(due, AT_ONCE)):
        if not _slots.acquire(blocking=False):
            return
        _pool.submit(work).add_done_callback(_freed)


def work() -> int:
    """Ask one due source after the other until none is left. Returns how many."""
    asked = 0
    try:
        while (source := _claim()) is not None:
            ask(source)
            asked += 1
    finally:
        connection.close()
    return asked


def ask(source: Source) -> None:
    """Ask one source, and have it scanned if it moved or its daily scan is due."""
    web = places.web()
    try:
        sighting = DOORS[source.kind].look(places.place_of(source), web)
    except SourceError as error:
        scanning.fail(source.pk, error)
        tell(source)
        return
    finally:
        web.close()
    with transaction.atomic():
        row = Source.objects.select_for_update(of=("self",)).filter(pk=source.pk).first()
        if row is not None:
            _note(row, sighting)


def tell(source: Source) -> None:
    """Tell open pages that a source was asked or scanned."""
    events.publish("sources", {"id": source.pk})


def _claim() -> Source | None:
    with transaction.atomic():
        due = Source.objects.select_for_update(skip_locked=True, of=("self",)).filter(_due(), enabled=True)
        source = due.select_related("credential", "model__release", "model__credential").order_by("due_at").first()
        if source is not None:
            Source.objects.filter(pk=source.pk).update(due_at=Now() + timedelta(seconds=CLAIM_SECONDS))
        return source


def _due() -> Q:
    return Q(due_at__lte=Now()) | Q(due_at__gt=Now() + LONGEST)


def _note(row: Source, sighting: Sighting | None) -> None:
    """Keep what was learned, in the transaction that has a scan made of it."""
    now = timezone.now()
    row.due_at = now + timedelta(seconds=row.poll_seconds * _random.uniform(1 - SPREAD, 1 + SPREAD))
    moved = sighting is not None and not _same(row, sighting)
    full = row.full_at is None or not timedelta() <= now - row.full_at < FULL
    vouched = DOORS[row.kind].vouched
    if moved:
        scanning.enqueue(row, "poll")
    elif full and not vouched:
        scanning.enqueue(row, "beat", full=True)
    else:
        row.failed_scans, row.state_reason = 0, ""
        row.cursor = dict(sighting.cursor) if sighting is not None else row.cursor
        row.full_at = now if full else row.full_at
    row.save(update_fields=["due_at", "failed_scans", "state_reason", "cursor", "full_at"])
    if row.failed_scans or moved:
        tell(row)


def _same(row: Source, sighting: Sighting) -> bool:
    return row.revision == sighting.revision and row.cursor.get("hashes") == sighting.cursor.get("hashes")


def _freed(ended: "Future[int]") -> None:
    _slots.release()
    error = ended.exception()
    if isinstance(error, DatabaseError):
        log.warning("sources were not asked, the next beat does it: %s", error)
    elif error is not None:
        log.warning("a thread stopped asking sources", exc_info=error)
