"""The REST API as a program sees it."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, User
from registry.access import callers
from registry.access.callers import KeyActor
from registry.models import Model
from routing.models import CallRecord
from tests.races import a_race

pytestmark = pytest.mark.django_db
JSON = "application/json"
Clients = Callable[..., Client]


def spec(name: str = "chat-a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000", **more}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"null", b"[" * 5000, b'{"a": NaN}', b"1" * 5000]
)
@pytest.mark.parametrize(
    "address", ["models", "imports", "credentials", "keys", "detect", "test-call", "models/tag", "lab/races"]
)
def test_broken_bodies_are_refused(key_client: Clients, browser: Clients, address: str, body: bytes) -> None:
    client = browser("admin")
    client.handler.enforce_csrf_checks = False
    answer = client.post(f"/api/{address}", body, JSON)
    assert answer.status_code == 400, answer.content
    assert set(answer.json()) == {"error", "request_id"}
    assert client.post(f"/api/{address}", body, "text/html").status_code in (400, 415)


@pytest.mark.parametrize(
    "address",
    [
        "models/%00",
        "models/%FF",
        "models?page=99999999999999999999",
        "models?page=-1",
        "models?page_size=x",
        "models?q=%00%FF",
        "models?sort=password",
        "models/export?name=%00",
        "keys/99999999999999999999999",
        "credentials/99999999999999999999999",
        "jobs/not-a-uuid",
        "jobs/6f1f7a0e-2c5c-4a57-9d0b-2f5d8f0f7c11",
        "jobs?status=%00&page=x",
        "jobs?page=999999999999999999999999",
        "audit?actor=%00&page_size=999999999999999999",
        "calls?model=%00",
        "users/99999999999999999999999999",
        "protocols/%00",
        "nowhere",
    ],
)
def test_broken_addresses_are_refused(browser: Clients, address: str) -> None:
    for method in ("get", "put", "post", "delete", "patch"):
        answer = getattr(browser("admin"), method)(f"/api/{address}")
        assert answer.status_code < 500, (method, answer.content)


def test_a_session_needs_its_csrf_token(person: Callable[..., User]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("admin"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/api/models", spec(), JSON).status_code == 403
    assert not Model.objects.exists()


def test_jobs_of_others_are_not_there(key_client: Clients, person: Callable[..., User], browser: Clients) -> None:
    maker = person("engineer")
    key, secret = callers.create(maker, "app", ["call"])
    job = jobs.enqueue("call", {}, actor=KeyActor(maker.pk, key.pk, "app", "engineer", True, frozenset({"call"})))
    own = Client(headers={"Authorization": f"Bearer {secret}"})
    assert own.get(f"/api/jobs/{job.pk}").json()["status"] == "queued"
    assert "input" not in own.get(f"/api/jobs/{job.pk}").json()
    assert own.get("/api/models").status_code == 403
    for stranger in (key_client("call", "read", "manage"), browser("reviewer"), browser("engineer")):
        assert stranger.get(f"/api/jobs/{job.pk}").status_code == 404
        assert stranger.post(f"/api/jobs/{job.pk}/cancel").status_code == 404
        assert stranger.get("/api/jobs").json()["results"] == []
    assert browser("admin").get(f"/api/jobs/{job.pk}").status_code == 200
    assert own.post(f"/api/jobs/{job.pk}/cancel").json()["status"] == "cancelled"


def test_lists_say_how_many_there_are(browser: Clients, person: Callable[..., User]) -> None:
    for _ in range(3):
        person("viewer")
    answer = browser("admin").get("/api/users?page_size=2")
    page = answer.json()
    assert len(page.pop("results")) == 2
    assert page == {"total": 4, "page": 1, "pages": 2, "page_size": 2}


def test_people_and_settings_are_the_admin_s(browser: Clients, person: Callable[..., User]) -> None:
    admin, someone = browser("admin"), person("viewer")
    assert admin.patch(f"/api/users/{someone.pk}", {"role": "engineer"}, JSON).json()["role"] == "engineer"
    assert admin.patch(f"/api/users/{someone.pk}", {"is_active": False}, JSON).json()["is_active"] is False
    boss = User.objects.get(role="admin")
    assert admin.patch(f"/api/users/{boss.pk}", {"role": "viewer"}, JSON).json()["error"]["code"] == "last_admin"
    link = admin.post("/api/setup-links", {"role": "viewer"}, JSON).json()["address"]
    assert link.startswith("http://testserver/set-up/")
    assert admin.put("/api/settings/egress", {"entries": ["public", "10.0.0.0/8"]}, JSON).status_code == 200
    assert admin.put("/api/settings/egress", {"entries": ["not a host"]}, JSON).status_code == 400
    assert admin.get("/api/settings/egress").json() == {"entries": ["public", "10.0.0.0/8"]}
    assert admin.get("/api/me").json()["role"] == "admin"


def test_calls_and_protocols_are_listed(browser: Clients) -> None:
    CallRecord.objects.create(
        id=uuid.uuid4(), at="2026-01-01T00:00:00Z", model="m", task="chat", status=200, duration_ms=1.0, revision=1
    )
    viewer = browser("viewer")
    assert viewer.get("/api/calls?model=m").json()["results"][0]["status"] == 200
    assert "openai" in {item["name"] for item in viewer.get("/api/protocols").json()}
    assert viewer.get("/api/protocols/openai").json()["name"] == "openai"
    assert Client().get("/api/spec-schema").json()["$schema"].endswith("2020-12/schema")


def test_a_race_from_order_to_figures(key_client: Clients, browser: Clients, person: Callable[..., User]) -> None:
    api = key_client("manage")
    order = {"scenario": "A", "policies": ["static", "ppo"], "seed": 4}
    made = api.post("/api/lab/races", order, JSON, headers={"Idempotency-Key": "r-1"})
    assert (made.status_code, made.json()["status"], made.json()["figures"]) == (202, "queued", None)
    assert {name: made.json()[name] for name in order} == order
    again = api.post("/api/lab/races/", order, JSON, headers={"Idempotency-Key": "r-1"})
    assert again.json()["id"] == made.json()["id"]
    other = api.post("/api/lab/races", {**order, "seed": 5}, JSON, headers={"Idempotency-Key": "r-1"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")
    race = a_race(owner=person("engineer"))
    viewer = browser("viewer")
    listed = viewer.get("/api/lab/races", {"policy": "hrrn_tuned"}).json()
    assert [one["id"] for one in listed["results"]] == [str(race.pk)]
    assert listed["results"][0]["figures"]["ppo"]["mean_s"] == 32.1
    assert "series" not in listed["results"][0]
    whole = viewer.get(f"/api/lab/races/{race.pk}").json()
    assert (whole["object"], len(whole["series"]["at_s"]), whole["figures"]["ppo"]["loads"]) == ("race", 20, 3491)
    assert viewer.get(made.headers["Location"]).json()["series"] == {}
    assert viewer.get(f"/api/lab/races/{uuid.uuid4()}").status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"scenario": "Z"}, {"policies": ["ppo"]}, {"policies": ["ppo", "ppo"]}, {"policies": "ppo"}, {"seed": -1},
     {"seed": 2**31}, {"seed": "x"}, {"policies": ["ppo", "magic"]}, {"policies": ["ppo", "sjf", "hrrn"]}],
)  # fmt: skip
def test_a_race_that_cannot_be_is_refused(key_client: Clients, wrong: dict[str, Any]) -> None:
    order = {"scenario": "A", "policies": ["static", "ppo"], **wrong}
    answer = key_client("manage").post("/api/lab/races", order, JSON)
    assert (answer.status_code, Job.objects.count()) == (400, 0)
