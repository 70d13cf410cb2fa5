"""The "routing" Django app."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    """Registers the app with Django."""

    name = "routing"
    label = "routing"
    default_auto_field = "django.db.models.BigAutoField"
