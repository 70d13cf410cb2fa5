"""Fixtures that every test package may use."""

pytest_plugins = ["tests.people", "tests.site", "tests.upstreams", "tests.workers"]
