"""Addresses of versions: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base.rest.generics import routes
from versions.api import calendar as calendar_api
from versions.api import gates as gates_api
from versions.api import golden as golden_api
from versions.api import outages as outages_api
from versions.api import policy as policy_api
from versions.api import repositories as repositories_api
from versions.api import rollouts as rollouts_api
from versions.api import sources as sources_api
from versions.api import updates as updates_api
from versions.views import calendar, hooks, outages, repositories, reviews, rollouts, sources

pages: list[URLPattern] = [
    path("outages", outages.outages, name="outages"),
    path("reviews", reviews.reviews, name="reviews"),
    path("reviews/equal", reviews.reviews_equal, name="reviews-equal"),
    path("reviews/propose/<path:name>", reviews.update_propose, name="update-propose"),
    path("reviews/<uuid:update_id>", reviews.review, name="review"),
    path("reviews/<uuid:update_id>/<str:decision>", reviews.review_decide, name="review-decide"),
    path("rollouts", rollouts.rollouts, name="rollouts"),
    path("rollouts/<uuid:update_id>", rollouts.rollout, name="rollout"),
    path("rollouts/<uuid:update_id>/<str:move>", rollouts.rollout_move, name="rollout-move"),
    path("hooks/flagger/<str:hook>", gates_api.FlaggerHook.as_view(), name="flagger-hook"),
    path("hooks/argo/<path:name>", gates_api.ArgoMetric.as_view(), name="argo-metric"),
    path("hooks/sources/<int:source_id>", hooks.source_hook, name="source-hook"),
    path("calendar", calendar.calendar_page, name="calendar"),
    path("hooks/repositories/<int:repository_id>", hooks.repository_hook, name="repository-hook"),
    path("repositories", repositories.repositories, name="repositories"),
    path("repositories/new", repositories.repository_create, name="repository-create"),
    path("repositories/<int:repository_id>", repositories.repository, name="repository"),
    path("repositories/<int:repository_id>/change", repositories.repository_change, name="repository-change"),
    path("repositories/<int:repository_id>/delete", repositories.repository_delete, name="repository-delete"),
    path("repositories/<int:repository_id>/pull", repositories.repository_pull, name="repository-pull"),
    path("sources", sources.sources, name="sources"),
    path("sources/new", sources.source_create, name="source-create"),
    path("sources/<int:source_id>", sources.source, name="source"),
    path("sources/<int:source_id>/change", sources.source_change, name="source-change"),
    path("sources/<int:source_id>/delete", sources.source_delete, name="source-delete"),
    path("sources/<int:source_id>/scan", sources.source_scan, name="source-scan"),
    path("sources/<int:source_id>/<str:wanted>", sources.source_switch, name="source-switch"),
]
api: list[URLPattern] = [
    *routes("outages", outages_api.Outages.as_view(), "outages"),
    *routes("updates", updates_api.Updates.as_view(), "updates"),
    *routes("updates/<uuid:update_id>", updates_api.OneUpdate.as_view(), "update"),
    *routes("updates/<uuid:update_id>/<str:decision>", updates_api.Decide.as_view(), "update-decide"),
    *routes("update-policy", policy_api.Policy.as_view(), "update-policy"),
    *routes("golden-answers", golden_api.GoldenAnswers.as_view(), "golden-answers"),
    *routes("golden-answers/<int:golden_id>", golden_api.OneGolden.as_view(), "golden-answer"),
    *routes("rollouts", rollouts_api.Rollouts.as_view(), "rollouts"),
    *routes("rollouts/plan", rollouts_api.Plan.as_view(), "rollout-plan"),
    *routes("rollouts/<uuid:update_id>", rollouts_api.OneRollout.as_view(), "rollout"),
    *routes("rollouts/<uuid:update_id>/<str:move>", rollouts_api.MoveRollout.as_view(), "rollout-move"),
    *routes("calendar", calendar_api.Calendar.as_view(), "calendar"),
    *routes("repositories", repositories_api.Repositories.as_view(), "repositories"),
    *routes("repositories/<int:repository_id>", repositories_api.OneRepository.as_view(), "repository"),
    *routes("repositories/<int:repository_id>/pull", repositories_api.PullNow.as_view(), "repository-pull"),
    *routes("repositories/<int:repository_id>/pushes", repositories_api.Pushes.as_view(), "repository-pushes"),
    *routes("sources", sources_api.Sources.as_view(), "sources"),
    *routes("sources/<int:source_id>", sources_api.OneSource.as_view(), "source"),
    *routes("sources/<int:source_id>/scan", sources_api.ScanNow.as_view(), "source-scan"),
    *routes("sources/<int:source_id>/scans", sources_api.Scans.as_view(), "source-scans"),
    *routes("sources/<int:source_id>/scans/<int:scan_id>/files", sources_api.ManifestFiles.as_view(), "source-files"),
]
