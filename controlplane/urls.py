"""The URL map: pages of every app, and the REST API under /api/."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from controlplane import views
from controlplane.base import urls as base
from controlplane.base.api.index import Index, Nothing
from registry import urls as registry
from routing import urls as routing
from versions import urls as versions

APPS = (base, registry, routing, versions)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.overview, name="overview"),
    path("palette", views.palette, name="palette"),
    path("session", views.session, name="session"),
    *(path("", include(app.pages)) for app in APPS),
    *(path("api/", include(app.api)) for app in APPS),
    path("api/", Index.as_view(), name="api"),
    re_path(r"^api/(?P<rest>(?s:.*))$", Nothing.as_view(), name="api-nothing"),
]

handler400 = views.bad_request
handler403 = views.refused
handler404 = views.not_found
handler500 = views.broken
