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

TABLE = """
GET    /                                           viewer   -
GET    palette                                     viewer   -
GET    session                                     viewer   -
GET    sign-in                                     anyone   -
POST   sign-in                                     anyone   -
POST   sign-out                                    viewer   -
GET    set-up/<str:token>                          anyone   -
POST   set-up/<str:token>                          anyone   -
POST   language                                    anyone   -
GET    settings                                    viewer   -
POST   settings/profile                            viewer   -
POST   lists/<str:place>/layout                    viewer   -
POST   lists/<str:place>/views                     viewer   -
POST   lists/views/<int:view_id>                   viewer   -
POST   lists/views/<int:view_id>/delete            viewer   -
POST   settings/password                           viewer   -
POST   settings/egress                             admin    -
POST   settings/invite                             admin    -
POST   settings/invitations/<int:link_id>/withdraw admin    -
POST   settings/people/<int:user_id>               admin    -
GET    outages                                     viewer   -
GET    reviews                                     viewer   -
POST   reviews/equal                               reviewer -
POST   reviews/propose/<path:name>                 engineer -
GET    reviews/<uuid:update_id>                    viewer   -
POST   reviews/<uuid:update_id>/<str:decision>     viewer   -
GET    rollouts                                    viewer   -
GET    rollouts/<uuid:update_id>                   viewer   -
POST   rollouts/<uuid:update_id>/<str:move>        engineer -
POST   hooks/flagger/<str:hook>                    anyone   -
GET    hooks/argo/<path:name>                      viewer   read,manage
POST   hooks/sources/<int:source_id>               anyone   -
GET    calendar                                    viewer   -
POST   hooks/repositories/<int:repository_id>      anyone   -
GET    repositories                                engineer -
POST   repositories/new                            admin    -
GET    repositories/<int:repository_id>            engineer -
POST   repositories/<int:repository_id>/change     admin    -
POST   repositories/<int:repository_id>/delete     admin    -
POST   repositories/<int:repository_id>/pull       admin    -
GET    sources                                     engineer -
POST   sources/new                                 engineer -
GET    sources/<int:source_id>                     engineer -
POST   sources/<int:source_id>/change              engineer -
POST   sources/<int:source_id>/delete              engineer -
POST   sources/<int:source_id>/scan                engineer -
POST   sources/<int:source_id>/<str:wanted>        engineer -
GET    audit                                       reviewer -
GET    audit/export                                reviewer -
GET    models                                      viewer   -
GET    models/new                                  engineer -
GET    models/import                               engineer -
GET    models/<path:name>                          viewer   -
GET    edit/<path:name>                            engineer -
POST   edit/<path:name>                            engineer -
POST   onboard/detect                              engineer -
POST   onboard/allow                               admin    -
POST   onboard/test                                engineer -
POST   onboard/save                                engineer -
POST   onboard/plan                                engineer -
POST   onboard/apply                               engineer -
POST   onboard/wrong.yaml                          engineer -
GET    jobs/<uuid:job_id>/failed.yaml              viewer   -
GET    unreachable                                 viewer   -
POST   cures/names                                 engineer -
POST   cures/names/apply                           engineer -
POST   cures/names/undo                            engineer -
POST   cures/allow                                 admin    -
GET    jobs/<uuid:job_id>/failed                   viewer   -
POST   restore/<path:name>                         engineer -
POST   bulk/enable                                 engineer -
POST   bulk/disable                                engineer -
POST   bulk/tag                                    engineer -
POST   bulk/probe                                  engineer -
POST   bulk/delete                                 engineer -
POST   bulk/export                                 viewer   -
GET    keys                                        engineer -
POST   keys/create                                 engineer -
POST   keys/<int:key_id>/revoke                    engineer -
GET    credentials                                 engineer -
POST   credentials/create                          engineer -
POST   credentials/<int:credential_id>/change      engineer -
POST   credentials/<int:credential_id>/delete      engineer -
GET    calls                                       viewer   -
GET    calls/newer                                 viewer   -
GET    calls/traffic                               viewer   -
GET    calls/of/<path:name>                        viewer   -
GET    calls/summary/<path:name>                   viewer   -
GET    calls/<path:call_id>                        viewer   -
GET    jobs                                        viewer   -
GET    jobs/<uuid:job_id>                          viewer   -
GET    jobs/<uuid:job_id>/progress                 viewer   -
POST   jobs/<uuid:job_id>/cancel                   viewer   -
GET    playground                                  viewer   -
GET    playground/models                           viewer   -
GET    playground/models/<path:name>               viewer   -
POST   playground/key                              viewer   -
GET    routing/lab                                 viewer   -
POST   routing/lab/start                           engineer -
GET    routing/lab/compare                         viewer   -
GET    routing/lab/<uuid:job_id>                   viewer   -
GET    routing/lab/<uuid:job_id>/progress          viewer   -
GET    api/                                        anyone   -
GET    api/me                                      viewer   call,read,manage
GET    api/jobs                                    viewer   call,read,manage
GET    api/jobs/<uuid:job_id>                      viewer   call,read,manage
POST   api/jobs/<uuid:job_id>/cancel               viewer   call,manage
GET    api/audit                                   reviewer -
GET    api/audit/check                             reviewer -
GET    api/settings/egress                         admin    -
PUT    api/settings/egress                         admin    -
GET    api/users                                   admin    -
PATCH  api/users/<int:user_id>                     admin    -
GET    api/setup-links                             admin    -
POST   api/setup-links                             admin    -
DELETE api/setup-links/<int:link_id>               admin    -
GET    api/schema                                  anyone   -
GET    api/docs                                    viewer   -
GET    api/models                                  viewer   read,manage
POST   api/models                                  engineer manage
GET    api/models/export                           viewer   read,manage
POST   api/models/tag                              engineer manage
POST   api/models/<path:name>/probe                engineer manage
POST   api/models/<path:name>/enable               engineer manage
POST   api/models/<path:name>/disable              engineer manage
GET    api/models/<path:name>/releases             viewer   read,manage
GET    api/models/<path:name>/difference           viewer   read,manage
POST   api/models/<path:name>/restore              engineer manage
GET    api/models/<path:name>/aliases              viewer   read,manage
PUT    api/models/<path:name>/aliases              engineer manage
DELETE api/models/<path:name>/aliases              engineer manage
GET    api/models/<path:name>                      viewer   read,manage
PUT    api/models/<path:name>                      engineer manage
DELETE api/models/<path:name>                      engineer manage
POST   api/imports                                 engineer manage
GET    api/imports/<uuid:job_id>/failed            viewer   call,read,manage
GET    api/keys                                    engineer manage
POST   api/keys                                    engineer -
DELETE api/keys/<int:key_id>                       engineer -
PUT    api/keys/<int:key_id>/replay                engineer -
GET    api/credentials                             engineer manage
POST   api/credentials                             engineer manage
GET    api/credentials/<int:credential_id>         engineer manage
PUT    api/credentials/<int:credential_id>         engineer manage
DELETE api/credentials/<int:credential_id>         engineer manage
POST   api/detect                                  engineer manage
POST   api/test-call                               engineer manage
GET    api/protocols                               viewer   read,manage
GET    api/protocols/<str:name>                    viewer   read,manage
GET    api/spec-schema                             anyone   -
GET    api/calls                                   viewer   read,manage
GET    api/calls/<path:call_id>                    viewer   read,manage
GET    api/lab/races                               viewer   read,manage
POST   api/lab/races                               engineer manage
GET    api/lab/races/<uuid:job_id>                 viewer   read,manage
GET    api/outages                                 viewer   read,manage
GET    api/updates                                 viewer   read,manage
POST   api/updates                                 engineer manage
GET    api/updates/<uuid:update_id>                viewer   read,manage
POST   api/updates/<uuid:update_id>/<str:decision> reviewer -
GET    api/update-policy                           admin    -
PUT    api/update-policy                           admin    -
GET    api/golden-answers                          viewer   read,manage
POST   api/golden-answers                          engineer manage
DELETE api/golden-answers/<int:golden_id>          engineer manage
GET    api/rollouts                                viewer   read,manage
GET    api/rollouts/plan                           viewer   read,manage
PUT    api/rollouts/plan                           admin    -
GET    api/rollouts/<uuid:update_id>               viewer   read,manage
POST   api/rollouts/<uuid:update_id>/<str:move>    engineer manage
GET    api/calendar                                viewer   read,manage
GET    api/repositories                            engineer manage
POST   api/repositories                            admin    -
GET    api/repositories/<int:repository_id>        engineer manage
PATCH  api/repositories/<int:repository_id>        admin    -
DELETE api/repositories/<int:repository_id>        admin    -
POST   api/repositories/<int:repository_id>/pull   admin    -
GET    api/repositories/<int:repository_id>/pushes engineer manage
GET    api/sources                                 engineer manage
POST   api/sources                                 engineer manage
GET    api/sources/<int:source_id>                 engineer manage
PATCH  api/sources/<int:source_id>                 engineer manage
DELETE api/sources/<int:source_id>                 engineer manage
POST   api/sources/<int:source_id>/scan            engineer manage
GET    api/sources/<int:source_id>/scans           engineer manage
GET    api/sources/<int:source_id>/scans/<int:scan_id>/files engineer manage
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SCOPES = ("call", "read", "manage")
CATCH_ALL = r"^api/(?P<rest>(?s:.*))$"
SAMPLES = {"uuid": str(uuid.UUID(int=7)), "int": "987654", "str": "zzz", "path": "zzz"}

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
