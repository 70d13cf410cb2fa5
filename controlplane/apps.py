"""The roof's Django app: it owns management commands and no tables, and assembles what the apps declare."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ControlPlaneConfig(AppConfig):
    """Settings, URLs, services and commands."""

    name = "controlplane"

    def ready(self) -> None:
        """Read the module `declared` of every app, this one's first."""
        autodiscover_modules("declared")
