"""Pages of the fleet: its devices by node, and the file that brings it in."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base.refusals import Invalid
from controlplane.base.web.doors import PersonRequest, download, go, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_rows
from routing.forms import labels_in
from routing.inventory import exchange, fields, listing, verbs
from routing.models import Device, DeviceState, Node

MOST_CHANGES = 200


@page("fleet.read")
def gpus(request: PersonRequest) -> HttpResponse:
    """Every device by node, with what sits on it."""
    wanted = {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in listing.FILTERS}
    shown = page_of_rows(listing.devices(request.user, wanted), page_of(request))
    nodes = {row.pk: row for row in listing.nodes(request.user)}
    empty = [row for row in nodes.values() if not row.devices_there + row.devices_gone]  # type: ignore[attr-defined]
    context = {
        "listing": shown,
        "groups": _by_node(shown.rows, nodes),
        "empty_nodes": [] if any(wanted.values()) else empty,
        "nodes": nodes.values(),
        "wanted": wanted,
        "filtered": any(wanted.values()),
        "states": DeviceState.values,
        "vendors": fields.VENDORS,
    }
    return render(request, "routing/gpus.html", context)


@page("fleet.read")
def gpus_export(request: PersonRequest) -> HttpResponse:
    """The fleet as a file."""
    return download(exchange.export(request.user), "fleet.yaml")


@page("fleet.change", "GET", "POST")
def gpus_import(request: PersonRequest) -> HttpResponse:
    """Paste a file, see what it does, then bring it in."""
    text = request.POST.get("text", "")
    context: dict[str, Any] = {"text": text}
    if request.method == "POST" and "apply" in request.POST:
        try:
            done = exchange.bring(request.user, text, request_id=request_id(request))
        except Invalid:
            pass  # The plan below tells every error.
        else:
            messages.success(request, gettext("Rows changed: %(n)d.") % {"n": len(done.changes)})
            return go(request, reverse("gpus"))
    if request.method == "POST":
        plan = exchange.plan(request.user, text)
        more = max(0, len(plan.changes) - MOST_CHANGES)
        context |= {"plan": plan, "changes": plan.changes[:MOST_CHANGES], "more": more, "errors": plan.errors}
    status = 422 if context.get("errors") else 200
    return render(request, "routing/gpus_import.html", context, status=status)


@page("fleet.change", "POST")
def device_move(request: PersonRequest, device_id: int, move: str) -> HttpResponse:
    """Cordon, drain or uncordon one device, trust its collector again, or forget it."""
    return _move(request, Device, device_id, move)


@page("fleet.change", "POST")
def node_move(request: PersonRequest, node_id: int, move: str) -> HttpResponse:
    """The same of a whole node."""
    return _move(request, Node, node_id, move)


@page("fleet.change", "POST")
def device_labels(request: PersonRequest, device_id: int) -> HttpResponse:
    """Write a device's labels, NAME=VALUE in each line."""
    labels = labels_in(request.POST.get("labels", ""))
    verbs.edit_device(request.user, device_id, {"labels": labels}, request_id(request))
    messages.success(request, gettext("The labels are kept."))
    return go(request, safe_back(request, reverse("gpus")))


def _move(request: PersonRequest, kind: type[verbs.Row], row_id: int, move: str) -> HttpResponse:
    if move == "remove":
        verbs.remove(kind, request.user, row_id, request_id(request))
        messages.success(request, gettext("It is removed."))
    elif move == "trust":
        verbs.trust(kind, request.user, row_id, request_id(request))
        messages.success(request, gettext("The next report of its collector counts again."))
    else:
        row = verbs.move(kind, request.user, row_id, move, request_id(request))
        said = {
            "cordon": gettext("%(name)s is given nothing new."),
            "drain": gettext("%(name)s is being drained."),
            "uncordon": gettext("%(name)s takes work again."),
        }
        messages.success(request, said[move] % {"name": getattr(row, verbs.KEY[kind])})
    return go(request, safe_back(request, reverse("gpus")))


def _by_node(rows: list[Device], nodes: dict[int, Node]) -> list[tuple[Node, list[Device]]]:
    """The rows of a page under their nodes, in the order of the page."""
    groups: dict[int, list[Device]] = {}
    for row in rows:
        groups.setdefault(row.node_id, []).append(row)
    return [(nodes.get(node_id, devices[0].node), devices) for node_id, devices in groups.items()]
