"""Fixtures that every test package may use."""

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.people", "tests.site", "tests.upstreams", "tests.workers", "tests.emptying"]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with programs or browsers come first, so that quick ones fill the end of a run with several workers."""
    heavy = [item for item in items if any(map(item.get_closest_marker, ("slow", "browser")))]
    for item in heavy:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300))
    first = {item.path for item in heavy}
    items.sort(key=lambda item: item.path not in first)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(stores: None, django_db_modify_db_settings_parallel_suffix: None) -> None:
    """The database of the tests needs its server. Overrides pytest-django's fixture of this name."""
