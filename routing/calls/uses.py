"""What callers send of each declared parameter, summed by day, key and model out of their calls' records."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models.functions import Now, TruncDate
from psycopg.sql import SQL, Literal

from routing.dataplane.recorder import Record
from routing.dataplane.uses import UNSAID
from routing.models import ParameterUse

KEPT_DAYS = 30
MOST_VALUES = 20
EVERY_CALL = ""
"""The parameter that stands for all calls."""
NULL = msgspec.Raw(b"null")
_SUBMITTED = 202
_REFUSED = range(400, 499)
Place = tuple[date, int | None, str, str]
"""Day, key, model and parameter."""


@dataclass
class UseSum:
    """The uses of one parameter. `values` counts calls by the value's JSON; `more` if some calls are in none."""

    last_at: datetime
    calls: int = 0
    low: float | None = None
    high: float | None = None
    values: dict[bytes, int] = field(default_factory=dict)
    more: bool = False

    def add(self, at: datetime) -> None:
        """Count a call."""
        self.calls += 1
        self.last_at = max(self.last_at, at)

    def note(self, raw: msgspec.Raw) -> None:
        """Note the value that a call gave."""
        value = None if raw == UNSAID else _read(raw)
        text = msgspec.json.encode(value)
        if value is None or (text not in self.values and len(self.values) >= MOST_VALUES):
            self.more = True
        else:
            self.values[text] = self.values.get(text, 0) + 1
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.low = value if self.low is None else min(self.low, value)
            self.high = value if self.high is None else max(self.high, value)


def _read(raw: msgspec.Raw) -> Any:
    """A number, flag or word; None if it is something else, or cannot be stored."""
    try:
        value = msgspec.json.decode(raw)
        return value if isinstance(value, str | int | float) and b"\\u0000" not in bytes(raw) else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def keep(records: Iterable[Record]) -> None:
    """Add these calls, and what they gave. One that was refused or only taken on tells nothing of what would break."""
    sums: dict[Place, UseSum] = {}
    for record in records:
        if record.status == _SUBMITTED or record.status in _REFUSED:
            continue
        place = record.at.date(), record.api_key_id, record.model.replace("\x00", "\ufffd")[:200]
        sums.setdefault((*place, EVERY_CALL), UseSum(record.at)).add(record.at)
        for name, raw in (record.given or {}).items():
            if raw == NULL:
                continue
            found = sums.setdefault((*place, name), UseSum(record.at))
            found.add(record.at)
            found.note(raw)
    rows = sorted(sums.items(), key=lambda item: (item[0][2], item[0][0], item[0][1] or 0, item[0][3]))
    with connection.cursor() as cursor:
        cursor.executemany(_UPSERT, [_row(place, found) for place, found in rows])


def _row(place: Place, found: UseSum) -> tuple[Any, ...]:
    pairs = b",".join(b"[%b,%d]" % pair for pair in found.values.items())
    return (*place, found.calls, found.low, found.high, f"[{pairs.decode()}]", found.more, found.last_at)


_UPSERT = SQL("""
insert into routing_parameteruse as used
    (day, api_key_id, model, parameter, calls, low, high, values, more, last_at)
values (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)
on conflict (model, day, api_key_id, parameter) do update set
    calls = used.calls + excluded.calls,
    low = least(used.low, excluded.low),
    high = greatest(used.high, excluded.high),
    values = (
        select coalesce(jsonb_agg(jsonb_build_array(value, calls) order by first), '[]') from (
            select pair->0 as value, sum((pair->>1)::bigint) as calls, min(at) as first
            from jsonb_array_elements(used.values || excluded.values) with ordinality as both_of(pair, at)
            group by 1 order by 3 limit {most}
        ) kept
    ),
    more = used.more or excluded.more or (
        select count(distinct pair->0) > {most} from jsonb_array_elements(used.values || excluded.values) pair
    ),
    last_at = greatest(used.last_at, excluded.last_at)
""").format(most=Literal(MOST_VALUES))


def forget_old() -> int:
    """Delete sums of days that are over 30 days ago. Returns how many."""
    return ParameterUse.objects.filter(day__lt=TruncDate(Now() - timedelta(days=KEPT_DAYS))).delete()[0]
