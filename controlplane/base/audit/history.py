"""Reading the audit log: filtered and paged on the server."""

from collections.abc import Mapping
from datetime import datetime

from django.core.cache import cache
from django.db.models import Q

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.models import Change
from controlplane.base.web.paging import Page, page_of_rows

_CHAIN, _SECONDS, _SHORT = "audit-chain", 60, 1000


def changes(actor: access.Actor | None, wanted: Mapping[str, str], number: int) -> Page:
    """Entries, newest first. `wanted` may hold actor, verb and object; empty means any. Raises Forbidden."""
    access.require(actor, "audit.read")
    rows = Change.objects.order_by("-id")
    if wanted.get("actor"):
        rows = rows.filter(actor__icontains=wanted["actor"])
    if wanted.get("verb"):
        rows = rows.filter(verb=wanted["verb"])
    if wanted.get("object"):
        rows = rows.filter(Q(object_id__icontains=wanted["object"]) | Q(object_type=wanted["object"]))
    return page_of_rows(rows, number)


def of_object(actor: access.Actor | None, object_type: str, name: str, number: int) -> Page:
    """Entries about one object, newest first. Raises Forbidden."""
    access.require(actor, "audit.read")
    return page_of_rows(Change.objects.filter(object_type=object_type, object_id=name).order_by("-id"), number)


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
