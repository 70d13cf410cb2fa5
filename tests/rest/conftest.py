"""Programs of every kind at the REST door."""

from collections.abc import Callable

import pytest
from django.test import Client

from controlplane.base.models import User
from registry.access import callers

SCOPES = ("call", "read", "manage")


@pytest.fixture
def key_client(person: Callable[..., User]) -> Callable[..., Client]:
    """Makes a client with a key: `key_client("manage")`; the key's account is an admin unless given."""

    def make(*scopes: str, owner: User | None = None) -> Client:
        _, secret = callers.create(owner or person("admin"), "program", scopes)
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def browser(person: Callable[..., User]) -> Callable[[str], Client]:
    """Makes a signed-in browser: `browser("engineer")`."""

    def make(role: str) -> Client:
        client = Client()
        client.force_login(person(role), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make
