"""The calendar: models that end, and who still calls them."""

from django.http import HttpResponse
from django.shortcuts import render

from controlplane.base.web.doors import PersonRequest, page
from versions import calendar

MOST_SHOWN = 500


@page("update.read")
def calendar_page(request: PersonRequest) -> HttpResponse:
    """The most urgent first."""
    return render(request, "versions/calendar.html", {"entries": calendar.entries(request.user)[:MOST_SHOWN]})
