"""The page that describes the REST API."""

from django.http import HttpResponse
from django.shortcuts import render

from controlplane.base.rest import reference
from controlplane.base.web.doors import PersonRequest, page


@page("profile.change")
def api_reference(request: PersonRequest) -> HttpResponse:
    """What the REST API answers, drawn from its OpenAPI document."""
    base = request.build_absolute_uri("/").rstrip("/")
    start = f"export PATCHBAY_URL={base}\nexport PATCHBAY_KEY=pb-…"
    context = {"reference": reference.drawn(), "start": start}
    return render(request, "base/api_reference.html", context)
