"""The REST API of models, imports and upstreams as a program sees it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.jobs import engine
from controlplane.base.models import Job, User
from registry.catalog import importing, probing
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
    level = {"temperature": {"type": "float", "default": 0.5, "range": [0, 1]}}
    adapting = api.post("/api/test-call", {"spec": {**found["suggested"][0], "params": level}}, JSON)
    assert adapting.json()["adapted"] == [
        {"parameter": "temperature", "action": "defaulted", "given": None, "sent": 0.5}
    ]
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
