"""Fixtures: people of each role, and work in several threads at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from controlplane.base.models import User


@pytest.fixture
def person(db: None) -> Callable[..., User]:
    """Makes an account: `person("engineer")`."""

    def make(role: str, name: str = "") -> User:
        return User.objects.create(username=name or f"{role}-{User.objects.count()}", role=role)

    return make


@pytest.fixture
def in_threads() -> Callable[[Callable[[], None], int], None]:
    """Runs a function in several threads at once, each with its own database connection, and waits for all."""

    def run(work: Callable[[], None], count: int) -> None:
        def once() -> None:
            try:
                work()
            finally:
                connection.close()

        with ThreadPoolExecutor(count) as pool:
            for future in [pool.submit(once) for _ in range(count)]:
                future.result(60)

    return run
