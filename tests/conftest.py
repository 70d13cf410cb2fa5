"""Fixtures that every test package may use."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.people", "tests.site", "tests.upstreams", "tests.workers"]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
