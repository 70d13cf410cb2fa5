"""The "registry" Django app."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Registers the app with Django."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"
