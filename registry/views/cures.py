"""What failed for one cause, and the cure for all of it at once: look over, apply, undo."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from controlplane.base.jobs import verbs as jobs
from controlplane.base.refusals import Invalid
from controlplane.base.web.doors import PersonRequest, go, ids_given, offer_undo, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_list
from registry import reasons
from registry.catalog import cures

SHOWN = 500
"""The most models of one preview."""


@page("job.read")
def job_failed(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """What failed in a job; of one cause if one is asked for."""
    rows = reasons.rows_of(cures.of_job(jobs.get(request.user, job_id)), request.GET.get("cause", ""))
    return render(request, "registry/parts/cause_rows.html", {"listing": page_of_list(rows, page_of(request))})


@page("model.change", "POST")
def names(request: PersonRequest) -> HttpResponse:
    """What each of these models asks for, and would ask for instead; nothing is written."""
    found = cures.renamings(request.user, ids_given(request))
    if not found:
        messages.info(request, gettext("None of these models is unreachable for its upstream name any more."))
        return go(request, safe_back(request, reverse("models")))
    shown = found[:SHOWN]
    context = {
        "shown": shown,
        "hidden": len(found) - len(shown),
        "clear": all(len(item.offered) == 1 for item in shown),
        "back": safe_back(request, reverse("models")),
    }
    return render(request, "registry/cure_names.html", context)


@page("model.change", "POST")
def names_apply(request: PersonRequest) -> HttpResponse:
    """Have the models ask for the names chosen, and probe them in a job."""
    given = {model_id: request.POST.get(f"name-{model_id}", "").strip() for model_id in ids_given(request)}
    chosen = {model_id: name for model_id, name in given.items() if name}
    if not chosen:
        raise Invalid("nothing_selected", gettext("No name is chosen. Choose at least one."))
    changed, job = cures.set_upstream_model(request.user, chosen, request_id=request_id(request))
    words = ngettext(
        "%(n)d model asks for another name and is being probed.",
        "%(n)d models ask for other names and are being probed.",
        len(changed),
    ) % {"n": len(changed)}
    offer_undo(request, words, reverse("cure-names-undo"), changed)
    return go(request, reverse("job", args=[job.pk]) if job else safe_back(request, reverse("models")))


@page("model.change", "POST")
def names_undo(request: PersonRequest) -> HttpResponse:
    """Have the models ask for their former names again."""
    undone = cures.restore_upstream_model(request.user, ids_given(request), request_id=request_id(request))
    words = ngettext(
        "%(n)d model asks for its former name again.", "%(n)d models ask for their former names again.", len(undone)
    )
    messages.success(request, words % {"n": len(undone)})
    return go(request, safe_back(request, reverse("models")))


@page("settings.change", "POST")
def allow(request: PersonRequest) -> HttpResponse:
    """Allow the addresses that these models lack, and probe the models in a job."""
    entries = request.POST.getlist("entry")
    if not entries:
        raise Invalid("egress_entry", gettext("No address is named. Choose one to allow."))
    job = cures.allow(request.user, ids_given(request), entries, request_id=request_id(request))
    messages.success(request, gettext("%s is allowed from now on.") % ", ".join(entries))
    return go(request, reverse("job", args=[job.pk]))
