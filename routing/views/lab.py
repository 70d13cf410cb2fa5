"""Pages of the lab: races of two policies."""

import json
import uuid

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from controlplane.base import access
from controlplane.base.jobs import verbs as jobs
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.paging import page_of_rows
from routing.lab import races as lab
from routing.lab.figures import FIGURES, SHORT, compared
from routing.lab.series import tables


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
