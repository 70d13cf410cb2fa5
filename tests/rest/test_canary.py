"""Secrets put in at every door are found nowhere: no answer, log, audit entry, job or table holds them in the clear."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from controlplane.base.events import store
from controlplane.base.jobs import engine
from controlplane.base.models import User
from controlplane.base.redaction import RedactSecrets
from registry.catalog import importing, probing
from registry.models import Credential, Model
from tests.upstreams import Upstreams

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "CANARY7f3a9"
JSON = "application/json"


def everything_stored() -> str:
    """Every row of every table as text, bytes included, and every value in Redis."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f"select t::text from {connection.ops.quote_name(table)} t")
            rows += [row[0] for row in cursor.fetchall()]
    client = store()
    for key in client.scan_iter():
        kind = client.type(key)
        rows.append(str(client.xrange(key) if kind == b"stream" else client.dump(key)))
    return "\n".join(rows)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that was logged, as the log sink writes it."""
    caplog.set_level(logging.DEBUG)
    sink = RedactSecrets()
    formatter = logging.Formatter()

    def written() -> str:
        return "\n".join(formatter.format(record) for record in caplog.records if sink.filter(record))

    return written


def test_a_secret_is_found_nowhere(upstreams: Upstreams, person: Callable[..., User], lines: Callable[[], str]) -> None:
    admin = Client()
    admin.force_login(person("admin"), backend="django.contrib.auth.backends.ModelBackend")
    answers: list[Any] = []

    def send(method: str, address: str, body: Any) -> Any:
        answers.append(getattr(admin, method)(address, body, JSON))
        return answers[-1]

    model = {"name": "locked", "type": "llm", "protocol": "openai", "endpoint": f"{upstreams.url}/m/1~key-right"}
    made = send("post", "/api/credentials", {"name": "lab", "origin": upstreams.url, "secret": f"sk-{CANARY}-one"})
    assert made.status_code == 201
    send("put", f"/api/credentials/{made.json()['id']}", {"secret": f"sk-{CANARY}-two"})
    send("post", "/api/credentials", {"name": "bad", "origin": "nonsense", "secret": f"sk-{CANARY}-three"})
    send("post", "/api/credentials", {"name": "bad", "origin": upstreams.url, "secret": f"sk-{CANARY}\nfour"})
    send("post", "/api/models", {**model, "credential": "lab"})
    send("post", "/api/models", {**model, "name": "x", "api_key": f"sk-{CANARY}-five"})
    send("post", "/api/models", {**model, "name": "y", "endpoint": f"http://user:{CANARY}@10.0.0.1/"})
    send("post", "/api/models", {**model, "name": "z", "credential": f"sk-{CANARY}-six"})
    send("post", "/api/imports", {"yaml": f"models:\n- {{name: a, token: sk-{CANARY}-seven}}\n"})
    send("post", "/api/imports?apply=valid", {"yaml": f"models:\n- name: a\n  token: sk-{CANARY}-seven\n"})
    send("post", "/api/detect", {"address": model["endpoint"], "secret": f"sk-{CANARY}-eight"})
    send("post", "/api/detect", {"address": f"http://user:{CANARY}@10.0.0.1/"})
    send("post", "/api/test-call", {"spec": model, "secret": f"sk-{CANARY}-nine"})
    engine.work({"import": importing.run, "probe": probing.run})
    assert Model.objects.get(name="locked").state == "unreachable"
    answers += [
        admin.get(f"/api/{place}") for place in ("models", "models/locked", "credentials", "audit", "jobs", "calls")
    ]

    assert Credential.objects.count() == 1
    assert upstreams.fleet.counters["status:401"] >= 1
    assert [answer.request["PATH_INFO"] for answer in answers if CANARY in answer.content.decode()] == []
    assert "locked" in everything_stored()
    assert CANARY not in everything_stored()
    assert CANARY not in lines()
