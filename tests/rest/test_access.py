"""The reviewed table of URL × method × role × scope, held against every address that there is.

A new address fails here until somebody writes down who may use it. Columns: method, address, lowest role ("anyone"
without signing in), scopes of API keys that open it ("-" for none; keys of these tests belong to an admin).
"""

import re
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from controlplane.base.access import ROLES
from controlplane.base.models import User
from registry.access import callers
from tests.rest.access_table import TABLE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SCOPES = ("call", "read", "manage")
CATCH_ALL = r"^api/(?P<rest>(?s:.*))$"
SAMPLES = {"uuid": str(uuid.UUID(int=7)), "int": "987654", "str": "zzz", "word": "zzz", "path": "zzz"}

Row = tuple[str, ...]
ROWS: list[Row] = [tuple(line.split()) for line in TABLE.strip().splitlines()]


def patterns(found: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the URL map with its pattern."""
    for item in found:
        route = before + str(item.pattern)
        if isinstance(item, URLPattern):
            yield route or "/", item
        else:
            yield from patterns(item.url_patterns, route)


def all_routes() -> dict[str, URLPattern]:
    return dict(patterns(get_resolver().url_patterns))


def twin(route: str) -> bool:
    """Whether this is an API address with the optional slash at its end."""
    return route.startswith("api/") and route.endswith("/") and route != "api/"


def sample(route: str) -> str:
    """An address that matches `route` and leads to nothing that exists."""
    filled = re.sub(r"<(\w+):\w+>", lambda found: SAMPLES[found.group(1)], route)
    return filled if filled.startswith("/") else f"/{filled}"


def refused(answer: Any) -> bool:
    """Whether the door stayed shut: 401, 403, or away to the sign-in page."""
    to_sign_in = answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?next=")
    return answer.status_code in (401, 403) or to_sign_in


@pytest.fixture
def actors(settings: Any, person: Callable[..., User]) -> dict[str, Callable[[], Client]]:
    """Everybody who may come: nobody, each role, an admin's key of each scope."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": storage}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    people = {role: person(role) for role in ROLES}
    person("admin", "another")
    keys = {scope: callers.create(people["admin"], scope, [scope])[1] for scope in SCOPES}

    def signed_in(role: str) -> Client:
        client = Client()
        client.force_login(people[role], backend="django.contrib.auth.backends.ModelBackend")
        return client

    def with_key(scope: str) -> Client:
        return Client(headers={"Authorization": f"Bearer {keys[scope]}"})

    return {
        "anonymous": Client,
        **{role: partial(signed_in, role) for role in ROLES},
        **{f"key:{scope}": partial(with_key, scope) for scope in SCOPES},
    }


def may(row: Row, actor: str) -> bool:
    """What the table says."""
    _, _, role, scopes = row
    if role == "anyone":
        return True
    if actor in ROLES:
        return ROLES.index(actor) >= ROLES.index(role)
    return actor.startswith("key:") and actor[4:] in scopes.split(",")


def test_every_address_is_in_the_table() -> None:
    known = {route for _, route, _, _ in ROWS}
    there = {route for route in all_routes() if not twin(route)} - {CATCH_ALL}
    assert there - known == set(), "addresses without a reviewed row"
    assert known - there == set(), "rows of addresses that are gone"


def test_every_view_declares_what_the_table_says() -> None:
    declared = set()
    for route, pattern in all_routes().items():
        view: Any = pattern.callback
        methods = view.cls.verbs if hasattr(view, "cls") else getattr(view, "methods", ())
        if not twin(route) and route != CATCH_ALL:
            declared |= {(method, route) for method in methods}
    assert declared == {(method, route) for method, route, _, _ in ROWS}


def test_an_address_with_a_slash_is_the_same_view() -> None:
    routes = all_routes()
    for route, pattern in routes.items():
        if twin(route):
            assert pattern.callback is routes[route[:-1]].callback


@pytest.mark.django_db
def test_doors_open_for_those_in_the_table_only(actors: dict[str, Callable[[], Client]]) -> None:
    wrong = []
    ready = {actor: make() for actor, make in actors.items()}
    for row in ROWS:
        method, route = row[:2]
        for actor, make in actors.items():
            client = make() if route == "sign-out" else ready[actor]
            answer = client.generic(method, sample(route), content_type="application/json")
            if refused(answer) is may(row, actor) or answer.status_code >= 500:
                wrong.append(f"{method} {route} by {actor}: {answer.status_code}")
    assert wrong == []


def other_methods() -> Iterator[tuple[str, str]]:
    """Every address with each method that the table does not have."""
    for route in sorted({row[1] for row in ROWS}):
        allowed = {method for method, known, _, _ in ROWS if known == route}
        yield from ((route, method) for method in {*METHODS, "OPTIONS", "TRACE", "NONSENSE"} - allowed)


@pytest.mark.django_db
def test_other_methods_do_nothing(actors: dict[str, Callable[[], Client]]) -> None:
    wrong = []
    ready = {actor: actors[actor]() for actor in ("anonymous", "admin", "key:manage")}
    for route, method in other_methods():
        for actor, client in ready.items():
            answer = client.generic(method, sample(route), content_type="application/json")
            if answer.status_code not in (302, 401, 403, 405):
                wrong.append(f"{method} {route} by {actor}: {answer.status_code}")
    assert wrong == []
