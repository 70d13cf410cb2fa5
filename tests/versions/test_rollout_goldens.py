"""Golden answers while an update rolls out: asked at each step, and a release that misses one goes back."""

from collections.abc import Callable
from itertools import count

import pytest

from controlplane.base.jobs.engine import Lease
from controlplane.base.models import Job, JobState, User
from registry.emulators.roster import emulated
from registry.emulators.wire import Emulated
from registry.models import Model
from tests.upstreams import Upstreams
from tests.versions.rolling import a_model, approved, later, tell
from versions.compat import golden
from versions.models import Update
from versions.rollout import goldens, plans, verbs, watch

pytestmark = pytest.mark.django_db


def speakers() -> tuple[Emulated, Emulated]:
    """Two practice models that speak OpenAI's wire; each begins its answers with its own name."""
    found = (model for model in map(emulated, count(1)) if (model.protocol, model.type) == ("openai", "llm"))
    return next(found), next(found)


def rolling(person: Callable[..., User], upstreams: Upstreams, new: Emulated, pinned: str) -> Update:
    """An update from the first speaker to `new`, with an answer pinned that the model begins with `pinned`."""
    old, _ = speakers()

    def place(one: Emulated) -> dict[str, str]:
        return {"endpoint": f"{upstreams.url}/m/{one.number}", "upstream_model": one.name}

    model = a_model(**place(old))
    golden.pin(person("engineer"), model, "greeting", {"inputs": "hi"}, {"contains": f"{pinned}:"})
    update = approved(model, **place(new))
    verbs._start(None, update.pk, plans.plan({"steps": [10, 100], "bake_seconds": [5, 5]}), "")
    return Update.objects.get(pk=update.pk)


def asked() -> dict[str, object]:
    """Run the one job that asks, as a worker does; its result."""
    job = Job.objects.get(kind=goldens.KIND, state=JobState.QUEUED)
    found = goldens.run(Lease(job))
    Job.objects.filter(pk=job.pk).update(state=JobState.SUCCEEDED, result=found)
    return found


def state(update: Update) -> str:
    return str(Update.objects.get(pk=update.pk).state)


def test_a_release_that_misses_a_pinned_answer_goes_back(person: Callable[..., User], upstreams: Upstreams) -> None:
    old, new = speakers()
    update = rolling(person, upstreams, new, old.name)
    watch.watch()
    assert asked() == {"asked": 1, "broken": ["greeting"]}
    assert state(update) == "rolled_back"
    assert "golden answer 'greeting'" in Update.objects.get(pk=update.pk).reason


def test_an_answer_that_the_old_release_misses_too_is_not_held_against_the_new_one(
    person: Callable[..., User], upstreams: Upstreams
) -> None:
    _, new = speakers()
    update = rolling(person, upstreams, new, "somebody else")
    watch.watch()
    assert asked() == {"asked": 1, "broken": []}
    assert state(update) == "rolling"


def test_each_step_waits_for_its_golden_answers(person: Callable[..., User], upstreams: Upstreams) -> None:
    old, _ = speakers()
    update = rolling(person, upstreams, old, old.name)
    model = Model.objects.get(pk=update.model_id)
    tell(model, {"calls": 900}, {"calls": 100})
    watch.watch()
    later(6)
    tell(model, {"calls": 1800}, {"calls": 200})
    watch.watch()
    assert verbs.found(update.pk).position == 0
    assert asked() == {"asked": 1, "broken": []}
    later(1)
    watch.watch()
    assert verbs.found(update.pk).position == 1
    watch.watch()
    assert Job.objects.filter(kind=goldens.KIND).count() == 2
    later(60)
    tell(model, {"calls": 1900}, {"calls": 300})
    watch.watch()
    assert state(update) == "paused"
    assert "golden answers were not given" in Update.objects.get(pk=update.pk).reason
