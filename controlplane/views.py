"""Pages of the roof: the overview, the palette, and the answers that belong to no app."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from controlplane import charts, fleet_overview
from controlplane import overview as overviews
from controlplane.base import access
from controlplane.base.audit import history
from controlplane.base.models import Revision
from controlplane.base.rest import exceptions as faults
from controlplane.base.web import words
from controlplane.base.web.doors import PersonRequest, only_toast, page, partial, request_id
from controlplane.base.web.language import PROGRAMS
from controlplane.base.web.navigation import navigation
from registry.access import callers
from registry.catalog import verbs as catalog
from routing.calls import search as calls
from routing.calls import traffic
from routing.models import CallRecord

MOST_FOUND = 8


@page("overview.read")
def overview(request: PersonRequest) -> HttpResponse:
    """How it goes: calls, errors, latency, models by state, and what needs somebody."""
    user = request.user
    span = request.GET.get("span", "")
    span = span if span in traffic.SPANS else "15m"
    states = catalog.counts_by_state(user)
    summary = traffic.summary(user, span)
    step = timedelta(seconds=traffic.SPANS[span].step_s)
    base = request.build_absolute_uri("/").rstrip("/")
    fleet = fleet_overview.now(user)
    context = {
        "span": span,
        "spans": traffic.SPANS,
        "span_pushed": span == "15m",
        "summary": summary,
        "chart": charts.chart(summary.buckets, summary.current, step) if summary else None,
        "states": states,
        "sentence": overviews.sentence(states, summary),
        "shares": overviews.shares(states),
        "models_total": sum(states.values()),
        "fleet": fleet,
        "needs": overviews.needs(user, states, fleet),
        "calm": overviews.calm(states),
        "worst": traffic.failing(user, span),
        "since": summary.buckets[0].at.isoformat(timespec="seconds") if summary else "",
        "latest": history.latest(user) if access.can(user, "audit.read") else (),
        "practice": catalog.count_tagged(user, overviews.PRACTICE),
        "revision": Revision.objects.order_by("-number").first(),
        "running": overviews.running(user),
        "first_steps": overviews.first_steps(user, base),
        "base": base,
    }
    return render(request, "base/overview.html", context)


@page("overview.read")
def palette(request: PersonRequest) -> HttpResponse:
    """Places, actions, models and calls for the palette, as far as the reader may use them."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    wanted = text.lower()
    entries = [entry for entry, called in named_entries(request.user) if wanted in called]
    if wanted and access.can(request.user, "model.read"):
        listing = catalog.search(request.user, catalog.ModelFilter(q=wanted), size=MOST_FOUND)
        entries = [
            *(model_entry(model.name) for model in listing.rows),
            *entries,
        ]
    if wanted and access.can(request.user, "key.read"):
        rows = callers.listing(request.user).filter(name__icontains=wanted)[:3]
        entries += [{"label": row.name, "kind": gettext("API key"), "href": reverse("keys")} for row in rows]
    if wanted and access.can(request.user, "call.read"):
        entries = [*map(call_entry, calls.with_this_id(request.user, text)), *entries]
    return JsonResponse({"results": entries[:20]})


def call_entry(call: CallRecord) -> dict[str, str]:
    """A call as a palette entry."""
    label = f"{call.told_id} · {call.model} · {words.state(call.outcome)}"
    return {"label": label, "kind": gettext("Call"), "href": reverse("call", args=[call.pk])}


def model_entry(name: str) -> dict[str, str]:
    """A model as a palette entry."""
    return {"label": name, "kind": gettext("Model"), "href": reverse("model", args=[name])}


def named_entries(user: Any) -> Iterator[tuple[dict[str, str], str]]:
    """Actions and places, each with the words it is found by: the reader's and the English ones."""
    with translation.override("en"):
        english = fixed_entries(user)
    for entry, named in zip(fixed_entries(user), english, strict=True):
        yield entry, f"{entry['label']}\n{named['label']}".lower()


def fixed_entries(user: Any) -> list[dict[str, str]]:
    """Actions and places that `user` may use."""
    actions = [
        ("model.create", gettext("New model"), reverse("model-new")),
        ("model.import", gettext("Import models from YAML"), reverse("model-import")),
        ("key.create", gettext("New API key"), reverse("keys")),
        ("credential.create", gettext("New credential"), reverse("credentials")),
        ("settings.change", gettext("Change the egress list"), reverse("settings") + "#egress"),
    ]
    found = [
        {"label": label, "kind": gettext("Action"), "href": address}
        for verb, label, address in actions
        if access.can(user, verb)
    ]
    found.append({"label": gettext("API reference"), "kind": gettext("Page"), "href": reverse("api-docs")})
    for group in navigation(user):
        for place in group.places:
            found.append({"label": str(place.words), "kind": gettext("Page"), "href": reverse(place.name)})
    return found


@page("profile.change")
def session(request: PersonRequest) -> HttpResponse:
    """204 while the session lives; scripts ask before a form is sent, so that nothing typed is lost."""
    return HttpResponse(status=204)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old."""
    text = gettext("This form has expired. Go back, reload the page and send it again.")
    return fault(request, 403, text)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400 for what cannot be read."""
    return fault(request, 400, gettext("The request could not be read."))


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 that no door gave."""
    return fault(request, 403, gettext("This is not allowed."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 for addresses and things that do not exist."""
    return fault(request, 404, "")


def broken(request: HttpRequest) -> HttpResponse:
    """500; 503 if PostgreSQL is away or all connections are in use. Reads neither database nor session.

    Django calls this inside its `except`, for what a view or a middleware raised.
    """
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError):
        return fault(request, 500, "")
    if request.path_info.startswith(PROGRAMS):
        return faults.store_unavailable(error, request)
    text = gettext("The database does not answer, or too many pages wait for it. Try again in a few seconds.")
    response = only_toast(text, 503) if partial(request) else fault(request, 503, text)
    response.headers["Retry-After"] = "5"
    return response


def fault(request: HttpRequest, status: int, text: str) -> HttpResponse:
    """A whole-page error without anything that could fail again."""
    context = {
        "status": status,
        "text": text,
        "request_id": request_id(request),
        "LANGUAGE_CODE": translation.get_language(),
        "theme": "system",
        "script_words": "{}",
    }
    return HttpResponse(render_to_string("base/fault.html", context), status=status)
