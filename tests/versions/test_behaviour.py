"""A live model that answers otherwise behind its name: a finding that blocks nothing."""

import pytest

from controlplane.base import config
from registry.models import Model, Release
from tests.versions.sources.test_live import Chat, chat
from tests.versions.watched import a_source, scanned
from versions.behaviour import PROBES
from versions.models import Behaviour, Scan, Source, Update

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["chat"]


@pytest.fixture
def watched(db: None, chat: Chat) -> Source:
    config.store_egress_allow(None, ["127.0.0.0/8"])
    model = Model.objects.create(name="m", type="llm", protocol="openai", endpoint=chat.url)
    model.release = Release.objects.create(model=model, number=1, spec=chat.spec(), digest="a" * 64)
    model.save()
    return a_source("live", "", model=model)


def rules_of_a_day(source: Source) -> dict[str, str]:
    job = scanned(source, full=True)
    assert job.state == "succeeded", job.error
    newest = Scan.objects.order_by("pk").last()
    assert newest is not None
    return {one["key"]: one["severity"] for one in newest.findings}


def test_an_unchanged_model_raises_nothing(chat: Chat, watched: Source) -> None:
    assert [rules_of_a_day(watched) for _ in range(6)] == [{}] * 6
    assert Behaviour.objects.count() == 6
    last = Behaviour.objects.order_by("pk").last()
    assert last is not None
    assert last.evidence <= 0


def test_a_changed_model_is_told_after_its_calibration(chat: Chat, watched: Source) -> None:
    for _ in range(4):
        rules_of_a_day(watched)
    chat.answer = "something else"
    assert rules_of_a_day(watched) == {"behaviour.changed": "compatible"}
    assert not Update.objects.exists(), "it is a finding and blocks nothing"


def test_moved_token_counts_are_told_at_once(chat: Chat, watched: Source) -> None:
    rules_of_a_day(watched)
    chat.tokens = 9
    assert rules_of_a_day(watched) == {"behaviour.tokens": "compatible"}


def test_another_release_has_its_own_yardstick(chat: Chat, watched: Source) -> None:
    for _ in range(4):
        rules_of_a_day(watched)
    chat.answer = "something else"
    watched.model.release = Release.objects.create(model=watched.model, number=2, spec=chat.spec(), digest="b" * 64)
    watched.model.save()
    assert rules_of_a_day(watched) == {}


def test_the_probes_are_asked_at_temperature_zero(chat: Chat, watched: Source) -> None:
    rules_of_a_day(watched)
    asked = [one for one in chat.calls if one["messages"][0]["content"] in PROBES]
    assert [one["messages"][0]["content"] for one in asked] == list(PROBES)
    assert {one["temperature"] for one in asked} == {0}


def test_the_stated_budget_holds_for_everything_together(chat: Chat, watched: Source) -> None:
    for budget in (5, 16, 20):
        Source.objects.filter(pk=watched.pk).update(probe_budget=budget)
        chat.calls.clear()
        scanned(watched, full=True)
        assert len(chat.calls) <= budget
