"""The roof's Django app: it owns management commands and no tables, and assembles what the apps declare."""

import os

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ControlPlaneConfig(AppConfig):
    """Settings, URLs, services and commands."""

    name = "controlplane"

    def ready(self) -> None:
        """Read the module `declared` of every app, this one's first, unless the program needs none of them."""
        if "WITHOUT_DECLARATIONS" not in os.environ:
            autodiscover_modules("declared")
