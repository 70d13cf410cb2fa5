"""Fixtures: what a test leaves in the stores is gone before the next one."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from psycopg.sql import SQL, Identifier

from controlplane.base import events, redis_names
from routing.history import current, latest
from routing.history.current import CurrentCache
from tests import stores as own_stores

LEFT_IN_REDIS = (
    *(redis_names.CALLS, redis_names.CALLS_REJECTED, redis_names.CALLS_DRAINING, redis_names.COLOURS),
    *(redis_names.CIRCUITS, redis_names.RETRIES, redis_names.ALERTS_LOOKED),
    *(redis_names.TELEMETRY, redis_names.TELEMETRY_LATEST),
)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that pages keep for seconds, records on their way and latest values are those of no earlier test."""
    cache.clear()
    monkeypatch.setattr(current, "_cache", CurrentCache(lambda: latest.read(events.notices())))
    if not own_stores.waiting:
        events.store().delete(*LEFT_IN_REDIS)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """After a test that commits, `empty_tables` empties the database, not Django. Overrides pytest-django's fixture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty_tables())
        yield


def empty_tables() -> None:
    """Make the database as it was when it was new.

    Django would empty the tables of models only, and so leave telemetry and energy; it would empty those that are
    empty as well, and write anew the permissions that nothing here reads: a second for each test.
    """
    with connection.cursor() as cursor:
        cursor.execute("select oid::regclass::text from pg_class where relispartition and relkind = 'r'")
        for (partition,) in cursor.fetchall():
            cursor.execute(SQL("drop table {}").format(Identifier(partition)))
        names = sorted({*connection.introspection.table_names(cursor)} - {"django_migrations"})
        look = SQL("select {} where exists (select from {})")
        cursor.execute(SQL(" union all ").join(look.format(name, Identifier(name)) for name in names))
        full = [Identifier(name) for (name,) in cursor.fetchall()]
        if full:
            cursor.execute(SQL("truncate {} cascade").format(SQL(", ").join(full)))
