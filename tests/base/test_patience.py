"""The limit on a statement's time: it cuts off what is inside, and nothing after it."""

import pytest
from django.db import OperationalError, connection, transaction

from controlplane.base.web.patience import at_most


def timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("show statement_timeout")
        return str(cursor.fetchone()[0])


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(%s)", [seconds])


@pytest.mark.django_db
def test_a_slow_statement_is_cut_off_and_the_transaction_around_goes_on() -> None:
    before = timeout()
    with pytest.raises(OperationalError, match="statement timeout"), at_most(0.05):
        sleep(5)
    assert timeout() == before


@pytest.mark.django_db
def test_the_limit_ends_with_the_block_inside_another_transaction() -> None:
    before = timeout()
    with transaction.atomic():
        with at_most(0.05):
            assert timeout() == "50ms"
        assert timeout() == before
        sleep(0.1)


@pytest.mark.django_db
def test_an_inner_limit_gives_the_outer_one_back() -> None:
    with at_most(3):
        with at_most(1):
            assert timeout() == "1s"
        assert timeout() == "3s"
