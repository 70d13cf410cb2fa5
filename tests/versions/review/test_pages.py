"""The queue's page and the page of one update, as people of each role use them, and the REST API beside them."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.models import User
from registry.models import Release
from tests.site import bare
from tests.versions.review.test_decisions import in_review, state_of
from versions.models import Update, UpdateState
from versions.review import decisions

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
SPEC = {"params": {"max_tokens": {"type": "int", "range": [1, 4096], "default": 256}}}
NEW = {"params": {"max_tokens": {"type": "int", "range": [1, 1024], "default": 256}}}
NARROWER = {
    "verdict": "breaking",
    "findings": [
        {
            "rule": 3, "key": "maximum-lowered", "severity": "breaking", "direction": "request", "use": "model",
            "path": "max_tokens", "old_pointer": "/params/max_tokens", "new_pointer": "/params/max_tokens",
            "message": {"en": "max_tokens may be at most 1024", "zh": "max_tokens 最多为 1024"}, "fingerprint": "f1",
            "witness": {"value": 4096, "accepted_by": "old", "refused_by": "new", "whole": False},
            "adaptation": {"do": "clamp", "path": ["max_tokens"], "low": 1, "high": 1024},
        }
    ],
}  # fmt: skip


def an_update(**fields: Any) -> Update:
    update = in_review(report=NARROWER, proposed=NEW, callers_hurt=3, calls_hurt=1204, impact={"callers": 14}, **fields)
    Release.objects.filter(pk=str(update.base_id)).update(spec=SPEC)
    update.refresh_from_db()
    return update


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare(answer.content.decode())))


def test_the_queue_says_what_waits(visitor: Visitor) -> None:
    an_update()
    text = text_of(visitor("viewer").get("/reviews"))
    assert "max_tokens may be at most 1024" in text
    assert "3 of 14 callers would notice; 1,204 calls in 7 days." in text


def test_an_empty_queue_says_so(visitor: Visitor) -> None:
    assert "Nothing waits for you" in text_of(visitor("viewer").get("/reviews"))


def test_the_page_tells_a_change_without_json_schema(visitor: Visitor) -> None:
    update = an_update()
    text = text_of(visitor("reviewer").get(f"/reviews/{update.pk}"))
    assert "whole number, 1 to 4096, default 256" in text
    assert "whole number, 1 to 1024, default 256" in text
    assert "keep max_tokens from 1 to 1024" in text
    assert "2 different reviewers must approve it" in text
    chinese = text_of(visitor("reviewer", language="zh-hans").get(f"/reviews/{update.pk}"))
    assert "max_tokens 最多为 1024" in chinese


def test_two_reviewers_approve_by_the_page(visitor: Visitor) -> None:
    update = an_update()
    for name, expected in (("reviewer", UpdateState.REVIEW), ("admin", UpdateState.APPROVED)):
        client = visitor(name)
        page = client.get(f"/reviews/{update.pk}").content.decode()
        seen = {item: re.findall(f'name="{item}" value="([^"]*)"', page)[0] for item in ("old", "new", "plan")}
        client.post(f"/reviews/{update.pk}/approve", {**seen, "reason": "fine"})
        assert state_of(update) == expected


def test_what_moved_meanwhile_is_not_approved(visitor: Visitor) -> None:
    update = an_update()
    client = visitor("reviewer")
    client.post(f"/reviews/{update.pk}/approve", {"old": "x", "new": "y", "plan": "z"})
    assert "read it again, then decide" in text_of(client.get(f"/reviews/{update.pk}"))
    assert update.approvals.count() == 0


def test_a_viewer_sees_no_buttons_and_cannot_decide(visitor: Visitor) -> None:
    update = an_update()
    client = visitor("viewer")
    assert "data-open=#approve" not in client.get(f"/reviews/{update.pk}").content.decode().replace('"', "")
    client.post(f"/reviews/{update.pk}/approve", vars(decisions.digests_of(update)))
    assert state_of(update) == UpdateState.REVIEW
    assert update.approvals.count() == 0


def test_unknown_updates_and_decisions_are_404(visitor: Visitor) -> None:
    client = visitor("reviewer")
    assert client.get("/reviews/00000000-0000-4000-8000-000000000000").status_code == 404
    assert client.post(f"/reviews/{an_update().pk}/dance").status_code == 404


def test_many_models_are_approved_at_once(visitor: Visitor) -> None:
    updates = [an_update(verdict="review") for _ in range(3)]
    page = visitor("reviewer").get(f"/reviews/{updates[0].pk}").content.decode()
    seen = re.findall(r'name="seen"\s+value="([^"]+)"', page)
    assert len(seen) == 3
    visitor("admin").post("/reviews/equal", {"fingerprint": "same", "seen": seen})
    assert {state_of(update) for update in updates} == {UpdateState.APPROVED}


def test_the_rest_api_says_and_does_the_same(key_client: Callable[..., Client], person: Callable[..., User]) -> None:
    update = an_update(verdict="review")
    client = key_client("read")
    page = client.get("/api/updates").json()
    assert [row["id"] for row in page["results"]] == [str(update.pk)]
    whole = client.get(f"/api/updates/{update.pk}").json()
    assert whole["report"]["findings"][0]["path"] == "max_tokens"
    assert whole["approvals_needed"] == 1
    body = {"digests": whole["digests"], "reason": "fine"}
    assert client.post(f"/api/updates/{update.pk}/approve", body, "application/json").status_code == 403
    browser = Client()
    browser.force_login(person("reviewer"), backend="django.contrib.auth.backends.ModelBackend")
    answer = browser.post(f"/api/updates/{update.pk}/approve", body, "application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["state"] == "approved"
    again = browser.post(f"/api/updates/{update.pk}/approve", body, "application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "update_state")


@pytest.mark.parametrize(
    "body", [{"digests": 7}, {"findings": "x" * 70}, {"reason": 5 * ["x"]}, [1], {"until": "soon"}]
)
@pytest.mark.parametrize("decision", ["approve", "defer", "dance"])
def test_wrong_bodies_are_refused_in_words(visitor: Visitor, body: object, decision: str) -> None:
    update = an_update()
    answer = visitor("admin").post(f"/api/updates/{update.pk}/{decision}", body, "application/json")
    assert 400 <= answer.status_code < 500, answer.content
    assert state_of(update) == UpdateState.REVIEW
