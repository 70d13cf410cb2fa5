"""The queue: what waits, equal changes once, the most urgent first."""

from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.base.access import Forbidden
from tests.versions.review.test_decisions import in_review, person
from versions.models import UpdateState
from versions.review import decisions, queue
from versions.review.queue import QueueEntry


def entries(wanted: dict[str, str] | None = None, name: str = "ann") -> list[QueueEntry]:
    return queue.listing(person(name), wanted or {}, 1).rows


@pytest.mark.django_db
def test_equal_changes_are_one_entry_that_opens_the_busiest() -> None:
    small, large = in_review(calls_hurt=5), in_review(calls_hurt=50)
    alone = in_review(fingerprint="")
    also_alone = in_review(fingerprint="")
    found = {entry.update.pk: entry for entry in entries()}
    assert set(found) == {large.pk, alone.pk, also_alone.pk}
    assert (found[large.pk].count, found[large.pk].calls) == (2, 55)
    assert found[large.pk].models == (large.model.name, small.model.name)


@pytest.mark.django_db
def test_the_most_urgent_is_first() -> None:
    soon = timezone.now() + timedelta(hours=2)
    later = timezone.now() + timedelta(hours=70)
    quiet_soon = in_review(fingerprint="1", calls_hurt=10, deadline=soon)
    busy_later = in_review(fingerprint="2", calls_hurt=10_000, deadline=later)
    quiet_later = in_review(fingerprint="3", calls_hurt=10, deadline=later)
    assert [entry.update.pk for entry in entries()] == [busy_later.pk, quiet_soon.pk, quiet_later.pk]


@pytest.mark.django_db
def test_filters() -> None:
    review = in_review(fingerprint="1")
    live = in_review(fingerprint="2", state=UpdateState.LIVE)
    gone = in_review(fingerprint="3", state=UpdateState.ROLLED_BACK, verdict="review")
    ann = person("ann")
    for wanted, expected in (
        ({}, {review.pk}),
        ({"state": "done"}, {live.pk}),
        ({"state": "stopped"}, {gone.pk}),
        ({"state": "rolled_back"}, {gone.pk}),
        ({"state": "all"}, {review.pk, live.pk, gone.pk}),
        ({"state": "all", "verdict": "review"}, {gone.pk}),
        ({"state": "nonsense"}, set()),
        ({"q": review.model.name.upper()}, {review.pk}),
        ({"state": "all", "model": live.model.name}, {live.pk}),
        ({"state": "all", "fingerprint": "3"}, {gone.pk}),
    ):
        assert {entry.update.pk for entry in queue.listing(ann, wanted, 1).rows} == expected, wanted


@pytest.mark.django_db
def test_mine_are_those_that_i_may_still_decide() -> None:
    ann = person("ann")
    own, decided, other = in_review(fingerprint="1", author=ann), in_review(fingerprint="2"), in_review(fingerprint="3")
    decisions.approve(ann, decided.pk, decisions.digests_of(decided))
    assert {entry.update.pk for entry in queue.listing(ann, {"mine": "1"}, 1).rows} == {other.pk}
    assert queue.waiting(ann) == len({own.pk, decided.pk, other.pk})


@pytest.mark.django_db
def test_a_stranger_sees_nothing() -> None:
    with pytest.raises(Forbidden):
        queue.listing(None, {}, 1)


@pytest.mark.django_db
def test_neighbours_follow_the_queue() -> None:
    soon = timezone.now() + timedelta(hours=2)
    first = in_review(fingerprint="1", calls_hurt=100, deadline=soon)
    second = in_review(fingerprint="2", calls_hurt=10, deadline=soon)
    ann = person("ann")
    assert queue.beside(ann, first) == (None, second.pk)
    assert queue.beside(ann, second) == (first.pk, None)


@pytest.mark.django_db
def test_a_thousand_updates_take_a_few_statements(django_assert_max_num_queries: object) -> None:
    ann = person("ann")
    for number in range(60):
        in_review(fingerprint=str(number))
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        page = queue.listing(ann, {}, 1)
    assert (len(page.rows), page.total) == (50, 60)
