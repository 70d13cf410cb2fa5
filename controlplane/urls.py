"""The URL map: pages of every app, and the REST API under /api/."""

from django.urls import URLPattern, URLResolver, include, path

from controlplane.base import urls as base
from registry import urls as registry
from routing import urls as routing
from versions import urls as versions

APPS = (base, registry, routing, versions)

urlpatterns: list[URLPattern | URLResolver] = [
    *(path("", include(app.pages)) for app in APPS),
    *(path("api/", include(app.api)) for app in APPS),
]
