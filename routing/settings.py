"""The data plane's settings, out of Django's: for the web process and for workers that make durable calls."""

from django.conf import settings

from registry.guard import own_services
from routing.dataplane.cors import origins
from routing.dataplane.plane import PlaneSettings


def plane_settings(number: int | None = None) -> PlaneSettings:
    """Where the data plane keeps its files, and the secrets it needs; `number` is the gateway's, None in a worker."""
    return PlaneSettings(
        data_dir=settings.DATA_DIR,
        redis_url=settings.REDIS_URL,
        pepper=settings.KEY_PEPPER,
        master_key=settings.MASTER_KEY,
        own=own_services(),
        browsers=origins(settings.CORS_ORIGINS),
        number=number,
        gateways=settings.GATEWAYS,
    )
