"""Tables of history, each cut by time: partitions are made when they are needed, and dropped whole."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection
from psycopg.sql import SQL, Identifier, Literal

from controlplane.base import advisory_locks


@dataclass(frozen=True, slots=True)
class Tier:
    """One table of history: a row holds `chunk` seconds, a partition `partition` seconds, kept for `kept` seconds."""

    table: str
    step: int
    chunk: int
    partition: int
    kept: int

    def start(self, at: float) -> int:
        """When the chunk that holds `at` begins."""
        return int(at // self.chunk) * self.chunk


SECOND = Tier("telemetry_second", 1, 1, 600, 600)
TEN_SECONDS = Tier("telemetry_ten_seconds", 10, 600, 6 * 3600, 24 * 3600)
MINUTE = Tier("telemetry_minute", 60, 3600, 24 * 3600, 30 * 24 * 3600)
TEN_MINUTES = Tier("telemetry_ten_minutes", 600, 36_000, 360_000, 30 * 24 * 3600)
TIERS = (SECOND, TEN_SECONDS, MINUTE, TEN_MINUTES)
"""From fine to coarse: a chunk of each is made of whole chunks of the one before."""
LATE = 900.0
"""By how many seconds a frame may be older than its arrival. Until then the seconds around it are kept: its chunk is
summed up anew from all of them."""


def alone() -> None:
    """Wait until no other process writes history; holds until the current transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [advisory_locks.HISTORY_WRITING])


def only_roller() -> bool:
    """Whether no other process sums up; holds until the current transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [advisory_locks.HISTORY_SUMMING])
        alone_there: bool = cursor.fetchone() == (True,)
        return alone_there


def stamp(at: float) -> datetime:
    """Unix time as PostgreSQL takes it."""
    return datetime.fromtimestamp(at, UTC)


def ensure(tier: Tier, at: float) -> None:
    """Make the partition that holds `at` unless it is there."""
    begin = int(at // tier.partition) * tier.partition
    name = f"{tier.table}_{begin}"
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s)", [name])
        if cursor.fetchone() == (None,):
            cursor.execute(
                SQL("create table {} partition of {} for values from ({}) to ({})").format(
                    Identifier(name),
                    Identifier(tier.table),
                    Literal(stamp(begin).isoformat()),
                    Literal(stamp(begin + tier.partition).isoformat()),
                )
            )


def names(tier: Tier) -> dict[str, int]:
    """The partitions of a tier, with when each begins."""
    with connection.cursor() as cursor:
        cursor.execute("select inhrelid::regclass::text from pg_inherits where inhparent = %s::regclass", [tier.table])
        return {name: int(name.rpartition("_")[2]) for (name,) in cursor.fetchall()}


def drop_old(tier: Tier, before: float) -> list[str]:
    """Drop the partitions of a tier that ended before `before`. Returns their names."""
    old = [name for name, begin in names(tier).items() if begin + tier.partition <= before]
    with connection.cursor() as cursor:
        for name in old:
            cursor.execute(SQL("drop table if exists {}").format(Identifier(name)))
    return old
