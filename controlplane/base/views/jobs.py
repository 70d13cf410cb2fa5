"""Pages of jobs."""

import uuid

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import access, job_outcomes
from controlplane.base.jobs import kinds
from controlplane.base.jobs import verbs as jobs
from controlplane.base.models import JobState
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_rows


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
        "kinds": [kind.name for kind in kinds.every()],
        "filtered": any(wanted.values()),
        "everyone": access.can(request.user, "job.read_all"),
    }
    return render(request, "base/jobs.html", context)


@page("job.read")
def job(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """One job. Its progress comes from the row, so it survives closing the tab."""
    found = jobs.get(request.user, job_id)
    over, may_cancel = found.state in jobs.FINAL, access.can(request.user, "job.cancel", found)
    kind = kinds.find(found.kind)
    more = kind.context(found) if kind else {}
    context = {"job": found, "over": over, "may_cancel": may_cancel, "kind": kind, **more}
    return render(request, "base/job.html", context)


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
