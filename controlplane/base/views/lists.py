"""What a person keeps of a list: columns, density, views."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import saved_views
from controlplane.base.refusals import Conflict, Invalid
from controlplane.base.web.doors import PersonRequest, go, page, safe_back
from controlplane.base.web.telling import told


@page("profile.change", "POST")
def list_layout(request: PersonRequest, place: str) -> HttpResponse:
    """Keep which columns of a list are shown, and how dense it is."""
    columns = [] if request.POST.get("standard") else request.POST.getlist("columns")
    saved_views.lay_out(request.user, place, columns, bool(request.POST.get("dense")), request.POST.get("view", ""))
    return go(request, safe_back(request, reverse(place)))


@page("profile.change", "POST")
def view_save(request: PersonRequest, place: str) -> HttpResponse:
    """Keep what a list shows now under a name, and open it."""
    given = {name: request.POST.get(name, "") for name in ("name", "query")}
    try:
        view = saved_views.save(request.user, place, **given, like=request.POST.get("view", ""))
    except (Conflict, Invalid) as refusal:
        messages.error(request, told(refusal.message))
        return go(request, safe_back(request, "/"))
    messages.success(request, gettext("Saved. The view is above the list, for you alone."))
    return go(request, view.address)


@page("profile.change", "POST")
def view_change(request: PersonRequest, view_id: int) -> HttpResponse:
    """Another name for a view, or the filter and order that the list has now."""
    try:
        view = saved_views.change(request.user, view_id, request.POST.get("name"), request.POST.get("query"))
    except (Conflict, Invalid) as refusal:
        messages.error(request, told(refusal.message))
        return go(request, safe_back(request, "/"))
    messages.success(request, gettext("Saved."))
    return go(request, view.address)


@page("profile.change", "POST")
def view_delete(request: PersonRequest, view_id: int) -> HttpResponse:
    """Forget a view; what it showed stays on screen."""
    view = saved_views.delete(request.user, view_id)
    messages.success(request, gettext("The view “%(name)s” is deleted.") % {"name": view.name})
    return go(request, f"{reverse(view.place)}?{view.query}")
