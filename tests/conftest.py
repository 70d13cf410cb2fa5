"""Fixtures that every test package may use."""

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.people", "tests.site", "tests.upstreams", "tests.workers"]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def nothing_cached() -> None:
    """Figures that pages keep for seconds are those of no earlier test."""
    cache.clear()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(stores: None, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The database of the tests needs its server. Overrides pytest-django's fixture of this name."""
