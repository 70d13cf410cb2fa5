"""The "versions" Django app."""

from django.apps import AppConfig


class VersionsConfig(AppConfig):
    """Registers the app with Django."""

    name = "versions"
    label = "versions"
    default_auto_field = "django.db.models.BigAutoField"
