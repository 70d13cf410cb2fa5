"""The REST API of keys and credentials as a program sees it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base.models import User
from registry.access import callers
from registry.models import ApiKey, Credential

pytestmark = pytest.mark.django_db
JSON = "application/json"
Clients = Callable[..., Client]


def spec(name: str = "chat-a", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000", **more}


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


def test_a_key_never_opens_more_than_its_maker_may(visitor: Clients, person: Callable[..., User]) -> None:
    engineer = person("engineer")
    _, secret = callers.create(engineer, "program", ["manage"])
    api = Client(headers={"Authorization": f"Bearer {secret}"})
    assert api.post("/api/models", spec(), JSON).status_code == 201
    User.objects.filter(pk=engineer.pk).update(role="viewer")
    assert api.post("/api/models", spec("b"), JSON).status_code == 403
    assert api.get("/api/models").status_code == 200
    User.objects.filter(pk=engineer.pk).update(is_active=False)
    assert api.get("/api/models").status_code == 401


def test_keys_are_shown_once_and_revoked_for_good(visitor: Clients) -> None:
    admin = visitor("admin")
    made = admin.post("/api/keys", {"name": "app", "scopes": ["call", "read"]}, JSON).json()
    api = Client(headers={"Authorization": f"Bearer {made['key']}"})
    assert api.get("/api/models").status_code == 200
    assert made["key"] not in admin.get("/api/keys").content.decode()
    assert admin.delete(f"/api/keys/{made['id']}").status_code == 200
    assert admin.delete(f"/api/keys/{made['id']}").status_code == 409
    assert api.get("/api/models").status_code == 401
    assert admin.post("/api/keys", {"name": "app", "scopes": ["root"]}, JSON).status_code == 400
    assert api.post("/api/keys", {"name": "app", "scopes": ["call"]}, JSON).status_code == 401


def test_low_the_same_idempotency_key_makes_one_key(visitor: Clients) -> None:
    client = visitor("engineer")
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
