"""Addresses of versions: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base.rest.generics import routes
from versions.api import outages as outages_api
from versions.api import updates as updates_api
from versions.views import outages, reviews

pages: list[URLPattern] = [
    path("outages", outages.outages, name="outages"),
    path("reviews", reviews.reviews, name="reviews"),
    path("reviews/equal", reviews.reviews_equal, name="reviews-equal"),
    path("reviews/<uuid:update_id>", reviews.review, name="review"),
    path("reviews/<uuid:update_id>/<str:decision>", reviews.review_decide, name="review-decide"),
]
api: list[URLPattern] = [
    *routes("outages", outages_api.Outages.as_view(), "outages"),
    *routes("updates", updates_api.Updates.as_view(), "updates"),
    *routes("updates/<uuid:update_id>", updates_api.OneUpdate.as_view(), "update"),
    *routes("updates/<uuid:update_id>/<str:decision>", updates_api.Decide.as_view(), "update-decide"),
]
