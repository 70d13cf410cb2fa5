"""The "base" Django app."""

from django.apps import AppConfig


class BaseConfig(AppConfig):
    """Registers the app with Django."""

    name = "controlplane.base"
    label = "base"
    default_auto_field = "django.db.models.BigAutoField"
