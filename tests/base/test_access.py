"""Who may do what: roles contain one another, scopes narrow a role, and what is not listed is refused."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from controlplane.base import access
from controlplane.base.access import ROLES, SCOPES, VERBS, Forbidden

EVERY = sorted(frozenset().union(*VERBS.values()))


@dataclass
class Person:
    """An account."""

    role: str
    id: int = 1
    is_active: bool = True


@dataclass
class Key(Person):
    """A key of an account."""

    scopes: frozenset[str] = field(default_factory=frozenset)
    key_id: int = 9


@dataclass
class Thing:
    """What somebody made, by hand or by a key."""

    created_by_id: int | None
    api_key_id: int | None = None


def test_each_role_has_all_of_the_one_before_and_more() -> None:
    for lower, higher in pairwise(ROLES):
        assert VERBS[lower] < VERBS[higher]


@pytest.mark.parametrize("verb", EVERY)
def test_a_verb_is_open_from_its_role_on(verb: str) -> None:
    may = [access.can(Person(role), verb) for role in ROLES]
    assert may == sorted(may)
    assert may[-1]


@pytest.mark.parametrize("verb", ["", "model.destroy", "model.*", "MODEL.READ", "job.read_all_all"])
def test_an_unknown_verb_is_nobodys(verb: str) -> None:
    assert not access.can(Person("admin"), verb)
    with pytest.raises(Forbidden, match="needs the role nobody; yours is admin"):
        access.require(Person("admin"), verb)


@pytest.mark.parametrize("actor", [None, Person("admin", is_active=False), Person("root"), Person("")])
def test_nobody_the_shut_out_and_unknown_roles_may_nothing(actor: Person | None) -> None:
    assert [verb for verb in EVERY if access.can(actor, verb)] == []


def test_a_refusal_names_the_lowest_role_that_would_do() -> None:
    with pytest.raises(Forbidden) as refused:
        access.require(Person("viewer"), "review.approve")
    assert (refused.value.needed, refused.value.role, refused.value.verb) == ("reviewer", "viewer", "review.approve")
    with pytest.raises(Forbidden, match="yours is anonymous"):
        access.require(None, "model.read")


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role", ROLES)
def test_a_key_may_what_scope_and_role_both_open(role: str, scope: str) -> None:
    key = Key(role, scopes=frozenset({scope}))
    assert {verb for verb in EVERY if access.can(key, verb)} == VERBS[role] & SCOPES[scope]


def test_a_key_without_a_known_scope_may_nothing() -> None:
    for scopes in (frozenset[str](), frozenset({"root"})):
        assert [verb for verb in EVERY if access.can(Key("admin", scopes=scopes), verb)] == []


def test_no_key_makes_keys_or_changes_people() -> None:
    every = Key("admin", scopes=frozenset(SCOPES))
    for verb in ("key.create", "key.revoke", "user.invite", "user.change", "settings.change", "playground.use"):
        assert not access.can(every, verb)


@pytest.mark.parametrize("verb", ["job.read", "job.cancel"])
def test_own_jobs_are_open_and_those_of_others_to_admins_alone(verb: str) -> None:
    own, other, nobodys = Thing(1), Thing(2), Thing(None)
    assert access.can(Person("viewer"), verb, own)
    for thing in (other, nobodys):
        assert not access.can(Person("reviewer"), verb, thing)
        assert access.can(Person("admin"), verb, thing)


def test_a_key_owns_what_it_made_and_not_what_its_account_made() -> None:
    key = Key("engineer", scopes=frozenset({"read"}))
    assert access.can(key, "job.read", Thing(1, api_key_id=9))
    assert not access.can(key, "job.read", Thing(1, api_key_id=8))
    assert not access.can(key, "job.read", Thing(1))


def test_things_that_belong_to_all_have_no_owner_to_ask_for() -> None:
    assert access.can(Person("engineer"), "model.change", Thing(2))
