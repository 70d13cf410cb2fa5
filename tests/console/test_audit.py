"""The audit log as people read it: names instead of ids, a time range, what was before, and a file to keep."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.utils import timezone

from controlplane.base import accounts, config
from controlplane.base.audit import chain as audit
from controlplane.base.models import Change, User
from registry.access import callers, credentials
from registry.catalog import verbs as catalog
from tests.site import BACKEND

Visitor = Callable[..., Client]
Person = Callable[..., User]
SPEC = {"name": "own", "type": "llm", "protocol": "openai", "endpoint": "http://127.0.0.1:9"}


def log(visitor: Visitor, query: str = "", language: str = "en") -> str:
    return visitor("reviewer", language).get(f"/audit{query}").content.decode()


def test_objects_have_their_names_and_links_while_they_exist(visitor: Visitor, person: Person) -> None:
    ada, bob = person("admin", "ada"), person("viewer", "bob")
    key, _ = callers.create(ada, "search service", ["call"])
    secret = credentials.create(ada, "gateway", "https://gpu.example:8443", "hf_0123456789abcdef")
    accounts.change_role(ada, bob.pk, "engineer")
    accounts.invite(ada, "viewer", "Carol")
    catalog.create(ada, SPEC)
    body = log(visitor)
    assert f'href="/keys?show=all#k-{key.pk}">search service</a>' in body
    assert f'href="/credentials#c-{secret.pk}">gateway</a>' in body
    assert f'href="/settings#p-{bob.pk}">bob</a>' in body
    assert 'href="/settings#invitations">Carol</a>' in body
    assert 'href="/models/own">own</a>' in body
    credentials.delete(ada, secret.pk)
    body = log(visitor)
    assert body.count("gateway") >= 2
    assert "#c-" not in body


def test_name_is_that_of_the_time(visitor: Visitor, person: Person) -> None:
    ada = person("admin", "ada")
    key, _ = callers.create(ada, "old name", ["call"])
    type(key).objects.filter(pk=key.pk).update(name="new name")
    body = log(visitor)
    assert ">old name</a>" in body
    assert "new name" not in body


def test_before_and_after_of_a_change(visitor: Visitor, person: Person) -> None:
    ada, bob = person("admin", "ada"), person("viewer", "bob")
    catalog.create(ada, SPEC)
    catalog.change(ada, "own", {**SPEC, "owner": "search", "description": "better"})
    accounts.change_role(ada, bob.pk, "engineer")
    config.set_egress_allow(ada, ["public"])
    change = Change.objects.get(verb="model.change")
    assert change.detail["changed"]["owner"] == {"from": "", "to": "search"}
    body = log(visitor)
    assert re.search(r"owner: <del>–</del> → <ins>search</ins>", body)
    assert "role: <del>viewer</del> → <ins>engineer</ins>" in body
    assert audit.verify()[0]


def test_very_long_changes_are_cut(person: Person) -> None:
    found = audit.difference({"a": "x" * 5000, **{f"p{n}": n for n in range(100)}}, {"a": "y" * 5000})
    assert len(found) == 31
    assert found["…"]["to"] == "71 more"
    assert all(len(value["from"]) <= 201 for value in found.values())


def test_time_range(visitor: Visitor, person: Person) -> None:
    callers.create(person("admin", "ada"), "search service", ["call"])
    now = timezone.now()
    early, late = ((now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M") for hours in (-1, 1))
    assert "search service" in log(visitor, f"?since={early}&until={late}")
    assert "No entry matches" in log(visitor, f"?since={late}")
    assert "没有匹配的条目" in log(visitor, f"?until={early}", "zh-hans")
    assert "search service" in log(visitor, "?since=nonsense")


def test_whole_filter_can_be_kept_as_a_file(static_files: None, person: Person) -> None:
    for number in range(1203):
        audit.record(None, "key.create", "key", number, {"name": f"=key {number}"})
    audit.record(None, "key.revoke", "key", 1, {"name": "other"})
    reader = person("reviewer")

    async def fetch(kind: str) -> tuple[int, str]:
        browser = AsyncClient()
        await browser.aforce_login(reader, backend=BACKEND)
        answer = await browser.get(f"/audit/export?format={kind}&verb=key.create")
        if not answer.streaming:
            return answer.status_code, answer.content.decode()
        return answer.status_code, b"".join([piece async for piece in answer]).decode()  # type: ignore[attr-defined]

    status, text = async_to_sync(fetch)("csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (status, len(rows)) == (200, 1203)
    assert rows[0]["object_name"] == "'=key 1202"
    lines = [json.loads(line) for line in async_to_sync(fetch)("jsonl")[1].splitlines()]
    assert len(lines) == 1203
    assert lines[-1]["detail"] == {"name": "=key 0"}
    assert len({line["id"] for line in lines}) == 1203
    assert async_to_sync(fetch)("xml")[0] == 400


def test_export_is_for_those_who_may_read_the_log(visitor: Visitor) -> None:
    assert visitor("engineer").get("/audit/export?format=csv").status_code == 403


def test_what_is_left_out_of_a_long_change_is_told_in_the_language_of_the_page(
    visitor: Visitor, person: Person
) -> None:
    changed = audit.difference({}, {f"p{number}": number for number in range(33)})
    audit.record(person("admin", "ada"), "model.change", "model", "m", {"changed": changed})
    assert "<ins>3 more</ins>" in log(visitor)
    assert "<ins>另有 3 项</ins>" in visitor("admin", language="zh-hans").get("/audit").content.decode()
