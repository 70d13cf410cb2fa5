"""Addresses of registry: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from registry.views import access, models, onboarding

pages: list[URLPattern] = [
    path("models", models.models, name="models"),
    path("models/new", onboarding.model_new, name="model-new"),
    path("models/import", onboarding.model_import, name="model-import"),
    path("models/<path:name>", models.model, name="model"),
    path("edit/<path:name>", models.edit, name="model-edit"),
    path("onboard/plan", onboarding.import_plan, name="import-plan"),
    path("onboard/apply", onboarding.import_apply, name="import-apply"),
    path("jobs/<uuid:job_id>/failed.yaml", onboarding.import_failed, name="import-failed"),
    path("bulk/enable", models.enable, name="bulk-enable"),
    path("bulk/disable", models.disable, name="bulk-disable"),
    path("bulk/tag", models.tag, name="bulk-tag"),
    path("bulk/probe", models.probe, name="bulk-probe"),
    path("bulk/delete", models.delete, name="bulk-delete"),
    path("bulk/export", models.export, name="bulk-export"),
    path("keys", access.keys, name="keys"),
    path("keys/create", access.key_create, name="key-create"),
    path("keys/<int:key_id>/revoke", access.key_revoke, name="key-revoke"),
    path("credentials", access.credential_list, name="credentials"),
    path("credentials/create", access.credential_create, name="credential-create"),
    path("credentials/<int:credential_id>/change", access.credential_change, name="credential-change"),
    path("credentials/<int:credential_id>/delete", access.credential_delete, name="credential-delete"),
]
api: list[URLPattern] = []
