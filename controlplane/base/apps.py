"""The "base" Django app."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in

from controlplane.base.web.sessions import begin


class BaseConfig(AppConfig):
    """Registers the app with Django."""

    name = "controlplane.base"
    label = "base"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Note in every new session when it began."""
        user_logged_in.connect(begin, dispatch_uid="session begins")
