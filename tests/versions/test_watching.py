"""Verbs, pages and REST of sources: who may, what is refused in words, and what is kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from controlplane.base import config
from controlplane.base.access import Forbidden
from controlplane.base.jobs import engine
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.access import credentials
from tests.versions.sources.conftest import RunningHub
from tests.versions.watched import a_model, folder, hub, scanned
from versions import scanning, watching
from versions.models import Scan, Source

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["folder", "hub"]
Person = Callable[..., User]


def draft(**fields: Any) -> dict[str, Any]:
    return {"name": "s", "kind": "specification", "location": "http://127.0.0.1:9/openapi.json", "model": "m", **fields}


@pytest.fixture
def open_loopback(db: None) -> None:
    config.store_egress_allow(None, ["127.0.0.0/8"])
    a_model()


def test_a_source_is_made_scanned_and_audited(open_loopback: None, person: Person) -> None:
    row = watching.create(person("engineer"), draft(webhook_secret="a-secret-of-enough-letters"))
    assert (row.poll_seconds, row.enabled, row.signature_policy) == (900, True, "ignore")
    assert watching.webhook_secret(row) == "a-secret-of-enough-letters"
    assert b"enough" not in bytes(row.webhook_secret or b"")
    told = Change.objects.get(verb="source.create").detail
    assert told["location"] == "http://127.0.0.1:9/openapi.json"
    assert "enough" not in str(told)
    assert scanning.KIND in [lease.job.kind for lease in engine.claim(5)]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"kind": "ftp"}, "kind"),
        ({"model": "none"}, "model"),
        ({"credential": "none"}, "credential"),
        ({"location": "ftp://x"}, "location"),
        ({"location": "http://user:pw@127.0.0.1/x"}, "location"),
        ({"location": "http://10.1.2.3/x"}, "egress_refused"),
        ({"location": "http://169.254.169.254/x"}, "egress_refused"),
        ({"poll_seconds": 1}, "poll_seconds"),
        ({"poll_seconds": True}, "poll_seconds"),
        ({"probe_budget": 0}, "probe_budget"),
        ({"signature_policy": "require"}, "identity"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"enabled": "yes"}, "enabled"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_a_wrong_draft_is_refused_by_its_field(
    open_loopback: None, person: Person, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        watching.create(person("engineer"), draft(**fields))
    assert refusal.value.code == code
    assert not Source.objects.exists()


def test_a_credential_goes_to_its_own_origin_only(open_loopback: None, person: Person) -> None:
    engineer = person("engineer")
    credentials.create(engineer, "there", "http://127.0.0.1:9", "secret")
    credentials.create(engineer, "elsewhere", "http://127.0.0.1:10", "secret")
    with pytest.raises(Invalid, match="cannot be sent to"):
        watching.create(engineer, draft(credential="elsewhere"))
    row = watching.create(engineer, draft(credential="there"))
    assert row.credential is not None
    with pytest.raises(Conflict, match="is used by s"):
        credentials.delete(engineer, row.credential.pk)


def test_a_name_is_taken_once(open_loopback: None, person: Person) -> None:
    watching.create(person("engineer"), draft())
    with pytest.raises(Conflict, match="a source named 's' exists"):
        watching.create(person("engineer"), draft())


def test_viewers_see_and_do_nothing(open_loopback: None, person: Person) -> None:
    row = watching.create(person("engineer"), draft())
    viewer = person("viewer")
    for act in (
        lambda: watching.listing(viewer),
        lambda: watching.create(viewer, draft(name="x")),
        lambda: watching.change(viewer, row.pk, {}),
        lambda: watching.delete(viewer, row.pk),
        lambda: watching.scan_now(viewer, row.pk),
    ):
        with pytest.raises(Forbidden):
            act()


def test_another_place_forgets_what_the_old_one_said(hub: RunningHub, person: Person) -> None:
    engineer = person("engineer")
    a_model()
    hub.hub.push("org/other", {"a": b"1"})
    row = watching.create(engineer, draft(kind="huggingface", location=f"{hub.url}/org/model"))
    scanned(row)
    assert row.revision
    watching.change(engineer, row.pk, {"poll_seconds": 60})
    row.refresh_from_db()
    assert row.revision
    watching.change(engineer, row.pk, {"location": f"{hub.url}/org/other"})
    row.refresh_from_db()
    assert (row.revision, row.cursor, row.owner_id) == ("", {}, "")


def test_an_unknown_source_is_missing(person: Person) -> None:
    for act in (watching.get, watching.scan_now, watching.delete):
        with pytest.raises(Missing):
            act(person("engineer"), 987_654)


def test_pages_of_sources(visitor: Callable[..., Client], hub: RunningHub, folder: Path) -> None:
    engineer = visitor("engineer")
    assert "Nothing is watched" in engineer.get("/sources").content.decode()
    a_model()
    form = {
        "name": "s", "kind": "huggingface", "location": f"{hub.url}/org/model", "model": "m", "poll_seconds": "900",
        "probe_budget": "60", "signature_policy": "ignore", "webhook_secret": "",
    }  # fmt: skip
    bad = engineer.post("/sources/new", {**form, "model": "nobody"})
    assert bad.status_code == 422
    assert "there is no model" in bad.content.decode()
    made = engineer.post("/sources/new", form)
    row = Source.objects.get()
    assert made.headers["Location"] == f"/sources/{row.pk}"
    engine.work({scanning.KIND: scanning.run})
    hub.hub.tamper("org/model", "model.safetensors", b"x" * 5000)
    scanned(row)
    page = engineer.get(f"/sources/{row.pk}").content.decode()
    assert "somebody tampered with it" in page
    assert "model.safetensors" in page
    assert "config.json" in page
    assert (
        "config.json"
        not in engineer.get(f"/sources/{row.pk}?path=safetensors").content.decode().partition('id="files"')[2]
    )
    assert engineer.post(f"/sources/{row.pk}/off").status_code == 302
    row.refresh_from_db()
    assert not row.enabled
    assert engineer.post(f"/sources/{row.pk}/change", {**form, "name": "renamed"}).status_code == 302
    assert engineer.post(f"/sources/{row.pk}/scan").headers["Location"].startswith("/jobs/")
    assert "renamed" in engineer.get("/sources").content.decode()
    assert engineer.post(f"/sources/{row.pk}/delete").headers["Location"] == "/sources"
    assert not Scan.objects.exists()


def test_sources_over_rest(key_client: Callable[..., Client], hub: RunningHub) -> None:
    program = key_client("manage")
    a_model()
    body = {"name": "s", "kind": "huggingface", "location": f"{hub.url}/org/model", "model": "m"}
    made = program.post("/api/sources", body, "application/json")
    assert made.status_code == 201, made.content
    source_id = made.json()["id"]
    engine.work({scanning.KIND: scanning.run})
    assert program.get(f"/api/sources/{source_id}").json()["revision"] == hub.hub.repositories["org/model"].commit
    scan = program.get(f"/api/sources/{source_id}/scans").json()["results"][0]
    assert (scan["files"], scan["bytes"]) == (2, 5008)
    files = program.get(f"/api/sources/{source_id}/scans/{scan['id']}/files?path=config").json()
    assert [one["path"] for one in files["results"]] == ["config.json"]
    patched = program.patch(f"/api/sources/{source_id}", {"webhook_secret": "0123456789abcdef"}, "application/json")
    assert (patched.json()["webhook"], "webhook_secret" in patched.json()) == (True, False)
    assert program.post(f"/api/sources/{source_id}/scan").status_code == 202
    assert program.patch(f"/api/sources/{source_id}", {"poll_seconds": 1}, "application/json").status_code == 400
    assert program.delete(f"/api/sources/{source_id}").status_code == 204
    assert program.get(f"/api/sources/{source_id}").status_code == 404
