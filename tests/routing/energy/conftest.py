"""Fixtures of energy: an installation with devices of its own, that began some minutes ago."""

from collections.abc import Callable

import pytest

from controlplane.base.models import User
from tests.routing.energy.own_devices import OwnDevices, lately


@pytest.fixture
def own(person: Callable[..., User], stores: None) -> OwnDevices:
    """An installation that began some minutes ago."""
    return OwnDevices(person("engineer"), lately())
