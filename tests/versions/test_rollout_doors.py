"""Rollouts at their doors: pages in both languages, the REST API, and the gates of other engines."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.models import User
from registry.access import callers
from registry.models import Model
from tests.versions.rolling import a_model, approved, later, tell
from versions.models import Update, UpdateState
from versions.rollout import verbs, watch

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
JSON = "application/json"


def rolling(**more: Any) -> Update:
    """An update that rolls out, with readings of some calls."""
    update = approved(a_model(**more), description="new")
    verbs._start(None, update.pk, None, "")
    model = Model.objects.get(pk=update.model_id)
    tell(model, {"calls": 1000, "failed": 3}, {"calls": 40, "failed": 1, "saved": 1})
    watch.watch()
    later(1)
    tell(model, {"calls": 2000, "failed": 6}, {"calls": 80, "failed": 1, "saved": 1})
    watch.watch()
    return Update.objects.select_related("model").get(pk=update.pk)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_running_rollout_shows_shares_lines_rule_and_buttons(visitor: Visitor, language: str) -> None:
    update = rolling()
    page = visitor("engineer", language).get(f"/rollouts/{update.pk}").content.decode()
    for part in ("99 %", "1 %", "data-countdown", "2,000", "/promote", "/roll-back", "/pause", "/step", "js/rollout"):
        assert part in page
    assert ("Roll back now" in page) is (language == "en")
    looking = visitor("viewer", language).get(f"/rollouts/{update.pk}").content.decode()
    assert "/roll-back" not in looking
    listed = visitor("viewer", language).get("/rollouts").content.decode()
    assert update.model.name in listed


def test_the_buttons_do_what_they_say_and_say_why_not(visitor: Visitor) -> None:
    update, browser = rolling(), visitor("engineer")
    for move, state in (("pause", "paused"), ("resume", "rolling"), ("promote", "live"), ("roll-back", "rolled_back")):
        answer = browser.post(f"/rollouts/{update.pk}/{move}", {"reason": "x"}, follow=True)
        assert answer.status_code == 200
        assert Update.objects.get(pk=update.pk).state == state
    again = browser.post(f"/rollouts/{update.pk}/pause", follow=True).content.decode()
    assert "so it cannot be paused" in again
    assert browser.post(f"/rollouts/{update.pk}/fly").status_code == 404
    assert visitor("viewer").post(f"/rollouts/{update.pk}/pause").status_code == 403


def test_the_overview_says_that_a_paused_rollout_waits(visitor: Visitor) -> None:
    update = rolling()
    assert "is paused" not in visitor("viewer").get("/").content.decode()
    verbs.hold(update.pk, "inconclusive")
    page = visitor("viewer").get("/").content.decode()
    assert f"The rollout of {update.model.name} is paused" in page
    assert f"/rollouts/{update.pk}" in page


def test_an_approved_update_shows_its_steps_and_starts_by_a_click(visitor: Visitor) -> None:
    update = approved(a_model(), description="new")
    reviewer = visitor("reviewer")
    assert "25 % of calls for 600 s at least" in reviewer.get(f"/rollouts/{update.pk}").content.decode()
    assert str(update.pk) in reviewer.get("/rollouts").content.decode()
    assert "/start" not in visitor("engineer").get(f"/rollouts/{update.pk}").content.decode()
    reviewer.post(f"/rollouts/{update.pk}/start")
    assert Update.objects.get(pk=update.pk).state == "rolling"


def test_the_api_reads_and_moves_rollouts(key_client: Callable[..., Client]) -> None:
    update, manage, read = rolling(), key_client("manage"), key_client("read")
    found = read.get(f"/api/rollouts/{update.pk}").json()
    assert (found["state"], found["shares"], found["calls"], found["saved"]) == (
        "rolling", {"blue": 99, "green": 1}, [2000, 80], 1,
    )  # fmt: skip
    assert found["lines"]["failed"]["state"] == "kept"
    assert read.get("/api/rollouts?state=rolling").json()["total"] == 1
    assert read.post(f"/api/rollouts/{update.pk}/pause").status_code == 403
    paused = manage.post(f"/api/rollouts/{update.pk}/pause", {"reason": "lunch"}, content_type=JSON).json()
    assert (paused["state"], paused["reason"], paused["next_at"]) == ("paused", "lunch", None)
    refused = manage.post(f"/api/rollouts/{update.pk}/step", {}, content_type=JSON)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_step")
    assert manage.post(f"/api/rollouts/{update.pk}/fly", {}, content_type=JSON).status_code == 404
    assert manage.post(f"/api/rollouts/{update.pk}/start", {}, content_type=JSON).status_code == 403
    assert manage.post(f"/api/rollouts/{update.pk}/roll-back", {}, content_type=JSON).json()["state"] == "rolled_back"


def test_plans_are_read_and_set_over_the_api(visitor: Visitor) -> None:
    admin = visitor("admin")
    made = admin.put("/api/rollouts/plan", {"plan": {"base": "fast", "sticky": True}, "model": "m"}, content_type=JSON)
    assert made.json()["plan"]["steps"] == [10, 50, 100]
    assert admin.get("/api/rollouts/plan").json()["models"] == {"m": {"base": "fast", "sticky": True}}
    wrong = admin.put("/api/rollouts/plan", {"plan": {"steps": [0]}}, content_type=JSON)
    assert wrong.status_code == 400


def flagger(client: Client, hook: str, model: str, **metadata: str) -> int:
    """The status of a hook, with a body as Flagger sends it."""
    body = {
        "name": "canary", "namespace": "models", "phase": "Progressing", "checksum": "85d557f47b", "buildId": "1",
        "type": hook, "metadata": {"model": model, **metadata},
    }  # fmt: skip
    return client.post(f"/hooks/flagger/{hook}", body, content_type="application/json").status_code


def test_flagger_is_answered_by_the_state(person: Callable[..., User]) -> None:
    _, key = callers.create(person("admin"), "flagger", ["read"])
    update = approved(a_model(), description="new")
    name, client = update.model.name, Client()
    hooks = ("confirm-rollout", "confirm-traffic-increase", "confirm-promotion", "rollback")

    def answers() -> list[int]:
        return [flagger(client, hook, name, key=key) for hook in hooks]

    Update.objects.filter(pk=update.pk).update(state=UpdateState.REVIEW)
    assert answers() == [403, 403, 403, 403]
    Update.objects.filter(pk=update.pk).update(state=UpdateState.APPROVED)
    assert answers() == [200, 403, 403, 403]
    verbs._start(None, update.pk, None, "")
    assert answers() == [200, 200, 403, 403]
    newer = Update.objects.create(model=update.model, base=update.base, origin="scan", state=UpdateState.REJECTED)
    assert answers() == [200, 200, 403, 403], "the engine asks of the one that rolls"
    newer.delete()
    verbs.hold(update.pk, "a person looks")
    assert answers() == [200, 403, 403, 403]
    verbs.go_live(update.pk)
    assert answers() == [200, 200, 200, 403]
    verbs.roll_back(person("admin"), update.pk, "bad")
    assert answers() == [403, 403, 403, 200]


def test_a_hook_needs_a_key_and_a_model(person: Callable[..., User], key_client: Callable[..., Client]) -> None:
    update = rolling()
    name = update.model.name
    assert flagger(Client(), "confirm-rollout", name) == 401
    assert flagger(Client(), "confirm-rollout", name, key="pb-wrong") == 401
    _, weak = callers.create(person("admin"), "app", ["call"])
    assert flagger(Client(), "confirm-rollout", name, key=weak) == 403
    assert flagger(key_client("read"), "confirm-rollout", name) == 200
    assert flagger(key_client("read"), "confirm-rollout", "nobody") == 404
    assert flagger(key_client("read"), "pre-rollout", name) == 404
    assert Client().post("/hooks/flagger/rollback", "{", content_type="application/json").status_code == 400


def test_a_web_metric_of_argo_reads_a_verdict(key_client: Callable[..., Client]) -> None:
    update, client = rolling(name="org/m"), key_client("read")
    told = client.get("/hooks/argo/org/m").json()
    assert (told["verdict"], told["state"], told["share"]) == (1, "rolling", 1)
    assert told["lines"]["failed"]["limit"] > 0
    verbs.go_back(update.pk, "broken")
    assert client.get("/hooks/argo/org/m").json()["verdict"] == 0
    assert client.get("/hooks/argo/none").status_code == 404
    assert Client().get("/hooks/argo/org/m").status_code == 401
