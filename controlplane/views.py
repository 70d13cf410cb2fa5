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
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext

from controlplane.base import access, job_outcomes
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import Job, JobState, Revision
from controlplane.base.rest import exceptions as faults
from controlplane.base.web import words
from controlplane.base.web.doors import PersonRequest, only_toast, page, partial, request_id
from controlplane.base.web.language import PROGRAMS
from controlplane.base.web.ui import navigation
from registry.access import callers
from registry.catalog import probing
from registry.catalog import verbs as catalog
from routing.calls import search as calls
from routing.calls import traffic
from routing.models import CallRecord

MOST_FOUND = 8
RECENT = timedelta(hours=24)
SHOWN_NEEDS = 5


@page("overview.read")
def overview(request: PersonRequest) -> HttpResponse:
    """How it goes: calls, errors, latency, models by state, and what needs somebody."""
    user = request.user
    states = catalog.counts_by_state(user)
    summary = traffic.summary(user)
    context = {
        "summary": summary,
        "series": series(summary),
        "states": states,
        "sentence": sentence(states, summary),
        "shares": shares(states),
        "models_total": sum(states.values()),
        "needs": needs(user, states),
        "calm": calm(states),
        "practice": catalog.count_tagged(user, "practice"),
        "revision": Revision.objects.order_by("-number").first(),
        "running": jobs.visible(user).filter(state__in=[JobState.RUNNING, JobState.QUEUED])[:SHOWN_NEEDS],
        "base": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "base/overview.html", context)


def sentence(states: dict[str, int], summary: traffic.Summary | None) -> str:
    """How it goes, in a line: how many models answer, how much is called, how much of it fails."""
    total, ready = sum(states.values()), states.get("ready", 0)
    answering = ngettext("%(ready)s of %(n)s model answers", "%(ready)s of %(n)s models answer", total)
    found = [answering % {"ready": f"{ready:,}", "n": f"{total:,}"}]
    if summary is not None:
        found.append(gettext("%(rate)s calls/s") % {"rate": f"{summary.calls_per_s:,.1f}"})
    if summary is not None and summary.error_percent is not None:
        found.append(gettext("%(share)s %% fail") % {"share": f"{summary.error_percent:.1f}"})
    return gettext("; ").join(found)


def series(summary: traffic.Summary | None) -> dict[str, str]:
    """Numbers of the sparklines, joined by commas."""
    buckets = summary.buckets if summary else ()
    return {
        "calls": ",".join(f"{bucket.calls / traffic.SPANS['15m'].step_s:.2f}" for bucket in buckets),
        "errors": ",".join(f"{100 * bucket.failed / bucket.calls if bucket.calls else 0:.2f}" for bucket in buckets),
        "p95": ",".join(f"{bucket.p95_ms or 0:.0f}" for bucket in buckets),
    }


def shares(states: dict[str, int]) -> list[dict[str, Any]]:
    """Models by state as parts of a bar that is 1000 wide."""
    total = sum(states.values()) or 1
    found, start = [], 0.0
    for state, count in states.items():
        width = 1000 * count / total
        found.append({"state": state, "count": count, "x": f"{start:.1f}", "width": f"{width:.1f}"})
        start += width
    return found


def needs(user: Any, states: dict[str, int]) -> list[dict[str, str]]:
    """What waits for a person, worst first."""
    found = []
    if states.get("unreachable"):
        away = catalog.ModelFilter(state=("unreachable",))
        rows = catalog.search(user, away, sort="-updated_at", size=SHOWN_NEEDS).rows
        count = states["unreachable"]
        found.append(
            {
                "tone": "unreachable",
                "what": ngettext("%(n)d model does not answer", "%(n)d models do not answer", count) % {"n": count},
                "more": ", ".join(row.name for row in rows[:3]) + (" …" if count > 3 else ""),
                "href": reverse("models") + "?state=unreachable",
                "action": gettext("Look"),
            }
        )
    wrong = job_outcomes.WHERE[job_outcomes.FAILED] | job_outcomes.WHERE[job_outcomes.PARTLY_FAILED]
    failed = jobs.visible(user).filter(wrong, finished_at__gte=timezone.now() - RECENT).exclude(title=probing.RECOVERY)
    for job in failed[:SHOWN_NEEDS]:
        found.append(
            {
                "tone": job.outcome,
                "what": job_words(job),
                "more": job.title or str(job.pk),
                "href": reverse("job", args=[job.pk]),
                "action": gettext("Look"),
            }
        )
    if sum(states.values()) and access.can(user, "key.create") and not callers.listing(user).exists():
        found.append(
            {
                "tone": "queued",
                "what": gettext("No application can call yet"),
                "more": gettext("There is no API key."),
                "href": reverse("keys"),
                "action": gettext("Make a key"),
            }
        )
    return found


def job_words(job: Job) -> str:
    """What went wrong with a job, in a line."""
    kind = words.word("kind", job.kind)
    if job.state == JobState.FAILED:
        return gettext("%(kind)s failed") % {"kind": kind}
    return gettext("%(kind)s: %(failed)d of %(total)d failed") % {"kind": kind, **counts(job)}


def counts(job: Job) -> dict[str, int]:
    """A job's failed steps and all of them."""
    return {name: int(job.progress.get(name) or 0) for name in ("failed", "total")}


def calm(states: dict[str, int]) -> list[str]:
    """What was looked at, for a reader whom nothing waits for."""
    ready, probing, disabled = (states.get(state, 0) for state in ("ready", "probing", "disabled"))
    words = ngettext("%(n)d model answered its last probe.", "%(n)d models answered their last probe.", ready)
    found = [words % {"n": ready}]
    if probing:
        words = ngettext("%(n)d model is being probed.", "%(n)d models are being probed.", probing)
        found.append(words % {"n": probing})
    if disabled:
        words = ngettext("%(n)d model is disabled on purpose.", "%(n)d models are disabled on purpose.", disabled)
        found.append(words % {"n": disabled})
    return [*found, gettext("No job failed in the last 24 hours.")]


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
    for group in navigation(user):
        for place in group["places"]:
            found.append({"label": str(place["words"]), "kind": gettext("Page"), "href": reverse(place["name"])})
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
    """500; 503 where PostgreSQL is away or all connections are in use. Reads neither database nor session.

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
