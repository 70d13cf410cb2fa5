"""Pages of the fleet: its devices as a live map and as a table, and the file that brings it in."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import access
from controlplane.base.refusals import Invalid
from controlplane.base.stream_frames import StreamTable
from controlplane.base.web.doors import PersonRequest, download, go, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_list, page_of_rows
from controlplane.base.web.words import word
from routing.alerts.reading import firing
from routing.fleet import board, devices, lately
from routing.fleet.heat import HEAT, LiveReading, ranked, readings
from routing.fleet.live_words import live_words
from routing.forms import labels_in
from routing.inventory import exchange, fields, listing, verbs
from routing.models import Device, DeviceState, Node

MOST_CHANGES = 200


@page("fleet.read")
def gpus(request: PersonRequest) -> HttpResponse:
    """Every device: as a heat map of live cells, or as a table with what sits on each."""
    wanted = {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in listing.FILTERS}
    shows = "table" if request.GET.get("view") == "table" else "map"
    asked = request.GET.get("metric", "")
    metric, live = asked if asked in HEAT else "utilization", devices.now()
    context = {
        "nodes": listing.nodes(request.user),
        "wanted": wanted,
        "filtered": any(wanted.values()),
        "states": DeviceState.values,
        "vendors": fields.VENDORS,
        "shows": shows,
        "metric": metric,
        "metrics": [(one, board.metric_word(one.name), board.metric_hint(one.name)) for one in HEAT.values()],
        "totals": board.totals_told(live.more) | {"emulated": live.more["emulated"]},
        "script": json.dumps({"metrics": board.metrics_for_script(), "words": _script_words()}, ensure_ascii=False),
    }
    context |= _table(request, wanted, live) if shows == "table" else _map(request, wanted, live, metric)
    return render(request, "routing/gpus.html", context)


def _map(request: PersonRequest, wanted: dict[str, str], live: StreamTable, metric: str) -> dict[str, Any]:
    group = request.GET.get("group", "")[:200] or "node"
    found = board.board(request.user, wanted, group, metric, live)
    groups = [("node", gettext("Node")), ("kind", gettext("Device type")), ("model", gettext("Model"))]
    groups += [(f"{board.LABEL}{name}", gettext("Label %(name)s") % {"name": name}) for name in found.labels]
    return {"board": found, "group": group, "groupings": groups} | _news(request)


def _table(request: PersonRequest, wanted: dict[str, str], live: StreamTable) -> dict[str, Any]:
    rows, sort = listing.devices(request.user, wanted), request.GET.get("sort", "")
    nodes = {row.pk: row for row in listing.nodes(request.user)}
    if sort in HEAT:
        order = ranked(live, sort, rows.values_list("pk", flat=True))
        shown = page_of_list(order, page_of(request))
        by_id = rows.in_bulk(shown.rows)
        shown = shown.showing([by_id[pk] for pk in shown.rows if pk in by_id])
        groups: list[tuple[Node | None, list[Device]]] = [(None, shown.rows)]
    else:
        shown = page_of_rows(rows, page_of(request))
        groups = [*_by_node(shown.rows, nodes)]
    empty = [row for row in nodes.values() if not row.devices_there + row.devices_gone]  # type: ignore[attr-defined]
    known = readings(live)
    return {
        "listing": shown,
        "groups": [(node, [(row, _numbers(known.get(row.pk, board.SILENT))) for row in of]) for node, of in groups],
        "sort": sort if sort in HEAT else "",
        "empty_nodes": [] if any(wanted.values()) else empty,
    }


def _numbers(reading: LiveReading) -> list[tuple[str, str, str]]:
    """Each metric's name, word, and number with its unit."""
    return [(name, board.metric_word(name), reading.told(name)) for name in HEAT]


@page("fleet.read")
def gpus_news(request: PersonRequest) -> HttpResponse:
    """What fires and what changed lately: the part of the page that is asked for again when something did."""
    return render(request, "routing/parts/gpus_news.html", _news(request))


def _news(request: PersonRequest) -> dict[str, Any]:
    alerts = firing(request.user, most=3) if access.can(request.user, "alert.read") else None
    return {"news": lately.news(request.user), "alerts": alerts}


def _script_words() -> dict[str, str]:
    states = {name: word("state", name) for name in DeviceState.values if name != DeviceState.READY}
    return {
        **states,
        **live_words(),
        "ago": gettext("{n} s ago"),
        "new_devices": gettext("{n} new, show"),
        "reporting": gettext("{n} of {all} report"),
    }


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
