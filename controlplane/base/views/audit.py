"""Pages of the audit log."""

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.http import urlencode

from controlplane.base.audit import exports, history
from controlplane.base.web.doors import PersonRequest, page, page_of


@page("audit.read")
def audit_log(request: PersonRequest) -> HttpResponse:
    """Who did what, and whether the chain holds."""
    wanted = wanted_changes(request)
    holds, position, at = history.chain(request.user)
    filters = urlencode({name: value for name, value in wanted.items() if value})
    context = {
        "listing": history.changes(request.user, wanted, page_of(request)),
        "wanted": wanted,
        "filtered": bool(filters),
        "filters": f"&{filters}" if filters else "",
        "holds": holds,
        "position": position,
        "verified_at": at,
        "verbs": history.verbs(request.user),
    }
    return render(request, "base/audit.html", context)


@page("audit.read")
def audit_export(request: PersonRequest) -> HttpResponseBase:
    """Every entry that matches the filter, as a file: CSV, or JSON Lines."""
    return exports.answer(request.user, wanted_changes(request), request.GET.get("format", ""))


def wanted_changes(request: HttpRequest) -> dict[str, str]:
    """The filter in the address of the audit log."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in history.FILTERS}
