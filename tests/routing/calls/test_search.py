"""The list of calls: each filter by itself, pages of fifty, ids in any spelling, and the calls beside one."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlplane.base.access import Forbidden
from controlplane.base.models import User
from controlplane.base.refusals import Missing
from controlplane.base.web.paging import SIZE
from routing.calls import search
from routing.models import CallRecord

Person = Callable[..., User]
NOW = timezone.now().replace(microsecond=0)
pytestmark = pytest.mark.django_db


def write(**fields: Any) -> CallRecord:
    """One call, answered a minute ago by default."""
    given = {"id": uuid.uuid4(), "at": NOW - timedelta(minutes=1), "model": "m", "task": "chat", "status": 200}
    return CallRecord.objects.create(**{**given, "duration_ms": 10.0, "revision": 1, **fields})


def found(person: User, wanted: dict[str, str], number: int = 1) -> list[Any]:
    """Ids that the list shows on a page."""
    return [row.pk for row in search.listing(person, wanted, number).rows]


@pytest.fixture
def viewer(person: Person) -> User:
    """Somebody who may read calls."""
    return person("viewer", "vera")


@pytest.mark.parametrize(
    ("wanted", "fields"),
    [
        ({"model": "alpha"}, {"model": "alpha"}),
        ({"task": "embedding"}, {"task": "embedding"}),
        ({"key": "7"}, {"api_key_id": 7}),
        ({"status": "failed"}, {"status": 502, "failure": "upstream_error"}),
        ({"status": "refused"}, {"status": 400, "failure": "invalid_request"}),
        ({"status": "left"}, {"status": 499, "failure": "cancelled"}),
        ({"since": (NOW - timedelta(seconds=5)).isoformat()}, {"at": NOW}),
        ({"until": (NOW - timedelta(hours=1)).isoformat()}, {"at": NOW - timedelta(hours=2)}),
        ({"q": "req-77"}, {"request_id": "req-77"}),
    ],
)
def test_a_filter_keeps_what_it_says(viewer: User, wanted: dict[str, str], fields: dict[str, Any]) -> None:
    write()
    one = write(**fields)
    assert found(viewer, wanted) == [one.pk]


@pytest.mark.parametrize("status", ["answered", "ok"])
def test_answered_calls_have_two_names(viewer: User, status: str) -> None:
    write(status=500, failure="internal")
    one = write()
    assert found(viewer, {"status": status}) == [one.pk]


@pytest.mark.parametrize(
    "wanted",
    [
        {"status": "strange"},
        {"since": "yesterday"},
        {"since": "2026-02-31T00:00:00"},
        {"key": "seven"},
        {"key": "9" * 18},
        {"key": "٧"},
        {"model": "", "task": ""},
    ],
)
def test_a_filter_that_means_nothing_filters_nothing(viewer: User, wanted: dict[str, str]) -> None:
    one = write()
    assert found(viewer, wanted) == [one.pk]


@pytest.mark.parametrize("text", ["'; drop table", "%", "_", "\\", "x" * 200])
def test_no_words_break_the_list(viewer: User, text: str) -> None:
    write()
    assert found(viewer, {"q": text}) == []


@pytest.mark.parametrize("name", ["q", "model", "task", "status", "key", "since"])
def test_a_nul_is_left_out_of_what_is_looked_for(viewer: User, name: str) -> None:
    one = write(model="m-1", task="chat")
    text = {"q": "m-\x001", "model": "m-1\x00", "task": "ch\x00at"}.get(name, "\x00")
    with_request_id = write(model="m-2", task="rerank", request_id="m-1")
    assert one.pk in found(viewer, {name: text})
    assert (with_request_id.pk in found(viewer, {name: text})) is (name not in ("model", "task"))


def test_pages_are_newest_first_and_a_number_beyond_is_the_last(viewer: User) -> None:
    rows = [write(at=NOW - timedelta(seconds=number)) for number in range(SIZE + 3)]
    assert found(viewer, {}) == [row.pk for row in rows[:SIZE]]
    assert found(viewer, {}, 2) == found(viewer, {}, 99) == [row.pk for row in rows[SIZE:]]
    assert found(viewer, {}, -5) == found(viewer, {})
    page = search.listing(viewer, {}, 2)
    assert (page.total, page.page, page.pages) == (SIZE + 3, 2, 2)


def test_newer_calls_are_counted_within_the_filter(viewer: User) -> None:
    write(at=NOW - timedelta(minutes=5))
    for _ in range(3):
        write(at=NOW)
    write(at=NOW, model="other")
    moment = (NOW - timedelta(minutes=1)).isoformat()
    assert search.newer(viewer, {}, moment) == 4
    assert search.newer(viewer, {"model": "m"}, moment) == 3
    assert search.newer(viewer, {}, "no time") == 0


def test_a_call_is_found_by_its_id_in_any_spelling_or_by_the_newest_with_its_request_id(viewer: User) -> None:
    old = write(request_id="r-1", at=NOW - timedelta(hours=1))
    new = write(request_id="r-1")
    for spelling in (str(old.pk), old.pk.hex, str(old.pk).upper()):
        assert search.get(viewer, spelling).pk == old.pk
    assert search.get(viewer, "r-1").pk == new.pk
    assert {row.pk for row in search.with_this_id(viewer, "r-1")} == {old.pk, new.pk}
    with pytest.raises(Missing, match="there is no call 'r-2'"):
        search.get(viewer, "r-2")


def test_the_calls_beside_one_follow_the_list_also_at_one_moment(viewer: User) -> None:
    rows = sorted((write(at=NOW) for _ in range(3)), key=lambda row: row.pk, reverse=True)
    write(at=NOW, model="other")
    listed = found(viewer, {"model": "m"})
    assert listed == [row.pk for row in rows]
    for place, row in enumerate(rows):
        beside = search.neighbours(viewer, row, {"model": "m"})
        assert beside.newer == (listed[place - 1] if place else None)
        assert beside.older == (listed[place + 1] if place < 2 else None)


def test_calls_of_a_key_are_noticed(viewer: User) -> None:
    write(api_key_id=3)
    assert search.any_with(viewer, [1, 3])
    assert not search.any_with(viewer, [1, 2])
    assert not search.any_with(viewer, [])


def test_nobody_reads_calls_without_signing_in() -> None:
    call = write()
    for ask in (
        lambda: search.listing(None, {}, 1),
        lambda: search.newer(None, {}, NOW.isoformat()),
        lambda: search.get(None, str(call.pk)),
        lambda: search.with_this_id(None, "r"),
        lambda: search.any_with(None, [1]),
        lambda: search.neighbours(None, call, {}),
    ):
        with pytest.raises(Forbidden):
            ask()
