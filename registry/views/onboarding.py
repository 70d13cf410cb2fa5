"""Ways in for models: one by its address, many by a file."""

import hashlib
import uuid

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from controlplane.base.jobs import verbs as jobs
from controlplane.base.web.doors import PersonRequest, download, go, page, request_id
from controlplane.base.web.paging import page_of_list
from registry.catalog import importing
from registry.specfile.rules import SPEC_WORDS

SHOWN_ROWS = 100


@page("model.import")
def model_import(request: PersonRequest) -> HttpResponse:
    """Upload or paste."""
    return render(request, "registry/model_import.html", {"text": "", "file": "", **SPEC_WORDS})


@page("model.import", "POST")
def import_plan(request: PersonRequest) -> HttpResponse:
    """What the file would do: every row, every error, nothing written."""
    text, file = given_file(request)
    plan = importing.plan(request.user, text, file)
    wrong = [row for row in plan.rows if row.errors]
    fine = [row for row in plan.rows if not row.errors]
    context = {
        "plan": plan,
        "file": file,
        "wrong": page_of_list(wrong, page_in(request, "wrong"), SHOWN_ROWS),
        "fine": page_of_list(fine, page_in(request, "fine"), SHOWN_ROWS),
        "to_write": plan.counts["new"] + plan.counts["changed"],
        "key": uuid.uuid4().hex,
    }
    return render(request, "registry/parts/import_plan.html", context)


@page("model.import", "POST")
def import_wrong(request: PersonRequest) -> HttpResponse:
    """The rows that cannot be imported, to mend elsewhere while the others go in."""
    text, file = given_file(request)
    return download(importing.invalid_yaml(request.user, text, file), "invalid-rows.yaml")


def given_file(request: PersonRequest) -> tuple[str, str]:
    """The form's YAML and the name of the file that it came from."""
    return request.POST.get("text", ""), request.POST.get("file", "").strip()[:120] or "<paste>"


def page_in(request: PersonRequest, name: str) -> int:
    """The page number in the form's field `name`; the first if it holds none."""
    given = request.POST.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 1


@page("model.import", "POST")
def import_apply(request: PersonRequest) -> HttpResponse:
    """Import in a job and go to its page. A second click finds the same job."""
    text, file = given_file(request)
    key = request.POST.get("key", "")[:64]
    twice = jobs.Idempotency(key, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()) if key else None
    mode = request.POST.get("mode", "atomic")
    job = importing.start(request.user, text, file, mode, idempotency=twice, request_id=request_id(request))
    return go(request, reverse("job", args=[job.pk]))


@page("job.read")
def import_failed(request: PersonRequest, job_id: uuid.UUID) -> HttpResponse:
    """The rows that failed, to mend and import again."""
    text = importing.failed_yaml(jobs.get(request.user, job_id))
    return download(text, f"failed-{str(job_id)[:8]}.yaml")
