"""How long a page may make the database work."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Cut off every statement inside that runs longer than `seconds`; Django raises OperationalError."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, true)", [f"{int(seconds * 1000)}ms"])
        yield
