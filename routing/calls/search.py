"""The list of calls, and one call: found by its id, by the caller's request id, or by what was called."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from controlplane.base.web.paging import Page, page_of_rows
from controlplane.base.web.patience import at_most
from registry.access import callers
from registry.catalog import verbs as catalog
from routing.models import CallRecord
from routing.outcomes import ANSWERED, WHERE

FILTERS = ("q", "model", "status", "task", "key", "since", "until")
COUNTED = 10_000
MOST_NEW = 1_000
SECONDS = 2.0
_NAMES = 200


@dataclass(frozen=True)
class Neighbours:
    """The calls before and after one in a list that is newest first; None at either end."""

    newer: uuid.UUID | None
    older: uuid.UUID | None


def listing(actor: access.Actor | None, wanted: Mapping[str, str], number: int) -> Page:
    """Calls, newest first. `wanted` may hold any of FILTERS. Counts stop at 10,000. Raises Forbidden."""
    access.require(actor, "call.read")
    rows = matching(actor, wanted)
    with at_most(SECONDS):
        total = rows.order_by()[:COUNTED].count()
        return page_of_rows(rows, number, total=total)


def newer(actor: access.Actor | None, wanted: Mapping[str, str], moment: str) -> int:
    """How many matching calls are newer than `moment`, an ISO time; counts stop at 1,000. Raises Forbidden."""
    access.require(actor, "call.read")
    since = _moment(moment)
    if since is None:
        return 0
    with at_most(SECONDS):
        return matching(actor, wanted).order_by().filter(at__gt=since)[:MOST_NEW].count()


def matching(actor: access.Actor | None, wanted: Mapping[str, str]) -> QuerySet[CallRecord]:
    """Rows that meet the filter, newest first; no stored text holds NUL, so it is left out of what is looked for."""
    wanted = {name: text.replace("\x00", "") for name, text in wanted.items()}
    status = wanted.get("status", "")
    found = WHERE.get(ANSWERED if status == "ok" else status, Q())
    for name in ("model", "task"):
        if wanted.get(name):
            found &= Q(**{name: wanted[name]})
    if wanted.get("q"):
        found &= _named(wanted["q"], actor)
    key = wanted.get("key", "")
    if key.isascii() and key.isdigit() and len(key) < 18:
        found &= Q(api_key_id=int(key))
    for name, edge in (("since", "at__gte"), ("until", "at__lte")):
        moment = _moment(wanted.get(name, ""))
        if moment is not None:
            found &= Q(**{edge: moment})
    return CallRecord.objects.filter(found).order_by("-at", "-id")


def get(actor: access.Actor | None, call_id: str) -> CallRecord:
    """One call by its id, with dashes or without, or the newest with this request id. Raises Forbidden, Missing."""
    access.require(actor, "call.read")
    found = CallRecord.objects.filter(with_id(call_id)).order_by("-at").first()
    if found is None:
        raise Missing(
            "call", Sentence("there is no call {call_id}; records are kept for 30 days", call_id=repr(call_id[:80]))
        )
    return found


def with_this_id(actor: access.Actor | None, text: str) -> list[CallRecord]:
    """The newest calls, three at most, whose id or request id is `text`. Raises Forbidden."""
    access.require(actor, "call.read")
    with at_most(SECONDS):
        return list(CallRecord.objects.filter(with_id(text)).order_by("-at", "-id")[:3])


def any_with(actor: access.Actor | None, key_ids: Sequence[int]) -> bool:
    """Whether a call was made with one of these keys. Raises Forbidden."""
    access.require(actor, "call.read")
    with at_most(SECONDS):
        return CallRecord.objects.filter(api_key_id__in=key_ids).exists()


def neighbours(actor: access.Actor | None, call: CallRecord, wanted: Mapping[str, str]) -> Neighbours:
    """The calls beside `call` among those that match. Raises Forbidden."""
    access.require(actor, "call.read")
    rows = matching(actor, wanted)
    with at_most(SECONDS):
        after = rows.filter(Q(at__gt=call.at) | Q(at=call.at, id__gt=call.pk)).order_by("at", "id")
        before = rows.filter(Q(at__lt=call.at) | Q(at=call.at, id__lt=call.pk))
        ids = [found.values_list("id", flat=True).first() for found in (after, before)]
    return Neighbours(*ids)


def _named(text: str, actor: access.Actor | None) -> Q:
    """Calls with this id or request id, or of models whose name holds the words."""
    rows = catalog.search(actor, catalog.ModelFilter(q=text), size=_NAMES).rows
    return with_id(text) | Q(model__in={text, *(row.name for row in rows)})


def with_id(text: str) -> Q:
    """Calls whose id, with dashes or without, or request id is `text`."""
    text = text.replace("\x00", "")
    found = Q(request_id=text)
    try:
        return found | Q(pk=uuid.UUID(text))
    except ValueError:
        return found


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return make_aware(found) if found is not None and is_naive(found) else found


def key_names(actor: access.Actor | None) -> dict[int, str]:
    """Names of the keys that `actor` may see, by id."""
    if not access.can(actor, "key.read"):
        return {}
    return dict(callers.listing(actor).values_list("id", "name")[:2000])
