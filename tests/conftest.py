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
