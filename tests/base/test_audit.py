"""The audit chain holds, shows every tampering with its position, and refuses to be edited."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence
from controlplane.base.models import Change, Setting

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def write(count: int) -> list[Change]:
    with transaction.atomic():
        return [audit.record(None, "model.create", "model", index, {"n": index}) for index in range(count)]


def tamper(statement: str) -> None:
    """What a superuser could do: switch the triggers off for one statement."""
    with connection.cursor() as cursor:
        cursor.execute("alter table base_change disable trigger user")
        cursor.execute(statement)
        cursor.execute("alter table base_change enable trigger user")


@pytest.mark.django_db
def test_an_honest_chain_holds() -> None:
    last = write(5)[-1]
    assert audit.verify()[:2] == (True, last.pk)
    assert audit.verify()[2].tzinfo is not None


@pytest.mark.django_db
def test_an_empty_chain_holds() -> None:
    assert audit.verify()[:2] == (True, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("update base_change set actor = 'nobody' where id = {1}", 1),
        ("update base_change set detail = '{{\"n\": 7}}' where id = {2}", 2),
        ("delete from base_change where id = {1}", 2),
        ("delete from base_change where id = {4}", 3),
        ("delete from base_change", None),
        ("update base_change set object_id = case id when {1} then '2' when {2} then '1' else object_id end", 1),
        ("update base_change set at = at + interval '1 second' where id = {3}", 3),
    ],
)
def test_tampering_is_found_with_its_position(statement: str, broken: int | None) -> None:
    ids = [entry.pk for entry in write(5)]
    tamper(statement.format(*ids))
    assert audit.verify()[:2] == (False, ids[broken] if broken is not None else 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement", ["update base_change set actor = ''", "delete from base_change", "truncate base_change"]
)
def test_the_database_refuses_to_rewrite_history(statement: str) -> None:
    write(1)
    with connection.cursor() as cursor:
        cursor.execute("set local patchbay.flush = off")
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            cursor.execute(statement)
    assert audit.verify()[0]


@pytest.mark.django_db
@given(detail=st.dictionaries(st.text(), JSON, max_size=4), name=st.text())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_detail_survives_the_database(detail: dict[str, Any], name: str) -> None:
    with transaction.atomic():
        audit.record(name, "model.change", "model", name, detail, name)
    assert audit.verify()[0]


@pytest.mark.django_db
@pytest.mark.parametrize("length", [1, 20_000])
def test_a_sentence_in_a_detail_stays_one_and_the_chain_holds(length: int) -> None:
    with transaction.atomic():
        audit.record(None, "job.cancel", "job", "7", {"name": Sentence("Probe {title}", title="\x00" + "m" * length)})
    entry = Change.objects.get()
    assert isinstance(entry.detail["name"], Sentence)
    assert entry.detail["name"].startswith("Probe \ufffdm")
    assert audit.verify()[0]


@pytest.mark.django_db
def test_an_entry_vanishes_with_its_transaction() -> None:
    with transaction.atomic():
        write(1)
        transaction.set_rollback(True)
    assert not Change.objects.exists()
    assert audit.verify()[0]


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_make_one_chain(in_threads: Callable[[Callable[[], None], int], None]) -> None:
    barrier = threading.Barrier(4)

    def writer() -> None:
        barrier.wait(10)
        for _ in range(5):
            write(1)

    in_threads(writer, 4)
    assert Change.objects.count() == 20
    assert audit.verify()[0]
    assert Setting.objects.get(key=audit.HEAD).value["position"] == Change.objects.latest("id").pk
