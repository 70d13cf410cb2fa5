"""Fixtures of energy: an installation with devices of its own, that began some minutes ago."""

import time
from collections.abc import Callable

import pytest

from controlplane.base.models import User
from tests.routing.energy.own_devices import OwnDevices

AGO = 580
"""Within the finest history, whose partitions are dropped after ten minutes."""


@pytest.fixture
def own(person: Callable[..., User], stores: None) -> OwnDevices:
    """An installation that began some minutes ago."""
    return OwnDevices(person("engineer"), float(int(time.time()) // 60 * 60 - AGO // 60 * 60))
