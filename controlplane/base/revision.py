"""The revision: a number that moves in the same transaction as anything that the data plane serves."""

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from controlplane.base import events, redis_names
from controlplane.base.models import Revision

_ROW = 1


def bump() -> None:
    """Move the revision by one and tell the data plane after commit. Call it once a batch, before audit.record."""
    moved = Revision.objects.filter(pk=_ROW).update(number=F("number") + 1, changed_at=Now())
    if not moved:
        Revision.objects.get_or_create(pk=_ROW, defaults={"number": 1})
        Revision.objects.filter(pk=_ROW).update(number=F("number") + 1, changed_at=Now())
    transaction.on_commit(_announce)


def current() -> int:
    """The number now; 1 before the first change."""
    return Revision.objects.filter(pk=_ROW).values_list("number", flat=True).first() or 1


def _announce() -> None:
    events.send(redis_names.REVISION, "moved")
    events.publish("revision", {"number": current()})
