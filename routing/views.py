"""Pages of routing: calls, jobs, the playground."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import access, jobs
from controlplane.base.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.models import JobState
from controlplane.base.paging import page_of_rows
from registry import callers, catalog
from routing import traffic

CALL_FILTERS = ("model", "status", "task", "key")
MOST_NAMES = 200
PLAYGROUND_MODELS = 500


@page("call.read")
def calls(request: PersonRequest) -> HttpResponse:
    """Recent calls, newest first."""
    wanted = {name: request.GET.get(name, "").strip()[:200] for name in CALL_FILTERS}
    listing = traffic.calls(request.user, wanted, page_of(request))
    context = {"listing": listing, "wanted": wanted, "filtered": any(wanted.values()), "counted": traffic.COUNTED}
    return render(request, "calls.html", {**context, "key_names": key_names(request.user)})


@page("call.read")
def calls_of(request: PersonRequest, name: str) -> HttpResponse:
    """One model's newest calls, as part of its page."""
    listing = traffic.calls(request.user, {"model": name}, 1)
    context = {"listing": listing, "model_name": name, "key_names": key_names(request.user)}
    return render(request, "parts/calls_of.html", context)


@page("call.read")
def calls_summary(request: PersonRequest, name: str) -> HttpResponse:
    """One model's traffic, as part of its page."""
    found = traffic.of_models(request.user, [name]).get(name)
    return render(request, "parts/traffic.html", {"traffic": found, "name": name})


@page("call.read")
def calls_traffic(request: PersonRequest) -> HttpResponse:
    """Traffic of the models on screen, for the list to fill in."""
    names = request.GET.getlist("name")[:MOST_NAMES]
    found = traffic.of_models(request.user, names)
    return JsonResponse(
        {
            name: {"calls": round(one.calls_per_min, 1), "errors": round(one.error_percent, 1), "p95": one.p95_ms}
            for name, one in found.items()
        }
    )


def key_names(user: Any) -> dict[int, str]:
    """Names of the keys that `user` may see, by id."""
    if not access.can(user, "key.read"):
        return {}
    return dict(callers.listing(user).values_list("id", "name")[:2000])


@page("job.read")
def job_list(request: PersonRequest) -> HttpResponse:
    """Jobs that this person may see."""
    wanted = {"state": request.GET.get("state", ""), "kind": request.GET.get("kind", "")}
    rows = jobs.visible(request.user).select_related("created_by")
    if wanted["state"] in JobState.values:
        rows = rows.filter(state=wanted["state"])
    if wanted["kind"]:
        rows = rows.filter(kind=wanted["kind"][:32])
    context = {
        "listing": page_of_rows(rows, page_of(request)),
        "wanted": wanted,
        "states": JobState.values,
        "kinds": ("import", "probe", "call"),
        "filtered": any(wanted.values()),
    }
    return render(request, "jobs.html", context)


@page("job.read")
def job(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """One job. Its progress comes from the row, so it survives closing the tab."""
    found = jobs.get(request.user, job_id)
    over, may_cancel = found.state in jobs.FINAL, access.can(request.user, "job.cancel", found)
    return render(request, "job.html", {"job": found, "over": over, "may_cancel": may_cancel})


@page("job.read")
def job_progress(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """A job's progress for pages whose socket is away."""
    return JsonResponse(jobs.snapshot(jobs.get(request.user, job_id)))


@page("job.cancel", "POST")
def job_cancel(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """Stop a job."""
    found = jobs.cancel(request.user, job_id, request_id(request))
    stopped = found.state == JobState.CANCELLED
    messages.success(
        request, gettext("The job is cancelled.") if stopped else gettext("The job stops at its next step.")
    )
    return go(request, reverse("job", args=[job_id]))


@page("playground.use")
def playground(request: PersonRequest) -> HttpResponse:
    """Up to four models side by side."""
    chosen = [name for name in request.GET.getlist("model") if name][:4]
    listing = catalog.search(request.user, catalog.ModelFilter(), size=PLAYGROUND_MODELS)
    models = [model for model in listing.rows if model.state != "disabled"]
    known = {model.name: model for model in models}
    for name in chosen:
        if name not in known:
            known[name] = catalog.get(request.user, name)
            models.append(known[name])
    first = next((model for model in models if model.type == "llm" and model.state == "ready"), None)
    context = {"models": models, "chosen": chosen or ([first.name] if first else []), "total": listing.total}
    return render(request, "playground.html", context)


@page("playground.use", "POST")
def playground_key(request: PersonRequest) -> HttpResponse:
    """A key for this page, good for minutes. It goes to the script that asked and is stored nowhere in the page."""
    return JsonResponse({"key": callers.playground_key(request.user), "seconds": callers.PLAYGROUND_SECONDS})
