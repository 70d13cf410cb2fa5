"""Pages of routing: calls, jobs, the playground, the lab."""

import json
import uuid
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import access, job_outcomes, saved_views
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import JobState
from controlplane.base.saved_views import Column
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_rows
from registry.access import callers
from registry.catalog import cures
from registry.catalog import verbs as catalog
from routing import adaptations, outcomes
from routing.calls import playground as contracts
from routing.calls import search as call_list
from routing.calls import traffic
from routing.lab import races as lab
from routing.lab.figures import FIGURES, SHORT, compared
from routing.lab.series import tables

MOST_NAMES = 200
UNSEEN_FILTERS = ("model", "task", "since", "until")
"""Filters of calls that a link sets; they are shown as chips and go on with the form."""


@page("call.read")
def calls(request: PersonRequest) -> HttpResponse:
    """Recent calls, newest first."""
    wanted = wanted_calls(request)
    kept = saved_views.kept(request.user, "calls", request.GET, call_columns())
    context = {
        "list": kept,
        "heads": kept.columns,
        "shown": kept.shown,
        "listing": call_list.listing(request.user, wanted, page_of(request)),
        "wanted": wanted,
        "kept": {name: wanted[name] for name in UNSEEN_FILTERS if wanted[name]},
        "filters": filters_of(wanted),
        "filtered": any(wanted.values()),
        "counted": call_list.COUNTED,
        "outcomes": outcomes.OUTCOMES,
        "key_names": key_names(request.user),
    }
    return render(request, "routing/calls.html", context)


@page("call.read")
def call(request: PersonRequest, call_id: str) -> HttpResponse:
    """One call, and the calls beside it in the list that the address' filter gives."""
    found = call_list.get(request.user, call_id)
    wanted = wanted_calls(request)
    context = {
        "call": found,
        "changes": adaptations.tell(found.adapted),
        "beside": call_list.neighbours(request.user, found, wanted),
        "filters": filters_of(wanted),
        "key_name": key_names(request.user).get(found.api_key_id or 0, ""),
    }
    return render(request, "routing/call.html", context)


def filters_of(wanted: dict[str, str]) -> str:
    """A list's filter as the query of an address, with its question mark; empty if nothing is filtered."""
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"?{query}" if query else ""


def wanted_calls(request: PersonRequest) -> dict[str, str]:
    """The filter in the address of a list of calls."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in call_list.FILTERS}


def call_columns() -> list[Column]:
    """What the list can show of a call."""
    return [
        Column("when", gettext("When"), fixed=True),
        Column("model", gettext("Model")),
        Column("status", gettext("Status")),
        Column("task", gettext("Task")),
        Column("time", gettext("Time"), number=True),
        Column("first_byte", gettext("First byte"), number=True),
        Column("tokens", gettext("Tokens"), number=True),
        Column("key", gettext("Key")),
        Column("detail", gettext("Detail")),
    ]


@page("call.read")
def calls_newer(request: PersonRequest) -> HttpResponse:
    """How many calls came since the newest one on screen."""
    count = call_list.newer(request.user, wanted_calls(request), request.GET.get("after", ""))
    return JsonResponse({"count": count, "most": call_list.MOST_NEW})


@page("call.read")
def calls_of(request: PersonRequest, name: str) -> HttpResponse:
    """One model's newest calls, as part of its page."""
    listing = call_list.listing(request.user, {"model": name}, 1)
    heads = [column for column in call_columns() if column.name != "model"]
    context = {
        "heads": heads,
        "shown": {column.name for column in heads},
        "listing": listing,
        "model_name": name,
        "filters": filters_of({"model": name}),
        "key_names": key_names(request.user),
    }
    return render(request, "routing/parts/calls_of.html", context)


@page("call.read")
def calls_summary(request: PersonRequest, name: str) -> HttpResponse:
    """One model's traffic, as part of its page."""
    found = traffic.of_models(request.user, [name]).get(name)
    return render(request, "routing/parts/traffic.html", {"traffic": found, "name": name})


@page("call.read")
def calls_traffic(request: PersonRequest) -> HttpResponse:
    """Traffic of the models on screen, for the list to fill in."""
    names = request.GET.getlist("name")[:MOST_NAMES]
    found = traffic.of_models(request.user, names)
    return JsonResponse(
        {
            name: {"calls": one.calls_per_min, "errors": one.error_percent, "p95": one.p95_ms}
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
    rows = rows.filter(job_outcomes.WHERE.get(wanted["state"], Q()))
    if wanted["kind"]:
        rows = rows.filter(kind=wanted["kind"][:32])
    context = {
        "listing": page_of_rows(rows, page_of(request)),
        "wanted": wanted,
        "states": job_outcomes.OUTCOMES,
        "kinds": ("import", "probe", "call", lab.KIND),
        "filtered": any(wanted.values()),
        "everyone": access.can(request.user, "job.read_all"),
    }
    return render(request, "routing/jobs.html", context)


@page("job.read")
def job(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """One job. Its progress comes from the row, so it survives closing the tab."""
    found = jobs.get(request.user, job_id)
    over, may_cancel = found.state in jobs.FINAL, access.can(request.user, "job.cancel", found)
    context = {"job": found, "over": over, "may_cancel": may_cancel, "causes": cures.of_job(found)}
    return render(request, "routing/job.html", context)


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
    return go(request, safe_back(request, reverse("job", args=[job_id])))


@page("playground.use")
def playground(request: PersonRequest) -> HttpResponse:
    """Up to four models side by side."""
    chosen = [name for name in request.GET.getlist("model") if name][:4]
    ready = catalog.search(request.user, catalog.ModelFilter(type=("llm",), state=("ready",)), size=1).rows
    context = {
        "chosen": chosen or [model.name for model in ready],
        "any": bool(ready) or catalog.search(request.user, size=1).total > 0,
    }
    return render(request, "routing/playground.html", context)


@page("playground.use")
def playground_models(request: PersonRequest) -> HttpResponse:
    """Enabled models that match what was typed, the picker's offers."""
    wanted = catalog.ModelFilter(q=request.GET.get("q", "").strip()[:200])
    found = catalog.search(request.user, wanted, size=2 * contracts.MOST_OFFERED)
    offers = [contracts.offer(model) for model in found.rows if model.state != "disabled"][: contracts.MOST_OFFERED]
    return JsonResponse({"models": offers, "total": found.total})


@page("playground.use")
def playground_contract(request: PersonRequest, name: str) -> HttpResponse:
    """What a model takes: the form is drawn from it. 404 for a name that no model has."""
    return JsonResponse(contracts.contract(catalog.get(request.user, name)))


@page("playground.use", "POST")
def playground_key(request: PersonRequest) -> HttpResponse:
    """A key for this page, good for minutes. It goes to the script that asked and is stored nowhere in the page."""
    return JsonResponse({"key": callers.playground_key(request.user), "seconds": callers.PLAYGROUND_SECONDS})


@page("lab.read")
def lab_home(request: PersonRequest) -> HttpResponse:
    """Start a race; earlier ones."""
    wanted = {name: request.GET.get(name, "")[:40] for name in ("scenario", "policy")}
    listing = page_of_rows(lab.listing(request.user, wanted["scenario"], wanted["policy"]), page_of(request))
    races = [{"job": job, "rows": compared(job.input["policies"], lab.figures_of(job))} for job in listing.rows]
    context = {
        "listing": listing,
        "races": races,
        "wanted": wanted,
        "filtered": any(wanted.values()),
        "scenarios": lab.SCENARIOS,
        "policies": lab.POLICIES,
        "default": lab.DEFAULT,
        "most_seed": lab.MOST_SEED,
        "kept_days": jobs.KEPT.days,
        "columns": SHORT[:3],
        "terms": FIGURES,
        "base": request.build_absolute_uri("/").rstrip("/"),
        "key": uuid.uuid4().hex,
    }
    return render(request, "routing/lab.html", context)


@page("lab.run", "POST")
def lab_start(request: PersonRequest) -> HttpResponse:
    """Let two policies race and go to the race's page. A second click finds the same race."""
    scenario, policies = request.POST.get("scenario", ""), request.POST.getlist("policy")
    seed = request.POST.get("seed", "").strip()
    twice = jobs.once(request.POST.get("key"), scenario, *policies, seed)
    job = lab.start(request.user, scenario, policies, lab.seed_of(seed), twice, request_id(request))
    return go(request, reverse("lab-race", args=[job.pk]))


@page("lab.read")
def lab_race(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """One race, running or over."""
    found = lab.get(request.user, job_id)
    policies, series = found.input["policies"], lab.series_of(found)
    over = found.state in jobs.FINAL
    context = {
        "job": found,
        "policies": policies,
        "over": over,
        "may_cancel": not over and access.can(request.user, "job.cancel", found),
        "rows": compared(policies, lab.figures_of(found)),
        "short": SHORT,
        "series": series,
        "series_text": json.dumps(series, separators=(",", ":")),
        "phases": lab.PHASES,
        "charts": tables(policies, series),
        "again": lab.next_seed(found),
        "key": uuid.uuid4().hex,
    }
    return render(request, "routing/lab_race.html", context)


@page("lab.read")
def lab_progress(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """A race's progress, for everybody who may see races."""
    return JsonResponse(jobs.snapshot(lab.get(request.user, job_id)))


@page("lab.read")
def lab_compare(request: PersonRequest) -> HttpResponse:
    """The figures of several races side by side."""
    found = lab.chosen(request.user, request.GET.getlist("job"))
    races = [{"job": job, "rows": compared(job.input["policies"], lab.figures_of(job))} for job in found]
    alike = len({(job.input["scenario"], job.input["seed"]) for job in found}) < 2
    return render(
        request, "routing/lab_compare.html", {"races": races, "figures": FIGURES, "alike": alike, "terms": FIGURES}
    )
