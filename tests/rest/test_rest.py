"""The REST API as a program sees it."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.jobs import engine
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, User
from registry.access import callers
from registry.access.callers import KeyActor
from registry.catalog import importing, probing
from registry.models import ApiKey, Credential, Model
from routing.models import CallRecord
from tests.races import a_race
from tests.upstreams import Upstreams

pytestmark = pytest.mark.django_db
JSON = "application/json"
Clients = Callable[..., Client]


def spec(name: str = "chat-a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000", **more}


def test_a_model_from_birth_to_death(key_client: Clients) -> None:
    api = key_client("manage")
    made = api.post("/api/models", spec("org/chat-a"), JSON)
    assert (made.status_code, made.json()["state"], made.json()["spec"]["name"]) == (201, "probing", "org/chat-a")
    etag = made.headers["ETag"]
    assert api.get("/api/models/org/chat-a").headers["ETag"] == etag
    changed = api.put("/api/models/org/chat-a", spec("org/chat-a", owner="x"), JSON, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["release"]) == (200, 2)
    stale = api.put("/api/models/org/chat-a", spec("org/chat-a"), JSON, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["error"]["code"]) == (412, "model_changed")
    assert api.post("/api/models/org/chat-a/disable").json()["state"] == "disabled"
    assert api.post("/api/models/org/chat-a/probe").status_code == 404
    assert api.post("/api/models/org/chat-a/enable/").json()["state"] == "probing"
    assert api.post("/api/models/org/chat-a/probe").status_code == 202
    assert api.post("/api/models/tag", {"names": ["org/chat-a"], "add": ["gold"]}, JSON).json() == {"changed": 1}
    listing = api.get("/api/models/", {"tag": "gold"}).json()
    assert (listing["total"], listing["results"][0]["tags"]) == (1, ["gold"])
    assert "gold" in api.get("/api/models/export").content.decode()
    assert api.delete("/api/models/org/chat-a").status_code == 204
    assert api.get("/api/models/org/chat-a").status_code == 404


def test_a_filter_accepts_each_of_its_values(key_client: Clients) -> None:
    api = key_client("manage")
    for name, tags in (("chat-a", ["gold", "new"]), ("chat-b", ["silver"]), ("chat-c", ["old"])):
        assert api.post("/api/models", spec(name, tags=tags), JSON).status_code == 201
    found = api.get("/api/models?tag=gold&tag=silver&type=llm&type=embedding").json()
    assert [row["name"] for row in found["results"]] == ["chat-a", "chat-b"]
    assert found["facets"]["tag"] == [["gold", 1], ["new", 1], ["old", 1], ["silver", 1]]
    assert api.get("/api/models?tag=gold&state=ready&state=disabled").json()["total"] == 0
    refused = api.get("/api/models", {"tag": [f"t{n}" for n in range(51)]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "too_many_values")
    described = api.get("/api/schema?format=json").json()["paths"]["/api/models"]["get"]["parameters"]
    tag = next(parameter for parameter in described if parameter["name"] == "tag")
    assert tag["schema"] == {"type": "array", "items": {"type": "string"}}


def test_a_wrong_spec_gets_every_error(key_client: Clients) -> None:
    answer = key_client("manage").post("/api/models", spec(type="nonsense", colour=1), JSON)
    assert answer.status_code == 400
    assert {item["path"] for item in answer.json()["error"]["detail"]} == {"type", "colour"}
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


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


def test_secrets_are_written_only(key_client: Clients) -> None:
    api = key_client("manage")
    body = {"name": "lab", "origin": "https://models.example", "secret": "sk-canary-0123456789"}
    made = api.post("/api/credentials", body, JSON)
    assert (made.status_code, made.json()["origin"], made.json()["hint"]) == (
        201,
        "https://models.example:443",
        "…6789",
    )
    changed = api.put(f"/api/credentials/{made.json()['id']}", {"secret": "sk-canary-abcdefghij"}, JSON)
    listed = api.get("/api/credentials")
    again = api.post("/api/credentials", body, JSON)
    wrong = api.post("/api/credentials", {**body, "secret": "sk-canary\n"}, JSON)
    assert (changed.status_code, again.status_code, wrong.status_code) == (200, 409, 400)
    assert not any(b"canary" in answer.content for answer in (made, changed, listed, again, wrong))
    assert api.delete(f"/api/credentials/{made.json()['id']}").status_code == 204
    assert not Credential.objects.exists()


def test_a_key_never_opens_more_than_its_maker_may(browser: Clients, person: Callable[..., User]) -> None:
    engineer = person("engineer")
    _, secret = callers.create(engineer, "program", ["manage"])
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    assert api.post("/api/models", spec(), JSON).status_code == 201
    User.objects.filter(pk=engineer.pk).update(role="viewer")
    assert api.post("/api/models", spec("b"), JSON).status_code == 403
    assert api.get("/api/models").status_code == 200
    User.objects.filter(pk=engineer.pk).update(is_active=False)
    assert api.get("/api/models").status_code == 401


def test_keys_are_shown_once_and_revoked_for_good(browser: Clients) -> None:
    admin = browser("admin")
    made = admin.post("/api/keys", {"name": "app", "scopes": ["call", "read"]}, JSON).json()
    api = Client(headers={"Authorization": f"Bearer {made['key']}"})
    assert api.get("/api/models").status_code == 200
    assert made["key"] not in admin.get("/api/keys").content.decode()
    assert admin.delete(f"/api/keys/{made['id']}").status_code == 200
    assert admin.delete(f"/api/keys/{made['id']}").status_code == 409
    assert api.get("/api/models").status_code == 401
    assert admin.post("/api/keys", {"name": "app", "scopes": ["root"]}, JSON).status_code == 400
    assert api.post("/api/keys", {"name": "app", "scopes": ["call"]}, JSON).status_code == 401


def test_low_the_same_idempotency_key_makes_one_key(browser: Clients) -> None:
    client = browser("engineer")
    body = {"name": "app", "scopes": ["call"]}
    made = client.post("/api/keys/", body, JSON, headers={"Idempotency-Key": "order-7"})
    again = client.post("/api/keys/", body, JSON, headers={"Idempotency-Key": "order-7"})
    assert (made.status_code, again.status_code) == (201, 409)
    assert str(made.json()["id"]) in again.json()["error"]["message"]
    assert ApiKey.objects.filter(name="app").count() == 1
    other = client.post("/api/keys/", body, JSON, headers={"Idempotency-Key": "order-8"})
    assert other.status_code == 201
    long = client.post("/api/keys/", body, JSON, headers={"Idempotency-Key": "k" * 201})
    assert long.status_code == 400


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


@pytest.mark.django_db(transaction=True)
def test_an_import_from_dry_run_to_failed_rows(key_client: Clients, upstreams: Upstreams) -> None:
    api = key_client("manage")
    text = upstreams.yaml(4) + "- {name: broken}\n"
    plan = api.post("/api/imports", {"yaml": text, "file": "fleet.yaml"}, JSON).json()
    assert plan["counts"] == {"new": 4, "changed": 0, "unchanged": 0, "invalid": 1, "total": 5}
    assert api.post("/api/imports", text, "application/yaml").json()["counts"] == plan["counts"]
    refused = api.post("/api/imports?apply=atomic", text, "application/yaml")
    assert (refused.status_code, Job.objects.count()) == (400, 0)
    once = {"Idempotency-Key": "i-1"}
    first = api.post("/api/imports?apply=valid", text, "application/yaml", headers=once)
    again = api.post("/api/imports?apply=valid", text, "application/yaml", headers=once)
    assert (first.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert api.post("/api/imports?apply=valid", text + "\n", "application/yaml", headers=once).status_code == 409
    engine.work({"import": importing.run, "probe": probing.run})
    job = api.get(first.headers["Location"]).json()
    assert (job["status"], job["result"]["counts"]["ready"]) == ("succeeded", 4)
    assert "broken" in api.get(f"/api/imports/{job['id']}/failed").content.decode()


@pytest.mark.django_db(transaction=True)
def test_trying_an_upstream_obeys_the_guard_and_is_audited(key_client: Clients, upstreams: Upstreams) -> None:
    api = key_client("manage")
    found = api.post("/api/detect", {"address": f"{upstreams.url}/m/1"}, JSON).json()
    assert found["protocol"]
    assert found["evidence"]
    tried = api.post("/api/test-call", {"spec": {**found["suggested"][0]}}, JSON)
    assert tried.status_code == 200, tried.content
    assert (tried.json()["failure"], bool(tried.json()["reply"])) == (None, True)
    for address in ("http://169.254.169.254/", "http://10.0.0.1/"):
        refused = api.post("/api/test-call", {"spec": spec(endpoint=address)}, JSON).json()
        assert "refused" in refused["failure"]["message"]
        looked = api.post("/api/detect", {"address": address}, JSON)
        assert (looked.status_code, looked.json()["error"]["code"]) == (400, "egress"), looked.content
        assert "refused" in looked.json()["error"]["message"]
    assert api.post("/api/detect", {"address": "file:///etc/passwd"}, JSON).status_code == 400
    secret = api.post(
        "/api/test-call", {"spec": spec(endpoint=f"{upstreams.url}/m/1~500"), "secret": "sk-canary-1"}, JSON
    )
    assert b"canary" not in secret.content
    verbs = {item["verb"] for item in _admin_audit(upstreams)}
    assert {"model.detect", "model.test"} <= verbs


def _admin_audit(_: Upstreams) -> list[dict[str, Any]]:
    admin = User.objects.get(role="admin")
    client = Client()
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/api/audit/check").json()["holds"] is True
    rows: list[dict[str, Any]] = json.loads(client.get("/api/audit?page_size=100").content)["results"]
    return rows


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
