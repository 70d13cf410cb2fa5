"""Pages of repositories of specs: the list, one repository with its pushes, and the form."""

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
from versions.forms import RepositoryForm, draft_of
from versions.gitops import pushes
from versions.gitops import repositories as verbs
from versions.models import Push, SpecRepository, Update

ROWS_SHOWN = 100
_FIELDS = {"repository_exists": "name"}


@page("source.read")
def repositories(request: PersonRequest) -> HttpResponse:
    """Every repository with its last push."""
    return render(request, "versions/repositories.html", _context(request))


@page("repository.change", "POST")
def repository_create(request: PersonRequest) -> HttpResponse:
    """Take specs from a repository."""
    form = RepositoryForm(request.POST)
    if form.is_valid():
        try:
            row = verbs.create(request.user, draft_of(form), request_id=request_id(request))
        except Refused as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is added.") % {"name": row.name})
            return go(request, reverse("repository", args=[row.pk]))
    return render(request, "versions/repositories.html", {**_context(request), "form": form}, status=422)


@page("source.read")
def repository(request: PersonRequest, repository_id: int) -> HttpResponse:
    """One repository: its last push with plan and status, earlier pushes, and its webhook."""
    return render(request, "versions/repository.html", _one(request, verbs.get(request.user, repository_id)))


@page("repository.change", "POST")
def repository_change(request: PersonRequest, repository_id: int) -> HttpResponse:
    """Change a repository."""
    row = verbs.get(request.user, repository_id)
    form = RepositoryForm(request.POST)
    if form.is_valid():
        try:
            verbs.change(request.user, repository_id, draft_of(form), request_id=request_id(request))
        except Refused as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is changed.") % {"name": form.cleaned_data["name"]})
            return go(request, reverse("repository", args=[repository_id]))
    return render(request, "versions/repository.html", {**_one(request, row), "form": form}, status=422)


@page("repository.change", "POST")
def repository_delete(request: PersonRequest, repository_id: int) -> HttpResponse:
    """Forget a repository."""
    verbs.delete(request.user, repository_id, request_id=request_id(request))
    messages.success(request, gettext("The repository is deleted."))
    return go(request, reverse("repositories"))


@page("repository.change", "POST")
def repository_pull(request: PersonRequest, repository_id: int) -> HttpResponse:
    """Read the branch now."""
    console = request.build_absolute_uri("/")
    pushes.pull(request.user, repository_id, console, request_id=request_id(request))
    messages.success(request, gettext("The branch is read now."))
    return go(request, reverse("repository", args=[repository_id]))


def _context(request: PersonRequest) -> dict[str, Any]:
    listing = page_of_rows(verbs.listing(request.user), page_of(request))
    last = Push.objects.in_bulk([row.last_push for row in listing.rows if row.last_push])
    return {
        "listing": listing,
        "entries": [(row, last.get(row.last_push)) for row in listing.rows],
        "form": RepositoryForm(),
    }


def _one(request: PersonRequest, row: SpecRepository) -> dict[str, Any]:
    found = verbs.pushes(request.user, row.pk)
    push = found.first()
    initial = {name: getattr(row, name) for name in verbs.FIELDS if name != "credential"}
    return {
        "repository": row,
        "push": push,
        "rows": _rows(push) if push else [],
        "rows_more": max(0, push.plan.get("counts", {}).get("total", 0) - ROWS_SHOWN) if push else 0,
        "listing": page_of_rows(found, page_of(request)),
        "hook": request.build_absolute_uri(reverse("repository-hook", args=[row.pk])),
        "form": RepositoryForm(initial={**initial, "credential": row.credential.name if row.credential else ""}),
    }


def _rows(push: Push) -> list[tuple[dict[str, Any], Update | None]]:
    """The plan's rows, each changed one with its update as it is now."""
    updates = push.plan.get("updates", {})
    shown = push.plan.get("rows", [])[:ROWS_SHOWN]
    named = [updates[row["name"]] for row in shown if row["name"] in updates]
    found = {str(pk): update for pk, update in Update.objects.only("state", "verdict").in_bulk(named).items()}
    return [(row, found.get(updates.get(row["name"], ""))) for row in shown]
