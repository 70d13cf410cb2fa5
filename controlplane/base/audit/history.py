"""Reading the audit log: filtered and paged on the server, and told with names instead of ids."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.audit.naming import AuditEntry, told
from controlplane.base.models import Change
from controlplane.base.web.paging import Page, page_of_rows

FILTERS = ("actor", "verb", "object", "since", "until")
LOOKS = ("model.detect", "model.test", "model.probe")
"""Verbs that change nothing that is served."""
SHOWN = 6
CHUNK = 500
_CHAIN, _SECONDS, _SHORT = "audit-chain", 60, 1000


def matching(actor: access.Actor | None, wanted: Mapping[str, str]) -> QuerySet[Change]:
    """Entries, newest first. `wanted` may hold any of FILTERS; empty means any. Raises Forbidden."""
    access.require(actor, "audit.read")
    found = Q()
    if wanted.get("actor"):
        found &= Q(actor__icontains=wanted["actor"])
    if wanted.get("verb"):
        found &= Q(verb=wanted["verb"])
    if text := wanted.get("object"):
        found &= Q(object_id__icontains=text) | Q(object_type=text) | Q(detail__name__icontains=text)
    for name, edge in (("since", "at__gte"), ("until", "at__lte")):
        moment = _moment(wanted.get(name, ""))
        if moment is not None:
            found &= Q(**{edge: moment})
    return Change.objects.filter(found).order_by("-id")


def changes(actor: access.Actor | None, wanted: Mapping[str, str], number: int) -> Page:
    """A page of entries with names, newest first. Raises Forbidden."""
    return _page(matching(actor, wanted), number)


def of_object(actor: access.Actor | None, object_type: str, name: str, number: int) -> Page:
    """A page of entries about one object, newest first. Raises Forbidden."""
    access.require(actor, "audit.read")
    return _page(Change.objects.filter(object_type=object_type, object_id=name).order_by("-id"), number)


def latest(actor: access.Actor | None) -> list[AuditEntry]:
    """The newest entries that changed something. Raises Forbidden."""
    rows = matching(actor, {}).exclude(verb__in=LOOKS).exclude(verb="model.import", object_type="job")
    return told(list(rows[:SHOWN]))


def piece(actor: access.Actor | None, wanted: Mapping[str, str], before: int | None) -> list[AuditEntry]:
    """The next matching entries, older than the one `before`, for a file to keep. Raises Forbidden."""
    rows = matching(actor, wanted)
    return told(list((rows if before is None else rows.filter(pk__lt=before))[:CHUNK]))


def verbs(actor: access.Actor | None) -> list[str]:
    """Every verb that occurs. Raises Forbidden."""
    access.require(actor, "audit.read")
    return list(Change.objects.order_by("verb").values_list("verb", flat=True).distinct())


def chain(actor: access.Actor | None) -> tuple[bool, int, datetime]:
    """Whether the hash chain holds, up to or broken at which entry, and when that was checked (at most a minute ago).

    Raises Forbidden.
    """
    access.require(actor, "audit.read")
    known: tuple[bool, int, datetime] | None = cache.get(_CHAIN)
    if known is None or known[1] < _SHORT:
        known = audit.verify()
        cache.set(_CHAIN, known, _SECONDS)
    return known


def _page(rows: QuerySet[Change], number: int) -> Page:
    page = page_of_rows(rows, number)
    return page.showing(told(page.rows))


def _moment(text: str) -> Any:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return make_aware(found) if found is not None and is_naive(found) else found
