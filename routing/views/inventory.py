"""Pages on which people add and correct nodes and devices."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base.forms import blame
from controlplane.base.refusals import Refused
from controlplane.base.web.doors import PersonRequest, go, page, request_id
from routing.forms import (
    DeviceFieldsForm,
    NewDeviceForm,
    NodeForm,
    changed,
    device_draft,
    device_form,
    node_draft,
    node_form,
)
from routing.inventory import listing, verbs
from routing.models import Device, Node

_FIELDS = {"memory_bytes": "memory"}
_AT_NODE = {"exists": "name"}
_AT_DEVICE = {"exists": "uuid", **_FIELDS}
Keep = Callable[[], Node | Device]


@page("fleet.change", "GET", "POST")
def node_new(request: PersonRequest) -> HttpResponse:
    """Add a machine that no collector reports."""
    form = NodeForm(request.POST or None)
    return _filled(
        request, form, lambda: verbs.add_node(request.user, node_draft(form), request_id(request)), _AT_NODE
    ) or _shown(request, form, gettext("Add a node"), reverse("gpus"))


@page("fleet.change", "GET", "POST")
def node_edit(request: PersonRequest, node_id: int) -> HttpResponse:
    """Correct a node."""
    row = listing.node(request.user, node_id)
    form = NodeForm(request.POST or None, initial=node_form(row))

    def keep() -> Node:
        return verbs.edit_node(request.user, node_id, changed(row, node_draft(form)), request_id(request))

    title = gettext("Correct %(name)s") % {"name": row.name}
    return _filled(request, form, keep, _AT_NODE) or _shown(request, form, title, reverse("gpus"), row)


@page("fleet.change", "GET", "POST")
def device_new(request: PersonRequest) -> HttpResponse:
    """Add a device, or a slice of one."""
    form = NewDeviceForm(request.POST or None, initial={"node": request.GET.get("node", "")})
    return _filled(
        request, form, lambda: verbs.add_device(request.user, device_draft(form), request_id(request)), _AT_DEVICE
    ) or _shown(request, form, gettext("Add a device"), reverse("gpus"))


@page("fleet.change", "GET", "POST")
def device_edit(request: PersonRequest, device_id: int) -> HttpResponse:
    """Correct a device."""
    row = listing.device(request.user, device_id)
    form = DeviceFieldsForm(request.POST or None, initial=device_form(row))

    def keep() -> Device:
        return verbs.edit_device(request.user, device_id, changed(row, device_draft(form)), request_id(request))

    title = gettext("Correct %(name)s") % {"name": row.uuid}
    return _filled(request, form, keep, _FIELDS) or _shown(
        request, form, title, reverse("gpus-device", args=[row.uuid]), row
    )


def _filled(request: PersonRequest, form: forms.Form, keep: Keep, at: dict[str, str]) -> HttpResponse | None:
    """Where a form that was sent and is kept leads; None if it is to be shown."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        row = keep()
    except Refused as refusal:
        blame(form, refusal, at)
        return None
    messages.success(request, gettext("%(name)s is kept.") % {"name": getattr(row, verbs.KEY[type(row)])})
    return go(request, reverse("gpus-device", args=[row.uuid]) if isinstance(row, Device) else reverse("gpus"))


def _shown(
    request: PersonRequest, form: forms.Form, title: str, back: str, row: Node | Device | None = None
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "title": title, "back": back, "row": row}
    context["nodes"] = row is None and isinstance(form, NewDeviceForm) and not Node.objects.exists()
    return render(request, "routing/gpus_form.html", context, status=422 if form.errors else 200)
