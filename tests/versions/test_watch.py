"""The watch over rollouts: it steps on, waits, pauses for a person, and goes back by itself, also while paused."""

import re
import threading

import pytest
from django.db import connection
from django.utils import translation

from controlplane.base.web.telling import told
from tests.versions.rolling import a_model, approved, later, tell, weights
from versions.models import Rollout, Update
from versions.rollout import plans, verbs, watch

pytestmark = pytest.mark.django_db
GOOD = {"calls": 1000}


def begun(**plan: object) -> Update:
    """An update that rolls out by this plan; one minute a step unless it says otherwise."""
    model = a_model()
    update = approved(model, description="new")
    given = {"steps": [5, 50, 100], "bake_seconds": [60, 60, 60], **plan}
    verbs._start(None, update.pk, plans.plan(given), "")
    return Update.objects.select_related("model").get(pk=update.pk)


def now(update: Update) -> tuple[str, int]:
    """State and green's share."""
    return Update.objects.get(pk=update.pk).state, weights(update.model).get("green", 0)


def test_it_steps_on_when_the_bake_time_is_over_and_promotes_after_the_last_step() -> None:
    update = begun()
    seen = []
    for number in range(1, 4):
        tell(update.model, {"calls": 1000 * number}, {"calls": 100 * number})
        watch.watch()
        seen.append(now(update))
        later(61)
        tell(update.model, {"calls": 1000 * number + 500}, {"calls": 100 * number + 50})
        watch.watch()
    assert [*seen, now(update)] == [("rolling", 5), ("rolling", 50), ("rolling", 100), ("live", 0)]


def test_a_broken_line_goes_back_at_once_and_says_why() -> None:
    update = begun()
    tell(update.model, GOOD, {"calls": 50})
    watch.watch()
    later(1)
    tell(update.model, {"calls": 1100}, {"calls": 60, "failed": 9, "saved": 9})
    watch.watch()
    found = Update.objects.get(pk=update.pk)
    assert now(update) == ("rolled_back", 0)
    assert re.fullmatch(r"guard line broken: failed calls 1\d\.\d+ % \(old 0 %, limit 0\.5 %\)", found.reason)
    with translation.override("zh-hans"):
        assert re.fullmatch(r"[^a-z]*失败的调用 1\d\.\d+ %（旧版 0 %，上限 0\.5 %）", told(found.reason))
    assert Rollout.objects.get(update=update).broken_at is not None


def test_a_clock_that_was_set_back_stops_no_way_back() -> None:
    update = begun()
    tell(update.model, GOOD, {"calls": 50})
    watch.watch()
    later(-3600)
    tell(update.model, {"calls": 1100}, {"calls": 60, "failed": 9, "saved": 9})
    watch.watch()
    assert now(update) == ("rolled_back", 0)


def test_a_paused_rollout_is_watched_too_and_does_not_step_on() -> None:
    update = begun()
    tell(update.model, GOOD, {"calls": 50})
    watch.watch()
    verbs.hold(update.pk, "a person looks")
    later(3600)
    tell(update.model, {"calls": 1050}, {"calls": 55})
    watch.watch()
    assert now(update) == ("paused", 5)
    later(1)
    tell(update.model, {"calls": 1100}, {"calls": 70, "refused": 12, "saved": 12})
    watch.watch()
    assert now(update)[0] == "rolled_back"


def test_figures_that_speak_against_it_but_prove_nothing_wait_and_then_a_person_is_asked() -> None:
    update = begun(guards={"least_calls": 0})
    tell(update.model, {"calls": 190, "failed": 0}, {"calls": 10})
    watch.watch()
    later(61)
    tell(update.model, {"calls": 380, "failed": 0}, {"calls": 20, "failed": 2})
    watch.watch()
    assert now(update) == ("rolling", 5)
    later(240)
    tell(update.model, {"calls": 381}, {"calls": 20, "failed": 2})
    watch.watch()
    assert now(update) == ("paused", 5)
    reason = Update.objects.get(pk=update.pk).reason
    assert reason == "inconclusive: failed calls; a person must look"
    with translation.override("zh-hans"):
        assert not re.search(r"[a-z]", told(reason))


def test_without_figures_it_does_not_step_on_and_in_the_end_asks_a_person() -> None:
    update = begun()
    later(90)
    watch.watch()
    assert now(update) == ("rolling", 5)
    tell(update.model, GOOD, {"calls": 50}, age=20)
    later(140)
    watch.watch()
    assert now(update) == ("paused", 5)
    assert "no gateway has told" in Update.objects.get(pk=update.pk).reason


def test_a_step_waits_for_some_calls_of_the_new_release() -> None:
    update = begun()
    tell(update.model, {"calls": 10}, {"calls": 0})
    watch.watch()
    later(61)
    tell(update.model, {"calls": 60}, {"calls": 3})
    watch.watch()
    assert now(update) == ("rolling", 5)
    later(1)
    tell(update.model, {"calls": 200}, {"calls": 12})
    watch.watch()
    assert now(update) == ("rolling", 50)


def test_counts_of_several_gateways_are_added_and_a_killed_ones_stay() -> None:
    update = begun()
    tell(update.model, GOOD, {"calls": 40, "failed": 4, "saved": 4}, "p1", age=60)
    tell(update.model, GOOD, {"calls": 60, "failed": 6, "saved": 6}, "p2")
    watch.watch()
    assert Rollout.objects.get(update=update).readings["calls"] == [2000, 100]
    assert now(update)[0] == "rolled_back"


@pytest.mark.django_db(transaction=True)
def test_many_watchers_move_a_rollout_once() -> None:
    update = begun()
    tell(update.model, GOOD, {"calls": 100})
    watch.watch()
    later(61)
    moved: list[int] = []
    start = threading.Barrier(8)

    def look() -> None:
        start.wait()
        moved.append(watch.watch())
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert now(update) == ("rolling", 50)
    assert Rollout.objects.get(update=update).position == 1
