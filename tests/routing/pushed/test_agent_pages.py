"""Agents through both doors of people: the page and REST say and do the same."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base import events, redis_names
from routing.history import latest
from routing.models import AgentKey
from routing.samples import frames
from routing.samples.readings import Complaint, Observed, SourceReading

pytestmark = pytest.mark.django_db
Visitor = Callable[..., Client]
JSON = "application/json"


def heard(name: str, age_s: float, *complaints: Complaint) -> None:
    """As if the store had kept a frame of this agent so many seconds ago."""
    said = SourceReading({"GPU-a": Observed(values={"power_watts": 1.0})}, complaints)
    frame = frames.pack(f"agent:{name}", 1, 1, time.time(), said)
    body = latest.encode(latest.LatestFrame(time.time() - age_s, frame))
    events.store().hset(redis_names.TELEMETRY_LATEST, mapping={frame.source: body})


def test_a_key_is_shown_once_and_only_its_hash_is_kept(visitor: Visitor) -> None:
    client = visitor("engineer")
    page = client.post("/gpus/agents/create", {"name": "node-a"}).content.decode()
    secret = page.partition("echo pb-")[2].partition(" ")[0]
    assert len(secret) == 32
    assert "PATCHBAY_URL=http://testserver" in page
    row = AgentKey.objects.get()
    assert secret not in f"{row.__dict__}"
    assert secret not in client.get("/gpus/agents").content.decode()
    assert "has a key; revoke that one first" in client.post("/gpus/agents/create", {"name": "node-a"}).content.decode()
    assert client.post(f"/gpus/agents/{row.pk}/revoke").status_code == 302
    assert b"No agents" in client.get("/gpus/agents").content


def test_the_page_says_who_is_silent_and_who_is_doubtful(visitor: Visitor) -> None:
    client = visitor("engineer", "zh-hans")
    for name in ("node-a", "node-b", "node-c", "node-d"):
        client.post("/gpus/agents/create", {"name": name})
    heard("node-a", 0)
    heard("node-b", 75)
    heard("node-c", 0, Complaint("lost", "", "GPU-b", "GPU is lost (XID 79)"))
    for address in ("/gpus/agents", "/gpus/telemetry"):
        page = client.get(address).content.decode()
        assert "已静默 75 秒" in page
        assert "GPU-b 没有应答：GPU is lost (XID 79)" in page
        assert "尚无消息" in page


def test_rest_makes_lists_and_revokes(key_client: Callable[..., Client], visitor: Visitor) -> None:
    client = key_client("manage")
    made = client.post("/api/agents", {"name": "node-a"}, content_type=JSON)
    assert made.status_code == 201
    assert made.json()["key"].startswith("pb-")
    heard("node-a", 1, Complaint("clock off", "", "", "+86400 s"))
    (row,) = client.get("/api/agents/").json()["results"]
    assert "key" not in row
    assert (row["name"], row["tells_of"], row["complaints"]) == ("node-a", ["GPU-a"], ["its clock is off by +86400 s"])
    assert 0.9 <= row["age_s"] < 10
    assert client.delete(f"/api/agents/{row['id']}").json()["revoked_at"]
    assert client.delete(f"/api/agents/{row['id']}").status_code == 404
    assert key_client("read").post("/api/agents", {"name": "x"}, content_type=JSON).status_code == 403
    assert visitor("viewer").post("/gpus/agents/create", {"name": "x"}).status_code == 403


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "x" * 191}, {"name": ["a"]}, {"name": "a\nb"}, []])
def test_a_name_that_is_none_is_told(key_client: Callable[..., Client], body: Any) -> None:
    assert key_client("manage").post("/api/agents", body, content_type=JSON).status_code == 400
    assert not AgentKey.objects.exists()
