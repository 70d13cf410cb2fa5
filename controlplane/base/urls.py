"""Addresses of base: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base import api as resources
from controlplane.base import views
from controlplane.base.objects import OBJECTS
from controlplane.base.rest.generics import routes

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
    path("settings/invitations/<int:link_id>/withdraw", views.withdraw, name="withdraw"),
    path("settings/people/<int:user_id>", views.change_person, name="change-person"),
    path("lists/<str:place>/layout", views.list_layout, name="list-layout"),
    path("lists/<str:place>/views", views.view_save, name="view-save"),
    path("lists/views/<int:view_id>", views.view_change, name="view-change"),
    path("lists/views/<int:view_id>/delete", views.view_delete, name="view-delete"),
    path("audit", views.audit_log, name="audit"),
    path("audit/export", views.audit_export, name="audit-export"),
]
objects = OBJECTS
api: list[URLPattern] = [
    *routes("me", resources.Me.as_view(), "me"),
    *routes("jobs", resources.Jobs.as_view(), "jobs"),
    *routes("jobs/<uuid:job_id>", resources.OneJob.as_view(), "job"),
    *routes("jobs/<uuid:job_id>/cancel", resources.CancelJob.as_view(), "job-cancel"),
    *routes("audit", resources.AuditLog.as_view(), "audit"),
    *routes("audit/check", resources.AuditCheck.as_view(), "audit-check"),
    *routes("settings/egress", resources.EgressSettings.as_view(), "egress"),
    *routes("users", resources.Users.as_view(), "users"),
    *routes("users/<int:user_id>", resources.OneUser.as_view(), "user"),
    *routes("setup-links", resources.SetupLinks.as_view(), "setup-links"),
    *routes("setup-links/<int:link_id>", resources.OneSetupLink.as_view(), "setup-link"),
    *routes("schema", resources.Schema.as_view(), "schema"),
    *routes("docs", views.api_reference, "docs"),
]
