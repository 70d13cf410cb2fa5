"""Programs of every kind at the REST door."""

from collections.abc import Callable

import pytest
from django.test import Client

from controlplane.base.models import User


@pytest.fixture
def browser(person: Callable[..., User]) -> Callable[[str], Client]:
    """Makes a signed-in browser: `browser("engineer")`."""

    def make(role: str) -> Client:
        client = Client()
        client.force_login(person(role), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return make
