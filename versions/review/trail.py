"""The trail of an update: who saw, asked, decided or moved it, oldest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.base import access
from controlplane.base.models import Change
from versions.models import Update

_MOST = 200
_DIGESTS = ("old", "new", "plan")


@dataclass(frozen=True)
class TrailEntry:
    """One thing that happened to an update. `digests` are those that the person saw, shortened."""

    at: datetime
    actor: str
    verb: str
    words: str
    digests: tuple[str, ...]


def trail(actor: Any, update: Update) -> list[TrailEntry]:
    """What the audit log says of this update, at most 200 entries. Raises Forbidden."""
    access.require(actor, "update.read")
    rows = Change.objects.filter(object_type="update", object_id=str(update.pk)).order_by("id")[:_MOST]
    return [_entry(row) for row in rows]


def _entry(row: Change) -> TrailEntry:
    detail = row.detail
    words = detail.get("question") or detail.get("reason") or detail.get("until") or ""
    digests = tuple(str(detail[name])[:12] for name in _DIGESTS if detail.get(name))
    return TrailEntry(row.at, row.actor, row.verb, words, digests)
