"""The "registry" Django app."""

from django.apps import AppConfig

from controlplane.base.web import words
from registry.protocols.compiler.catalog import PROTOCOLS


class RegistryConfig(AppConfig):
    """Registers the app with Django."""

    name = "registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let pages call each protocol as its document does."""
        words.declare("protocol", {name: document.label or document.title for name, document in PROTOCOLS.items()})
