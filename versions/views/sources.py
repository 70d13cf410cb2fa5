"""Pages of sources: the list, one source with its scans and files, and the form."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base.forms import blame
from controlplane.base.refusals import Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.paging import page_of_rows
from versions import seen, watching
from versions.forms import SourceForm, draft_of
from versions.models import Source

FILES_SHOWN = 100
_FIELDS = {"source_exists": "name", "egress_refused": "location"}


@page("source.read")
def sources(request: PersonRequest) -> HttpResponse:
    """Every watched place, failing ones marked."""
    return render(request, "versions/sources.html", _context(request))


@page("source.change", "POST")
def source_create(request: PersonRequest) -> HttpResponse:
    """Watch a place."""
    form = SourceForm(request.POST)
    if form.is_valid():
        try:
            row = watching.create(request.user, _draft(form), request_id=request_id(request))
        except Refused as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is watched; its first scan runs.") % {"name": row.name})
            return go(request, reverse("source", args=[row.pk]))
    return render(request, "versions/sources.html", {**_context(request), "form": form}, status=422)


@page("source.read")
def source(request: PersonRequest, source_id: int) -> HttpResponse:
    """One source: its state, scans, findings, and the files of its newest manifest."""
    return render(request, "versions/source.html", _one(request, watching.get(request.user, source_id)))


@page("source.change", "POST")
def source_change(request: PersonRequest, source_id: int) -> HttpResponse:
    """Change a source."""
    row = watching.get(request.user, source_id)
    form = SourceForm(request.POST)
    if form.is_valid():
        try:
            watching.change(request.user, source_id, _draft(form), request_id=request_id(request))
        except Refused as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is changed.") % {"name": form.cleaned_data["name"]})
            return go(request, reverse("source", args=[source_id]))
    return render(request, "versions/source.html", {**_one(request, row), "form": form}, status=422)


@page("source.change", "POST")
def source_switch(request: PersonRequest, source_id: int, wanted: str) -> HttpResponse:
    """Watch again, or rest."""
    row = watching.change(request.user, source_id, {"enabled": wanted == "on"}, request_id=request_id(request))
    words = gettext("%(name)s is watched again.") if row.enabled else gettext("%(name)s rests.")
    messages.success(request, words % {"name": row.name})
    return go(request, reverse("source", args=[source_id]))


@page("source.change", "POST")
def source_delete(request: PersonRequest, source_id: int) -> HttpResponse:
    """Stop watching."""
    watching.delete(request.user, source_id, request_id=request_id(request))
    messages.success(request, gettext("The source is deleted."))
    return go(request, reverse("sources"))


@page("source.scan", "POST")
def source_scan(request: PersonRequest, source_id: int) -> HttpResponse:
    """Read every file again."""
    job = watching.scan_now(request.user, source_id, request_id=request_id(request))
    return go(request, reverse("job", args=[job.pk]))


def _context(request: PersonRequest) -> dict[str, Any]:
    rows = watching.listing(request.user)
    return {"listing": page_of_rows(rows, page_of(request)), "form": SourceForm()}


def _one(request: PersonRequest, row: Source) -> dict[str, Any]:
    listing = page_of_rows(seen.scans(request.user, row.pk), page_of(request))
    done = list(seen.scans(request.user, row.pk).exclude(manifest=None)[:2])
    newest = done[0].manifest if done else None
    before = done[1].manifest if len(done) > 1 else None
    part = request.GET.get("path", "").replace("\x00", "")[:200]
    files = seen.files(request.user, row.pk, done[0].pk, part) if done else []
    initial = {name: getattr(row, name) for name in watching.FIELDS if name not in ("model", "credential")}
    named = {"model": row.model.name, "credential": row.credential.name if row.credential else ""}
    return {
        "source": row,
        "listing": listing,
        "newest": done[0] if done else None,
        "manifest": newest,
        "differences": seen.differences(before, newest) if before and newest and before.pk != newest.pk else [],
        "files": files[:FILES_SHOWN],
        "files_more": max(0, len(files) - FILES_SHOWN),
        "part": part,
        "findings": done[0].findings if done else [],
        "updates": row.updates.select_related("model").order_by("-created_at")[:5],
        "hook": request.build_absolute_uri(f"/hooks/sources/{row.pk}"),
        "form": SourceForm(initial={**initial, **named}),
    }


def _draft(form: SourceForm) -> dict[str, Any]:
    draft = draft_of(form)
    draft["signature_policy"] = draft["signature_policy"] or "ignore"
    return draft
