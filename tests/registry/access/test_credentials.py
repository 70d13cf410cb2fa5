"""Secrets of upstreams: sealed to their row and origin, never read back by people, kept while models use them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from controlplane.base import access, revision
from controlplane.base.models import Change, User
from controlplane.base.refusals import Conflict, Invalid, Missing
from controlplane.base.secrets import SecretError, unseal
from registry.access import credentials
from registry.catalog import verbs as catalog
from registry.models import Credential

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
SECRET = "sk-canary-0123456789"


@pytest.fixture
def engineer(person: Person) -> User:
    """Who stores secrets."""
    return person("engineer")


def stored(engineer: User, name: str = "lab", origin: str = "http://10.0.0.1:8000", secret: str = SECRET) -> Credential:
    """A stored secret, as it lies in the table."""
    return Credential.objects.get(pk=credentials.create(engineer, name, origin, secret).pk)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://models.example", "https://models.example:443"),
        (" http://H:8000/v1/ ", "http://h:8000"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://10.0.0.1", "http://10.0.0.1:80"),
    ],
)
def test_a_secret_belongs_to_an_origin(engineer: User, address: str, origin: str) -> None:
    assert stored(engineer, origin=address).origin == origin


@pytest.mark.parametrize("address", ["", "h:80", "ftp://h", "http://u:p@h", "http://127.1", "http://h?x=1"])
def test_what_is_no_origin_is_refused(engineer: User, address: str) -> None:
    with pytest.raises(Invalid) as caught:
        credentials.create(engineer, "lab", address, SECRET)
    assert caught.value.code == "origin"
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("secret", "hint"), [(SECRET, "…6789"), ("123456789012", "…9012"), ("12345678901", "…"), ("a", "…")]
)
def test_only_a_long_secret_shows_its_end(engineer: User, secret: str, hint: str) -> None:
    assert stored(engineer, secret=secret).hint == hint


@pytest.mark.parametrize("secret", ["", "a\nb", "a\r\nx: 1", "é", "\x00", "x" * 8193, "\x7f"])
def test_what_cannot_be_a_header_is_refused_and_not_repeated(engineer: User, secret: str) -> None:
    row = stored(engineer)
    with pytest.raises(Invalid, match="a secret must be 1 to") as made:
        credentials.create(engineer, "other", "http://h", secret)
    with pytest.raises(Invalid, match="a secret must be 1 to") as changed:
        credentials.change_secret(engineer, row.pk, secret)
    assert not secret or secret not in f"{made.value} {changed.value}"
    assert credentials.reveal(Credential.objects.get()) == SECRET


def test_a_secret_is_sealed_to_its_row_and_origin(engineer: User) -> None:
    row, other = stored(engineer), stored(engineer, "other")
    assert SECRET.encode() not in bytes(row.ciphertext)
    assert credentials.reveal(row) == SECRET
    moved = Credential(pk=other.pk, origin=row.origin, ciphertext=row.ciphertext)
    elsewhere = Credential(pk=row.pk, origin="http://evil:80", ciphertext=row.ciphertext)
    flipped = bytes(row.ciphertext)[:-1] + bytes([bytes(row.ciphertext)[-1] ^ 1])
    damaged = Credential(pk=row.pk, origin=row.origin, ciphertext=flipped)
    for wrong in (moved, elsewhere, damaged, Credential(pk=row.pk, origin=row.origin, ciphertext=b"")):
        with pytest.raises(SecretError, match="does not open with this master key"):
            credentials.reveal(wrong)
    with pytest.raises(SecretError):
        unseal(bytes(row.ciphertext), bytes(32), credentials.bound_to(row))
    assert unseal(bytes(row.ciphertext), settings.MASTER_KEY, credentials.bound_to(row)) == SECRET


def test_the_same_secret_never_looks_the_same(engineer: User) -> None:
    assert bytes(stored(engineer).ciphertext) != bytes(stored(engineer, "other").ciphertext)


def test_a_name_is_taken_once(engineer: User) -> None:
    stored(engineer)
    with pytest.raises(Conflict, match="a credential named 'lab' exists; change its secret instead"):
        credentials.create(engineer, "lab", "http://h", "other")
    assert Credential.objects.count() == 1


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201])
def test_names_that_are_refused(engineer: User, name: str) -> None:
    with pytest.raises(Invalid, match="must be 1 to 200 printable characters"):
        credentials.create(engineer, name, "http://h", SECRET)


def test_a_changed_secret_takes_the_place_of_the_old_one(engineer: User) -> None:
    row = stored(engineer)
    before = revision.current()
    changed = credentials.change_secret(engineer, row.pk, "sk-rotated-987654", request_id="r-2")
    assert (changed.hint, changed.origin, credentials.reveal(changed)) == ("…7654", row.origin, "sk-rotated-987654")
    assert revision.current() == before + 1
    entry = Change.objects.get(verb="credential.change")
    assert (entry.object_id, entry.request_id) == (str(row.pk), "r-2")


def test_no_audit_entry_holds_a_secret(engineer: User) -> None:
    row = stored(engineer)
    credentials.change_secret(engineer, row.pk, "sk-canary-rotated")
    credentials.delete(engineer, row.pk)
    entries = list(Change.objects.values())
    assert [entry["verb"] for entry in entries] == ["credential.create", "credential.change", "credential.delete"]
    assert "canary" not in repr(entries)


def test_a_secret_that_models_use_stays(engineer: User) -> None:
    row = stored(engineer)
    document = {"type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000", "credential": "lab"}
    made = [catalog.create(engineer, {**document, "name": f"m{number}"}) for number in range(7)]
    with pytest.raises(Conflict, match="used by m0, m1, m2, m3, m4; change those first"):
        credentials.delete(engineer, row.pk)
    catalog.delete(engineer, [model.pk for model in made])
    credentials.delete(engineer, row.pk)
    assert not Credential.objects.exists()


def test_a_list_says_how_many_models_use_a_secret_and_has_none(engineer: User) -> None:
    stored(engineer, "b")
    stored(engineer, "a")
    document = {"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://10.0.0.1:8000", "credential": "b"}
    catalog.create(engineer, document)
    rows = list(credentials.listing(engineer))
    assert [(row.name, row.used_by) for row in rows] == [("a", 0), ("b", 1)]  # type: ignore[attr-defined]
    assert all("ciphertext" in row.get_deferred_fields() for row in rows)


@pytest.mark.parametrize("verb", ["get", "change_secret", "delete"])
def test_what_is_not_there_is_missing(engineer: User, verb: str) -> None:
    more: tuple[Any, ...] = ("secret",) if verb == "change_secret" else ()
    with pytest.raises(Missing, match="there is no credential 7"):
        getattr(credentials, verb)(engineer, 7, *more)


@pytest.mark.parametrize("verb", ["listing", "get", "create", "change_secret", "delete"])
def test_a_viewer_has_nothing_to_do_with_secrets(person: Person, engineer: User, verb: str) -> None:
    row = stored(engineer)
    arguments: dict[str, tuple[Any, ...]] = {
        "listing": (),
        "create": ("x", "http://h", "s"),
        "change_secret": (row.pk, "s"),
    }
    for actor in (person("viewer"), None):
        with pytest.raises(access.Forbidden):
            getattr(credentials, verb)(actor, *arguments.get(verb, (row.pk,)))
    assert credentials.reveal(Credential.objects.get()) == SECRET
