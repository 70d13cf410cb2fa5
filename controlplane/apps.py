"""The roof's Django app: it owns management commands and no tables."""

from django.apps import AppConfig


class ControlPlaneConfig(AppConfig):
    """Settings, URLs, services and commands."""

    name = "controlplane"
