"""How long a page may make the database work."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Cut off every statement inside that runs longer than `seconds`; Django raises OperationalError.

    Inside another transaction the limit that held before holds again afterwards: PostgreSQL itself takes a setting
    back at the end of the outermost transaction only, or where a savepoint is rolled back.
    """
    inside = connection.in_atomic_block
    with transaction.atomic():
        with connection.cursor() as cursor:
            before = limited(cursor, f"{int(seconds * 1000)}ms")
        yield
        if inside:
            with connection.cursor() as cursor:
                limited(cursor, before)


def limited(cursor: CursorWrapper, limit: str) -> str:
    """Sets the transaction's statement timeout; gives back the one that held."""
    cursor.execute("select current_setting('statement_timeout'), set_config('statement_timeout', %s, true)", [limit])
    return str(cursor.fetchone()[0])
