"""Golden answers, the policy of updates and the consent to replays over REST."""

import pytest
from django.test import Client

from controlplane.base.models import User
from registry.models import ApiKey
from tests.versions.updating import a_model
from versions import update_policy
from versions.models import GoldenAnswer

pytestmark = pytest.mark.django_db
JSON = "application/json"


def client(role: str) -> Client:
    made = Client()
    user = User.objects.create_user(role, password="x", role=role)
    made.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return made


def test_golden_answers_are_pinned_listed_and_taken_away() -> None:
    a_model()
    eve = client("engineer")
    body = {"model": "m", "name": "pong", "request": {"inputs": "ping"}, "expected": {"contains": "pong"}}
    made = eve.post("/api/golden-answers", body, JSON)
    assert (made.status_code, made.json()["owner"]) == (201, "engineer")
    assert eve.post("/api/golden-answers", body, JSON).status_code == 409
    assert eve.post("/api/golden-answers", {**body, "name": "x", "expected": {}}, JSON).status_code == 400
    assert [row["name"] for row in eve.get("/api/golden-answers?model=m").json()["results"]] == ["pong"]
    assert eve.get("/api/golden-answers?model=nobody").status_code == 404
    assert eve.delete(f"/api/golden-answers/{made.json()['id']}").status_code == 204
    assert not GoldenAnswer.objects.exists()


def test_the_policy_is_read_and_replaced() -> None:
    ada = client("admin")
    assert ada.get("/api/update-policy").json()["adapt"] == list(update_policy.ADAPTED)
    assert ada.put("/api/update-policy", {"replay_days": 3}, JSON).json()["replay_days"] == 3
    told = ada.put("/api/update-policy?model=m", {"hot_fix": False, "diff": {"open_enums": ["/x"]}}, JSON)
    assert (told.json()["hot_fix"], told.json()["replay_days"], told.json()["diff"]["open_enums"]) == (False, 3, ["/x"])
    assert update_policy.of("other").hot_fix


@pytest.mark.parametrize(
    "values",
    [
        {"hot_fix": 1}, {"adapt": ["fly"]}, {"adapt": "pin"}, {"replay_days": 91}, {"replay_days": True}, {"x": 1},
        {"diff": {"x": 1}}, {"diff": 4}, {"test_calls": 0}, [],
    ],
)  # fmt: skip
def test_a_wrong_policy_is_refused_by_name(values: object) -> None:
    answer = client("admin").put("/api/update-policy", values, JSON)
    assert answer.status_code == 400


def test_an_owner_agrees_that_calls_are_kept() -> None:
    eve = client("engineer")
    owner = User.objects.get()
    row = ApiKey.objects.create(name="app", prefix="pb-", key_hash="x", created_by=owner)
    told = eve.put(f"/api/keys/{row.pk}/replay", {"agreed": True}, JSON)
    assert (told.status_code, told.json()["replay"]) == (200, True)
    assert eve.put(f"/api/keys/{row.pk}/replay", {}, JSON).status_code == 400
    assert client("reviewer").put(f"/api/keys/{row.pk}/replay", {"agreed": True}, JSON).status_code == 404
