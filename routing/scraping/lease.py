"""One collector at a time: a lock that PostgreSQL holds for as long as a connection lives.

A collector that is killed loses its connection, and the next one that asks takes over. While PostgreSQL is away nobody
can take over, so the one that scrapes goes on.
"""

from enum import Enum
from typing import Any

import psycopg
from django.db import connection

from controlplane.base import advisory_locks

ALIVE = {"keepalives": 1, "keepalives_idle": 2, "keepalives_interval": 1, "keepalives_count": 3}


class LeaseState(Enum):
    """Ours since the last question; ours anew; another collector's; not to be known."""

    HELD = "held"
    TAKEN = "taken"
    ANOTHERS = "another's"
    AWAY = "away"


class CollectorLease:
    """The lock, on a connection of its own. For one thread."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._held = False

    def ask(self) -> LeaseState:
        """How it stands; takes the lock if it is free. Never raises for a database that is away."""
        try:
            if self._connection is None or self._connection.closed:
                self._held = False
                self._connection = psycopg.connect(**_parameters(), autocommit=True)
            if self._held:
                self._connection.execute("select 1")
                return LeaseState.HELD
            row = self._connection.execute("select pg_try_advisory_lock(%s)", [advisory_locks.COLLECTOR]).fetchone()
        except psycopg.Error:
            self.give_up()
            return LeaseState.AWAY
        self._held = row == (True,)
        return LeaseState.TAKEN if self._held else LeaseState.ANOTHERS

    def give_up(self) -> None:
        """Close the connection, and with it give the lock back."""
        self._held = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _parameters() -> dict[str, Any]:
    given: dict[str, Any] = connection.get_connection_params()
    plain = {name: value for name, value in given.items() if name not in ("cursor_factory", "context")}
    return {**plain, **ALIVE, "connect_timeout": 3}
