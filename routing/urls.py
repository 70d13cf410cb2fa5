"""Addresses of routing: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path

from controlplane.base.audit.naming import Find
from controlplane.base.rest.generics import routes
from routing import api as routing_api
from routing import views

pages: list[URLPattern] = [
    path("calls", views.calls, name="calls"),
    path("calls/newer", views.calls_newer, name="calls-newer"),
    path("calls/traffic", views.calls_traffic, name="calls-traffic"),
    path("calls/of/<path:name>", views.calls_of, name="calls-of"),
    path("calls/summary/<path:name>", views.calls_summary, name="calls-summary"),
    path("calls/<path:call_id>", views.call, name="call"),
    path("jobs", views.job_list, name="jobs"),
    path("jobs/<uuid:job_id>", views.job, name="job"),
    path("jobs/<uuid:job_id>/progress", views.job_progress, name="job-progress"),
    path("jobs/<uuid:job_id>/cancel", views.job_cancel, name="job-cancel"),
    path("playground", views.playground, name="playground"),
    path("playground/key", views.playground_key, name="playground-key"),
    path("playground/models", views.playground_models, name="playground-models"),
    path("playground/models/<path:name>", views.playground_contract, name="playground-contract"),
    path("routing/lab", views.lab_home, name="lab"),
    path("routing/lab/start", views.lab_start, name="lab-start"),
    path("routing/lab/compare", views.lab_compare, name="lab-compare"),
    path("routing/lab/<uuid:job_id>", views.lab_race, name="lab-race"),
    path("routing/lab/<uuid:job_id>/progress", views.lab_progress, name="lab-progress"),
]
objects: dict[str, Find] = {}
api: list[URLPattern] = [
    *routes("calls", routing_api.Calls.as_view(), "calls"),
    *routes("calls/<path:call_id>", routing_api.OneCall.as_view(), "call"),
    *routes("lab/races", routing_api.Races.as_view(), "lab-races"),
    *routes("lab/races/<uuid:job_id>", routing_api.OneRace.as_view(), "lab-race"),
]
