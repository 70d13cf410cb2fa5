"""The page of outages."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from controlplane.base.web.doors import PersonRequest, page, page_of
from versions import ledger, practised


@page("update.read")
def outages(request: PersonRequest) -> HttpResponse:
    """Outages by month and cause, and beside them what callers were spared."""
    context = {
        "months": ledger.listing(request.user),
        "listing": ledger.outages(request.user, page_of(request)),
        "month": practised.result(settings.DATA_DIR),
        "objective": ledger.OBJECTIVE * 100,
        "hours": int(ledger.AFTER.total_seconds() // 3600),
    }
    return render(request, "versions/outages.html", context)
