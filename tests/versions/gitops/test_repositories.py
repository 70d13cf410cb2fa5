"""Repositories at their doors: verbs, what they refuse, pages in both languages, and the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from controlplane.base import access, config
from controlplane.base.models import Change
from controlplane.base.refusals import Conflict, Invalid
from registry.access import credentials
from tests.versions.git_server import GitServer, git_server
from tests.versions.gitops.pushing import SECRET, a_repository, an_admin, pushed, spec_yaml
from tests.versions.updating import a_model, an_engineer, document, with_params
from versions.gitops import repositories
from versions.models import SpecRepository

__all__ = ["git_server"]
pytestmark = pytest.mark.django_db
DRAFT = {"name": "specs", "url": "http://127.0.0.1:9/org/models"}
Visitor = Callable[..., Client]


@pytest.fixture(autouse=True)
def loopback(db: None) -> None:
    config.store_egress_allow(None, ["127.0.0.0/8"])


def test_only_admins_change_them() -> None:
    with pytest.raises(access.Forbidden):
        repositories.create(an_engineer(), DRAFT)
    assert list(repositories.listing(an_engineer("ann"))) == []


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        ({"url": "ftp://x/y"}, "url"),
        ({"url": "http://10.1.2.3/y"}, "url"),
        ({"url": "http://user:word@127.0.0.1/y"}, "url"),
        ({"url": ""}, "url"),
        ({"name": "a\nb"}, "name"),
        ({"name": 7}, "name"),
        ({"folder": "../up"}, "folder"),
        ({"forge": "svn"}, "forge"),
        ({"forge": "plain", "status_api": "http://127.0.0.1:9"}, "status_api"),
        ({"forge": "github", "status_api": "http://169.254.169.254"}, "status_api"),
        ({"credential": "none"}, "credential"),
        ({"credential": "other"}, "credential"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_what_cannot_be_saved_is_named(draft: dict[str, Any], code: str) -> None:
    credentials.create(an_admin(), "other", "http://127.0.0.2:9", "secret")
    with pytest.raises(Invalid) as refused:
        repositories.create(an_admin(), {**DRAFT, **draft})
    assert refused.value.code == code
    assert not SpecRepository.objects.exists()


def test_the_secret_is_sealed_and_a_change_is_audited() -> None:
    row = repositories.create(an_admin(), {**DRAFT, "webhook_secret": SECRET})
    assert SECRET.encode() not in bytes(row.webhook_secret or b"")
    assert repositories.webhook_secret(row) == SECRET
    with pytest.raises(Conflict):
        repositories.create(an_admin(), DRAFT)
    repositories.change(an_admin(), row.pk, {"branch": "next", "webhook_secret": ""})
    entry = Change.objects.filter(verb="repository.change").latest("pk")
    assert entry.detail["changed"]["branch"] == {"from": "main", "to": "next"}
    assert SECRET not in str(list(Change.objects.values_list("detail", flat=True)))
    assert repositories.webhook_secret(SpecRepository.objects.get()) == ""
    repositories.delete(an_admin(), row.pk)
    assert not SpecRepository.objects.exists()


def test_github_takes_one_token_for_both_of_its_addresses() -> None:
    credentials.create(an_admin(), "token", "https://github.com", "ghp_0123456789")
    config.store_egress_allow(None, ["github.com", "api.github.com", "*.github.com"])
    draft = {"url": "https://github.com/org/models", "forge": "github", "status_api": "https://api.github.com"}
    row = repositories.create(an_admin(), {**DRAFT, **draft, "credential": "token"})
    assert repositories.secret_for(row, row.status_api) == repositories.secret_for(row, row.url) == "ghp_0123456789"
    assert repositories.secret_for(row, "https://gist.github.com/x") == ""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_pages_show_the_last_push_with_its_plan(visitor: Visitor, git_server: GitServer, language: str) -> None:
    a_model(document("m"))
    repository = a_repository(git_server)
    files = {"m.yaml": spec_yaml(document("m", with_params(steps={"type": "int", "range": [1, 20]})))}
    push = pushed(repository, git_server.commit(files, "Fewer steps"))
    listed = visitor("engineer", language).get("/repositories").content.decode()
    page = visitor("engineer", language).get(f"/repositories/{repository.pk}").content.decode()
    for part in (push.sha[:12], "Fewer steps", "m.yaml:2", f"/reviews/{push.plan['updates']['m']}"):
        assert part in page
    assert "/pull" not in page, "an engineer only looks"
    assert f"/repositories/{repository.pk}" in listed
    assert ("1 to be reviewed" in page) is (language == "en")
    assert "/pull" in visitor("admin", language).get(f"/repositories/{repository.pk}").content.decode()


def test_the_form_names_what_is_wrong_and_saves(visitor: Visitor) -> None:
    admin = visitor("admin")
    given = {**DRAFT, "branch": "main", "forge": "plain", "webhook_secret": SECRET}
    refused = admin.post("/repositories/new", {**given, "url": "http://10.9.9.9/x"})
    assert refused.status_code == 422
    assert "10.9.9.9" in refused.content.decode()
    assert admin.post("/repositories/new", given).status_code in (302, 200)
    row = SpecRepository.objects.get()
    assert (
        admin.post(f"/repositories/{row.pk}/change", {**given, "branch": "b", "webhook_secret": ""}).status_code < 400
    )
    row.refresh_from_db()
    assert (row.branch, repositories.webhook_secret(row)) == ("b", SECRET)
    assert admin.post(f"/repositories/{row.pk}/pull").status_code < 400
    assert row.pushes.count() == 1
    assert admin.post(f"/repositories/{row.pk}/delete").status_code < 400
    assert not SpecRepository.objects.exists()


def test_rest(visitor: Visitor, git_server: GitServer) -> None:
    admin = visitor("admin")
    kind = "application/json"
    made = admin.post("/api/repositories", {**DRAFT, "webhook_secret": SECRET}, kind)
    assert made.status_code == 201
    assert (made.json()["webhook"], "webhook_secret" in made.json()) == (True, False)
    place = f"/api/repositories/{made.json()['id']}"
    changed = admin.patch(place, {"url": git_server.url, "branch": "master"}, kind)
    assert changed.json()["branch"] == "master"
    assert admin.patch(place, {"url": "gopher://x"}, kind).status_code == 400
    assert admin.post(f"{place}/pull").status_code == 202
    assert admin.get(f"{place}/pushes").json()["results"][0]["state"] == "pending"
    assert admin.get("/api/repositories").json()["results"][0]["name"] == "specs"
    assert admin.delete(place).status_code == 204
    assert admin.get(place).status_code == 404
