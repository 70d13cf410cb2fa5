"""Addresses of registry: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base.rest.generics import routes
from registry.api import access as access_api
from registry.api import imports as imports_api
from registry.api import lineage as lineage_api
from registry.api import models as models_api
from registry.api import upstreams as upstreams_api
from registry.views import access, cures, model, models, onboarding, wizard

pages: list[URLPattern] = [
    path("models", models.models, name="models"),
    path("models/new", wizard.model_new, name="model-new"),
    path("models/import", onboarding.model_import, name="model-import"),
    path("models/<path:name>", model.model, name="model"),
    path("edit/<path:name>", model.edit, name="model-edit"),
    path("onboard/detect", wizard.detect, name="onboard-detect"),
    path("onboard/allow", wizard.allow, name="onboard-allow"),
    path("onboard/test", wizard.test, name="onboard-test"),
    path("onboard/save", wizard.save, name="onboard-save"),
    path("onboard/plan", onboarding.import_plan, name="import-plan"),
    path("onboard/wrong.yaml", onboarding.import_wrong, name="import-wrong"),
    path("onboard/apply", onboarding.import_apply, name="import-apply"),
    path("jobs/<uuid:job_id>/failed.yaml", onboarding.import_failed, name="import-failed"),
    path("jobs/<uuid:job_id>/failed", cures.job_failed, name="job-failed"),
    path("unreachable", models.unreachable, name="unreachable"),
    path("cures/names", cures.names, name="cure-names"),
    path("cures/names/apply", cures.names_apply, name="cure-names-apply"),
    path("cures/names/undo", cures.names_undo, name="cure-names-undo"),
    path("cures/allow", cures.allow, name="cure-allow"),
    path("restore/<path:name>", model.restore, name="model-restore"),
    path("aliases/set/<path:name>", model.alias_set, name="alias-set"),
    path("aliases/delete/<path:name>", model.alias_delete, name="alias-delete"),
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
api: list[URLPattern] = [
    *routes("models", models_api.Models.as_view(), "models"),
    *routes("models/export", models_api.ExportModels.as_view(), "models-export"),
    *routes("models/tag", models_api.TagModels.as_view(), "models-tag"),
    *routes("models/<path:name>/probe", models_api.ProbeModel.as_view(), "model-probe"),
    *routes("models/<path:name>/enable", models_api.EnableModel.as_view(), "model-enable"),
    *routes("models/<path:name>/disable", models_api.DisableModel.as_view(), "model-disable"),
    *routes("models/<path:name>/releases", lineage_api.Releases.as_view(), "model-releases"),
    *routes("models/<path:name>/difference", lineage_api.Difference.as_view(), "model-difference"),
    *routes("models/<path:name>/restore", lineage_api.Restore.as_view(), "model-restore"),
    *routes("models/<path:name>/aliases", lineage_api.Aliases.as_view(), "model-aliases"),
    *routes("models/<path:name>", models_api.OneModel.as_view(), "model"),
    *routes("imports", imports_api.Imports.as_view(), "imports"),
    *routes("imports/<uuid:job_id>/failed", imports_api.ImportFailures.as_view(), "import-failed"),
    *routes("keys", access_api.Keys.as_view(), "keys"),
    *routes("keys/<int:key_id>", access_api.OneKey.as_view(), "key"),
    *routes("keys/<int:key_id>/replay", access_api.KeyReplay.as_view(), "key-replay"),
    *routes("credentials", access_api.Credentials.as_view(), "credentials"),
    *routes("credentials/<int:credential_id>", access_api.OneCredential.as_view(), "credential"),
    *routes("detect", upstreams_api.Detect.as_view(), "detect"),
    *routes("test-call", upstreams_api.TestCall.as_view(), "test-call"),
    *routes("protocols", upstreams_api.Protocols.as_view(), "protocols"),
    *routes("protocols/<str:name>", upstreams_api.OneProtocol.as_view(), "protocol"),
    *routes("spec-schema", upstreams_api.SpecSchema.as_view(), "spec-schema"),
]
