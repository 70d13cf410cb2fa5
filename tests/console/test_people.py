"""People and invitations in the settings: whom a link is for, how it stands, and taking it back."""

import re
from collections.abc import Callable
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from controlplane.base import accounts
from controlplane.base.models import SetupLink, User

Visitor = Callable[..., Client]
Person = Callable[..., User]


def test_invitation_is_listed_and_can_be_withdrawn(visitor: Visitor, person: Person) -> None:
    admin = visitor("admin")
    body = admin.post("/settings/invite", {"role": "viewer", "name": "Carol"}).content.decode()
    found = re.search(r"/set-up/([\w-]+)", body)
    assert found
    assert "Carol" in body
    link = SetupLink.objects.get()
    assert visitor().get(f"/set-up/{found[1]}").status_code == 200
    admin.post(f"/settings/invitations/{link.pk}/withdraw")
    assert visitor().get(f"/set-up/{found[1]}").status_code == 404
    assert "Withdrawn" in admin.get("/settings").content.decode()
    assert "已撤回" in visitor("admin", "zh-hans").get("/settings").content.decode()
    assert admin.post(f"/settings/invitations/{link.pk}/withdraw").status_code == 404


def test_states_of_invitations(visitor: Visitor, person: Person) -> None:
    ada = person("admin", "ada")
    used = accounts.invite(ada, "viewer", "used one")
    accounts.use_setup_link(used, "bob", "plenty of words here")
    accounts.invite(ada, "viewer", "late one")
    SetupLink.objects.filter(name="late one").update(expires_at=timezone.now() - timedelta(seconds=1))
    accounts.invite(ada, "viewer", "open one")
    browser = visitor("admin")
    found = {row["name"]: row["state"] for row in browser.get("/api/setup-links").json()["results"]}
    assert found == {"used one": "used", "late one": "expired", "open one": "open"}
    assert browser.get("/settings").content.decode().count("/withdraw") == 1
    link = SetupLink.objects.get(name="open one")
    assert browser.delete(f"/api/setup-links/{link.pk}").json()["state"] == "withdrawn"
    assert browser.delete(f"/api/setup-links/{link.pk}").status_code == 404


def test_account_of_a_key_is_not_among_people(visitor: Visitor, db: None) -> None:
    program = User.objects.create(username="first-run", role="engineer", password="!")
    body = visitor("admin").get("/settings").content.decode()
    assert f'id="p-{program.pk}"' not in body
    assert "Not a person: first-run" in body
