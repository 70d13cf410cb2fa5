"""Addresses of base: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base import views

pages: list[URLPattern] = [
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("set-up/<str:token>", views.set_up, name="set-up"),
    path("language", views.language, name="language"),
    path("settings", views.settings, name="settings"),
    path("settings/profile", views.profile, name="profile"),
    path("settings/password", views.password, name="password"),
    path("settings/egress", views.egress, name="settings-egress"),
    path("settings/invite", views.invite, name="invite"),
    path("settings/people/<int:user_id>", views.change_person, name="change-person"),
    path("audit", views.audit_log, name="audit"),
]
api: list[URLPattern] = []
