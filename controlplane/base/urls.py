"""Addresses of base: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base.api import audit as audit_api
from controlplane.base.api import index
from controlplane.base.api import jobs as jobs_api
from controlplane.base.api import people as people_api
from controlplane.base.api import settings as settings_api
from controlplane.base.rest.generics import routes
from controlplane.base.views import audit, jobs, lists, reference, sessions, settings

pages: list[URLPattern] = [
    path("sign-in", sessions.sign_in, name="sign-in"),
    path("sign-out", sessions.sign_out, name="sign-out"),
    path("set-up/<str:token>", sessions.set_up, name="set-up"),
    path("language", sessions.language, name="language"),
    path("settings", settings.settings, name="settings"),
    path("settings/profile", settings.profile, name="profile"),
    path("settings/password", settings.password, name="password"),
    path("settings/egress", settings.egress, name="settings-egress"),
    path("settings/invite", settings.invite, name="invite"),
    path("settings/invitations/<int:link_id>/withdraw", settings.withdraw, name="withdraw"),
    path("settings/people/<int:user_id>", settings.change_person, name="change-person"),
    path("lists/<str:place>/layout", lists.list_layout, name="list-layout"),
    path("lists/<str:place>/views", lists.view_save, name="view-save"),
    path("lists/views/<int:view_id>", lists.view_change, name="view-change"),
    path("lists/views/<int:view_id>/delete", lists.view_delete, name="view-delete"),
    path("jobs", jobs.job_list, name="jobs"),
    path("jobs/<uuid:job_id>", jobs.job, name="job"),
    path("jobs/<uuid:job_id>/progress", jobs.job_progress, name="job-progress"),
    path("jobs/<uuid:job_id>/cancel", jobs.job_cancel, name="job-cancel"),
    path("audit", audit.audit_log, name="audit"),
    path("audit/export", audit.audit_export, name="audit-export"),
]
api: list[URLPattern] = [
    *routes("me", people_api.Me.as_view(), "me"),
    *routes("jobs", jobs_api.Jobs.as_view(), "jobs"),
    *routes("jobs/<uuid:job_id>", jobs_api.OneJob.as_view(), "job"),
    *routes("jobs/<uuid:job_id>/cancel", jobs_api.CancelJob.as_view(), "job-cancel"),
    *routes("audit", audit_api.AuditLog.as_view(), "audit"),
    *routes("audit/check", audit_api.AuditCheck.as_view(), "audit-check"),
    *routes("settings/egress", settings_api.EgressSettings.as_view(), "egress"),
    *routes("users", people_api.Users.as_view(), "users"),
    *routes("users/<int:user_id>", people_api.OneUser.as_view(), "user"),
    *routes("setup-links", people_api.SetupLinks.as_view(), "setup-links"),
    *routes("setup-links/<int:link_id>", people_api.OneSetupLink.as_view(), "setup-link"),
    *routes("schema", index.Schema.as_view(), "schema"),
    *routes("docs", reference.api_reference, "docs"),
]
