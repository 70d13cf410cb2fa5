"""Calls whose records have come and whose energy is not shared out yet: noted in the transaction of the record."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from routing.dataplane.recorder import Record
from routing.energy_tables import WaitingCall
from routing.models import StoredReplica

LONGEST = timedelta(hours=24)
AHEAD = timedelta(hours=1)
"""A call from further in the future has a wrong clock and would wait for ever."""


def keep(records: Sequence[Record]) -> None:
    """Note those calls that went to a model of the inventory. A call is noted once, as its record is new."""
    if not records:
        return
    ours = set(StoredReplica.objects.values_list("model__name", flat=True))
    latest = datetime.now(UTC) + AHEAD
    found = [one for one in records if one.endpoint and one.model in ours and one.at < latest]
    WaitingCall.objects.bulk_create(map(_row, found))


def _row(record: Record) -> WaitingCall:
    lasted = max(0.0, min(record.duration_ms / 1000, LONGEST.total_seconds()))
    return WaitingCall(
        id=record.id,
        model=record.model[:200],
        endpoint=record.endpoint[:500],
        api_key_id=record.api_key_id or 0,
        began=record.at,
        ended=record.at + timedelta(seconds=lasted if lasted == lasted else 0.0),
        prompt_tokens=_tokens(record.prompt_tokens),
        completion_tokens=_tokens(record.completion_tokens),
    )


def _tokens(given: int | None) -> int:
    return min(max(given or 0, 0), 2**31 - 1)
