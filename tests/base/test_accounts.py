"""Accounts, invitations, settings, and keys' limits."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.base import access, accounts, config, revision
from controlplane.base.audit import chain as audit
from controlplane.base.models import SetupLink, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.access import callers
from registry.models import ApiKey

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def test_the_first_admin_comes_by_a_link_that_works_once() -> None:
    token = accounts.setup_link("admin", None, timedelta(hours=1))
    assert token not in str(SetupLink.objects.values())
    with pytest.raises(Invalid):
        accounts.use_setup_link(token, "ada", "short")
    user = accounts.use_setup_link(token, "ada", PASSWORD, "zh-hans")
    assert (user.role, user.language, user.check_password(PASSWORD)) == ("admin", "zh-hans", True)
    with pytest.raises(Missing):
        accounts.use_setup_link(token, "eve", PASSWORD)
    with pytest.raises(Conflict, match="an admin exists"):
        accounts.setup_link("admin", None, None)
    assert audit.verify()[0]


def test_links_end_and_names_are_taken(person: Callable[..., User]) -> None:
    admin = person("admin", "ada")
    token = accounts.invite(admin, "viewer")
    with pytest.raises(Conflict, match="taken"):
        accounts.use_setup_link(token, "ada", PASSWORD)
    SetupLink.objects.update(expires_at=timezone.now())
    for wrong in (token, "", "\x00", "\udcff"):
        with pytest.raises(Missing):
            accounts.open_setup_link(wrong)
    with pytest.raises(access.Forbidden):
        accounts.invite(person("reviewer"), "viewer")
    with pytest.raises(Invalid):
        accounts.invite(admin, "root")


def test_the_last_admin_stays(person: Callable[..., User]) -> None:
    admin = person("admin")
    with pytest.raises(Conflict, match="last admin"):
        accounts.change_role(admin, admin.pk, "viewer")
    with pytest.raises(Conflict, match="last admin"):
        accounts.deactivate(admin, admin.pk)
    second = person("admin")
    before = revision.current()
    assert accounts.change_role(admin, second.pk, "engineer").role == "engineer"
    assert not accounts.deactivate(admin, second.pk).is_active
    assert accounts.activate(admin, second.pk).is_active
    assert revision.current() == before + 3


def test_people_keep_their_own_settings(person: Callable[..., User]) -> None:
    user = person("viewer")
    user.set_password(PASSWORD)
    assert accounts.change_profile(user, "zh-hans", "dark").theme == "dark"
    with pytest.raises(Invalid):
        accounts.change_profile(user, "klingon", "dark")
    with pytest.raises(Invalid, match="current password"):
        accounts.change_password(user, "wrong", "another long password")
    accounts.change_password(user, PASSWORD, "another long password")
    assert User.objects.get(pk=user.pk).check_password("another long password")


@pytest.mark.parametrize(
    "entry", ["public", "10.0.0.0/8", "10.1.2.3:8000", "[::1]:80", "models.lan", "*.gpu.lan:443", "fd00::/8"]
)
def test_egress_entries_are_stored(person: Callable[..., User], entry: str) -> None:
    assert config.set_egress_allow(person("admin"), [entry, entry]) == (entry,)
    assert config.egress_allow() == (entry,)


@pytest.mark.parametrize(
    "entry", ["", "http://x", "a b", "x:99999", "x:0", "10.0.0.0/99", "*", "\x00", 7, "a" * 300, "-a", "x/y"]
)
def test_other_egress_entries_are_refused(person: Callable[..., User], entry: str) -> None:
    with pytest.raises(Invalid):
        config.set_egress_allow(person("admin"), [entry])


def test_playground_keys_are_short_lived_and_shared_for_minutes(person: Callable[..., User]) -> None:
    viewer = person("viewer")
    first = callers.playground_key(viewer)
    assert callers.playground_key(viewer) in (first, callers.playground_key(viewer))
    actor = callers.actor_of(first)
    assert actor is not None
    assert (actor.id, actor.scopes) == (viewer.pk, frozenset({"call"}))
    assert list(callers.listing(person("admin"))) == []
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(days=2))
    assert callers.actor_of(first) is None
    assert callers.forget_playground_keys() >= 1


def test_keys_are_the_engineer_s_and_only_their_own(person: Callable[..., User]) -> None:
    engineer, other = person("engineer"), person("engineer")
    row, secret = callers.create(
        engineer, "app", ["call"], callers.KeyLimits(models=["practice-*"], calls_per_minute=60)
    )
    assert secret not in str(list(ApiKey.objects.values()))
    with pytest.raises(Missing):
        callers.revoke(other, row.pk)
    with pytest.raises(access.Forbidden):
        callers.create(person("viewer"), "app", ["call"])
    for limits in (
        callers.KeyLimits(models=["a b"]),
        callers.KeyLimits(calls_per_minute=0),
        callers.KeyLimits(expires_at=timezone.now()),
    ):
        with pytest.raises(Invalid):
            callers.create(engineer, "app", ["call"], limits)
    assert callers.revoke(person("admin"), row.pk).revoked_at is not None
    assert callers.actor_of(secret) is None
