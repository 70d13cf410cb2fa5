"""What apps declare: the navigation leads where it says, every kind of job has a page, nothing is declared twice."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import resolve, reverse
from django.utils import timezone

from controlplane.base import events
from controlplane.base.access import VERBS
from controlplane.base.declaring import AppDeclaration, declare
from controlplane.base.jobs import kinds
from controlplane.base.models import Job, User
from controlplane.base.web.icons import PATHS
from controlplane.base.web.navigation import NavigationPlace, PlaceGroup, navigation, place_of

Visitor = Callable[..., Client]


def test_each_place_of_the_navigation_opens_under_the_verb_it_names(person: Callable[..., User]) -> None:
    groups = navigation(person("admin"))
    names = [place.name for group in groups for place in group.places]
    assert names[:5] == ["overview", "models", "playground", "calls", "jobs"]
    assert len(groups) == 5
    for place in (place for group in groups for place in group.places):
        assert vars(resolve(reverse(place.name)).func)["verb"] == place.verb
        assert place.name in PATHS


def test_a_viewer_is_led_to_no_closed_page(person: Callable[..., User]) -> None:
    shown = {place.name for group in navigation(person("viewer")) for place in group.places}
    assert {"models", "lab", "settings"} <= shown
    assert not {"audit", "keys", "credentials"} & shown


@pytest.mark.parametrize(
    ("page", "place"),
    [("model-new", "models"), ("call", "calls"), ("job-failed", "jobs"), ("lab-race", "lab"), ("sign-in", "sign-in")],
)
def test_a_page_belongs_to_a_place(page: str, place: str) -> None:
    assert place_of(page) == place


def test_a_letter_and_a_word_are_declared_once() -> None:
    with pytest.raises(ValueError, match="the letter m of maps is models's"):
        declare(AppDeclaration(places=(NavigationPlace("maps", "Maps", "model.read", "m", PlaceGroup.MAIN, 99),)))
    with pytest.raises(ValueError, match="words already for probe"):
        declare(AppDeclaration(words={"kind": {"probe": "Look"}}))


def test_every_topic_is_heard_by_a_verb_that_some_role_has() -> None:
    every = frozenset().union(*VERBS.values())
    assert set(events.TOPICS) == {
        *("models", "jobs", "revision", "keys", "calls", "updates", "sources", "repositories"),
        *("fleet", "alerts", "telemetry", "badge:alerts", "badge:reviews"),
    }
    assert set(events.TOPICS.values()) <= every


@pytest.mark.parametrize("kind", ["import", "probe", "call", "lab", "unheard-of"])
def test_a_job_of_every_kind_has_a_page_and_an_unknown_one_too(visitor: Visitor, kind: str) -> None:
    over = {"state": "succeeded", "result": {"answer": 42}, "input": {"scenario": "A", "policies": ["ppo", "sjf"]}}
    job = Job.objects.create(kind=kind, title="A job", due_at=timezone.now(), finished_at=timezone.now(), **over)
    body = visitor("admin").get(f"/jobs/{job.pk}").content.decode()
    assert ("To the models" in body) == (kind in {"import", "probe"})
    assert ("To the race" in body) == (kind == "lab")
    assert ('id="answer"' in body) == (kind == "call")


def test_the_list_of_jobs_is_filtered_by_every_declared_kind(visitor: Visitor) -> None:
    body = visitor("admin").get("/jobs").content.decode()
    assert [kind.name for kind in kinds.every() if f'<option value="{kind.name}"' not in body] == []
