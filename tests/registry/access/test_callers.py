"""API keys: what may be asked of one, whom it acts for, and when it stops."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from controlplane.base import access, revision
from controlplane.base.jobs.verbs import Idempotency
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from registry.access import callers
from registry.access.callers import KeyLimits
from registry.models import ApiKey

pytestmark = pytest.mark.django_db
Person = Callable[..., User]


def test_a_key_is_shown_once_and_kept_as_a_hash(person: Person) -> None:
    engineer = person("engineer")
    before = revision.current()
    row, secret = callers.create(engineer, "  support bot ", ["read", "call", "call"], request_id="r-1")
    assert secret.startswith("pb-")
    assert (row.name, row.prefix, row.scopes) == ("support bot", secret[:10], ["call", "read"])
    assert secret not in repr(list(ApiKey.objects.values()))
    assert revision.current() == before + 1
    entry = Change.objects.get()
    assert (entry.verb, entry.object_id, entry.request_id) == ("key.create", str(row.pk), "r-1")
    assert secret not in repr(entry.detail)


def test_a_key_acts_for_its_maker_within_its_scopes(person: Person) -> None:
    engineer = person("engineer", "ann")
    row, secret = callers.create(engineer, "bot", ["read"])
    actor = callers.actor_of(secret)
    assert actor is not None
    assert (actor.id, actor.pk, actor.key_id, actor.role) == (engineer.pk, engineer.pk, row.pk, "engineer")
    assert actor.username == f"key bot ({secret[:10]}…) of ann"
    assert access.can(actor, "model.read")
    assert not access.can(actor, "model.create")
    assert callers.actor_of_id(row.pk) == actor


@pytest.mark.parametrize("secret", ["", "pb-", "pb-nothing", "sk-other", "\ud800", "x" * 10_000])
def test_an_unknown_key_acts_for_nobody(secret: str) -> None:
    assert callers.actor_of(secret) is None


def test_a_key_follows_its_maker_s_role_and_exclusion(person: Person) -> None:
    engineer = person("engineer")
    _, secret = callers.create(engineer, "bot", ["manage"])
    User.objects.filter(pk=engineer.pk).update(role="viewer")
    actor = callers.actor_of(secret)
    assert actor is not None
    assert not access.can(actor, "model.create")
    User.objects.filter(pk=engineer.pk).update(is_active=False)
    assert callers.actor_of(secret) is None


def test_a_key_ends_when_it_was_meant_to(person: Person) -> None:
    limits = KeyLimits(expires_at=timezone.now() + timedelta(hours=1))
    row, secret = callers.create(person("engineer"), "bot", ["call"], limits)
    assert callers.actor_of(secret) is not None
    ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert callers.actor_of(secret) is None
    assert callers.actor_of_id(row.pk) is None


def test_a_revoked_key_is_gone_for_good(person: Person) -> None:
    engineer = person("engineer")
    row, secret = callers.create(engineer, "bot", ["call"])
    before = revision.current()
    assert callers.revoke(engineer, row.pk).revoked_at is not None
    assert callers.actor_of(secret) is None
    assert revision.current() == before + 1
    with pytest.raises(Conflict, match="was revoked at"):
        callers.revoke(engineer, row.pk)
    assert Change.objects.filter(verb="key.revoke").count() == 1


def test_a_key_of_another_person_is_not_there_to_be_revoked(person: Person) -> None:
    row, _ = callers.create(person("engineer"), "bot", ["call"])
    for stranger in (person("engineer"), person("reviewer")):
        with pytest.raises(Missing, match=f"there is no key {row.pk} that you may revoke"):
            callers.revoke(stranger, row.pk)
    with pytest.raises(Missing):
        callers.revoke(person("admin"), row.pk + 1000)
    assert callers.revoke(person("admin"), row.pk).revoked_at is not None


@pytest.mark.parametrize("role", ["viewer"])
def test_who_may_not_make_keys(person: Person, role: str) -> None:
    with pytest.raises(access.Forbidden):
        callers.create(person(role), "bot", ["call"])
    with pytest.raises(access.Forbidden):
        callers.create(None, "bot", ["call"])
    assert not ApiKey.objects.exists()


def test_a_key_cannot_give_what_its_maker_may_not(person: Person) -> None:
    viewer = person("viewer")
    with pytest.raises(access.Forbidden):
        callers.checked_scopes(viewer, ["manage"])
    assert callers.checked_scopes(viewer, ["read", "call"]) == ["call", "read"]


@pytest.mark.parametrize(
    ("scopes", "words"),
    [
        ([], "a key needs at least one scope of call, read, manage"),
        (["root"], "scope 'root' is none of call, read, manage"),
        (["call", "x" * 99], "is none of"),
    ],
)
def test_scopes_that_are_refused(person: Person, scopes: list[str], words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        callers.create(person("engineer"), "bot", scopes)
    assert caught.value.code == "scope"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "playground: ann", "a\u202eb"])
def test_names_that_are_refused(person: Person, name: str) -> None:
    with pytest.raises(Invalid, match="must be 1 to 200 printable characters") as caught:
        callers.create(person("engineer"), name, ["call"])
    assert caught.value.code == "name"


@pytest.mark.parametrize("pattern", ["chat-*", "org/m?:7b", "*", "a" * 200])
def test_patterns_that_are_taken(person: Person, pattern: str) -> None:
    row, _ = callers.create(person("engineer"), "bot", ["call"], KeyLimits(models=[pattern]))
    assert row.model_patterns == [pattern]


@pytest.mark.parametrize("pattern", ["", "a b", "[ab]", "a" * 201, "名", "a\n", 7])
def test_patterns_that_are_refused(person: Person, pattern: Any) -> None:
    with pytest.raises(Invalid, match="is no model name or pattern such as") as caught:
        callers.create(person("engineer"), "bot", ["call"], KeyLimits(models=["ok", pattern]))
    assert caught.value.code == "models"


@pytest.mark.parametrize("name", ["calls_per_minute", "max_concurrency"])
@pytest.mark.parametrize(
    ("value", "good"), [(None, True), (1, True), (1_000_000, True), (0, False), (-1, False), (1_000_001, False)]
)
def test_limits_have_limits(person: Person, name: str, value: int | None, good: bool) -> None:
    limits = KeyLimits(**{name: value})  # type: ignore[arg-type]
    if good:
        assert getattr(callers.create(person("engineer"), "bot", ["call"], limits)[0], name) == value
        return
    with pytest.raises(Invalid, match=f"{name} is {value:}") as caught:
        callers.create(person("engineer"), "bot", ["call"], limits)
    assert caught.value.code == name


def test_an_end_lies_ahead(person: Person) -> None:
    past = timezone.now() - timedelta(seconds=5)
    with pytest.raises(Invalid, match="is in the past"):
        callers.create(person("engineer"), "bot", ["call"], KeyLimits(expires_at=past))
    naive = (timezone.now() + timedelta(days=1)).replace(tzinfo=None)
    row, _ = callers.create(person("engineer"), "bot", ["call"], KeyLimits(expires_at=naive))
    assert row.expires_at is not None
    assert row.expires_at.replace(tzinfo=None) == naive


def test_one_order_makes_one_key_for_each_person(person: Person) -> None:
    ann, bob, once = person("engineer"), person("engineer"), Idempotency("order-7", "digest")
    row, _ = callers.create(ann, "bot", ["call"], once=once)
    with pytest.raises(Conflict, match=f"made key {row.pk} before, whose secret was shown then"):
        callers.create(ann, "bot", ["call"], once=once)
    assert callers.create(bob, "bot", ["call"], once=once)[0].pk != row.pk
    assert ApiKey.objects.count() == 2


def test_one_order_sent_at_once_makes_one_key(
    person: Person, in_threads: Callable[..., None], transactional_db: None
) -> None:
    ann, once = person("engineer"), Idempotency("order-7", "digest")
    refused: list[Conflict] = []

    def order() -> None:
        try:
            callers.create(ann, "bot", ["call"], once=once)
        except Conflict as conflict:
            refused.append(conflict)

    in_threads(order, 4)
    assert (ApiKey.objects.count(), len(refused)) == (1, 3)


def test_people_see_their_own_keys_and_an_admin_all(person: Person) -> None:
    ann, bob = person("engineer"), person("engineer")
    first, _ = callers.create(ann, "first", ["call"])
    second, _ = callers.create(ann, "second", ["call"])
    other, _ = callers.create(bob, "other", ["call"])
    callers.playground_key(bob)
    assert list(callers.listing(ann)) == [second, first]
    assert list(callers.listing(person("admin"))) == [other, second, first]
    with pytest.raises(access.Forbidden):
        callers.listing(person("viewer"))


def test_the_playground_s_key_is_the_same_for_a_while_and_ends_by_itself(person: Person) -> None:
    viewer = person("viewer")
    secret = callers.playground_key(viewer)
    assert callers.playground_key(viewer) == secret
    assert callers.playground_key(person("viewer")) != secret
    actor = callers.actor_of(secret)
    assert actor is not None
    assert (actor.id, actor.scopes) == (viewer.pk, frozenset({"call"}))
    row = ApiKey.objects.get(created_by=viewer)
    assert row.expires_at is not None
    assert timedelta(minutes=9) < row.expires_at - timezone.now() <= timedelta(minutes=10)
    ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(hours=23))
    assert callers.forget_playground_keys() == 0
    ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(hours=25))
    assert callers.forget_playground_keys() == 1
    assert ApiKey.objects.count() == 1


def test_keys_that_people_made_for_applications_are_told_apart(person: Person) -> None:
    ann = person("engineer")
    row, _ = callers.create(ann, "bot", ["call"])
    callers.playground_key(ann)
    assert callers.made_by_people() == [row.pk]
