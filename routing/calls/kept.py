"""Kept calls: stored out of records while their owners agree, a bounded number of each model, and forgotten."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from registry.models import ApiKey
from routing.dataplane.recorder import Record
from routing.models import KeptCall

MOST_OF_A_MODEL = 500


def keep(records: Iterable[Record]) -> None:
    """Store what these records kept, of keys that still agree, and of each model the newest only."""
    wanted = [record for record in records if record.kept is not None and record.api_key_id is not None]
    if not wanted:
        return
    agreed = set(agreeing().filter(pk__in={record.api_key_id for record in wanted}).values_list("pk", flat=True))
    rows = [
        KeptCall(
            id=record.id, at=record.at, model=record.model[:200], api_key_id=record.api_key_id or 0, path=record.task,
            body=record.kept or b"", status=record.status,
        )
        for record in wanted
        if record.api_key_id in agreed
    ]  # fmt: skip
    KeptCall.objects.bulk_create(rows, ignore_conflicts=True)
    for model in {row.model for row in rows}:
        newest = KeptCall.objects.filter(model=model).order_by("-at", "-id")
        beyond = list(newest.values_list("pk", flat=True)[MOST_OF_A_MODEL : 3 * MOST_OF_A_MODEL])
        KeptCall.objects.filter(pk__in=beyond).delete()


def agreeing() -> QuerySet[ApiKey]:
    """Keys whose calls may be kept now."""
    return ApiKey.objects.filter(replay=True, revoked_at=None)


def forget(days: int) -> int:
    """Delete calls that are older, and those of keys that do not agree any more. Returns how many."""
    old = KeptCall.objects.filter(at__lt=Now() - timedelta(days=days)).delete()[0]
    return old + KeptCall.objects.exclude(api_key_id__in=agreeing().values("pk")).delete()[0]
