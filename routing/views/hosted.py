"""The page of models on GPUs: who sits where, by model and by device."""

import json
from dataclasses import replace

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from controlplane.base.refusals import Invalid
from controlplane.base.saved_views import Column
from controlplane.base.web.doors import PersonRequest, page, page_of
from controlplane.base.web.paging import page_of_rows
from routing.device import figures, packing, values
from routing.device.values import DeviceValues
from routing.fleet.live_words import live_words
from routing.hosted import models
from routing.inventory import listing
from routing.models import Device

PER_CENT = {"factor": 100, "digits": 0, "unit": "%"}
COUNT = {"factor": 1, "digits": 0, "unit": ""}
FORMATS = {
    **{"waiting": COUNT, "running": COUNT, "tokens": COUNT, "kv": {**PER_CENT, "digits": 1}},
    **{"utilization": PER_CENT, "memory": PER_CENT},
}
"""How numbers of the live tables are written, as the page writes them."""


@page("fleet.read")
def hosted(request: PersonRequest) -> HttpResponse:
    """Models with their devices, or with ?by=device devices with their models."""
    wanted = {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in models.FILTERS}
    context = {
        "wanted": wanted,
        "filtered": any(wanted.values()),
        "nodes": listing.nodes(request.user).values_list("name", flat=True),
        "states": models.STATES,
        "script": _script("devices" if request.GET.get("by") == "device" else "hosted"),
    }
    if request.GET.get("by") == "device":
        return render(request, "routing/hosted.html", {**context, **_by_device(request, wanted)})
    return render(request, "routing/hosted.html", {**context, **_by_model(request, wanted)})


def _script(stream: str) -> str:
    """What the page's script reads: the live table that it watches, how its numbers are written, and words."""
    return json.dumps({"stream": stream, "formats": FORMATS, "words": live_words()}, ensure_ascii=False)


def _by_model(request: PersonRequest, wanted: dict[str, str]) -> dict[str, object]:
    sort = request.GET.get("sort", "name")
    try:
        found = models.listing(request.user, wanted, sort, page_of(request))
    except Invalid:
        sort = "name"
        found = models.listing(request.user, wanted, sort, page_of(request))
    return {
        "by": "model",
        "listing": found.page,
        "found": found,
        "heads": columns(sort),
        "list": {"place": "hosted", "chosen": False},
        "sort": sort,
    }


def _by_device(request: PersonRequest, wanted: dict[str, str]) -> dict[str, object]:
    rows = listing.devices(request.user, {"q": wanted["q"], "node": wanted["node"]})
    shown = page_of_rows(rows, page_of(request))
    told = [(row, values.now(row.uuid)) for row in shown.rows]
    return {
        "by": "device",
        "listing": shown,
        "devices": [
            {
                "device": row,
                "values": one,
                "packing": packing.packed(row, packing.placed(row), one.by_series),
                "percent": _percents(row, one),
                "placed": figures.scaled(row.used_bytes, "B") if row.used_bytes else "–",
            }
            for row, one in told
        ],
    }


def _percents(row: Device, told: DeviceValues) -> dict[str, str]:
    """The numbers of the live table for a device, as they are now; only those that are known and fresh."""
    values = {} if told.stale else {name: one.value for name, one in told.by_series.items()}
    used, total = values.get("memory_used_bytes"), values.get("memory_total_bytes") or row.memory_bytes
    known = {
        "utilization": values.get("utilization_ratio"),
        "memory": used / total if used is not None and total else None,
    }
    return {name: f"{100 * value:.0f} %" for name, value in known.items() if value is not None}


def columns(sort: str) -> list[Column]:
    """The heads of the list by model, as ordered by `sort`. A first click on a number's head shows the greatest."""
    found = [
        Column("name", gettext("Model"), fixed=True),
        Column("state", gettext("State"), gettext("As its best replica is")),
        Column("devices", gettext("Sits on"), gettext("Devices, and how much memory it holds of each")),
        Column("memory", gettext("Memory"), gettext("What it holds on all devices"), number=True),
        Column("waiting", gettext("Queue"), gettext("Calls that wait inside its engines"), number=True),
        Column("running", gettext("Running"), gettext("Calls that its engines work on"), number=True),
        Column("tokens", gettext("Tokens/s"), gettext("Generated tokens a second, by its engines"), number=True),
        Column("kv", "KV", gettext("Share of the key-value cache in use; of several engines the fullest"), number=True),
        Column("joules", gettext("J/token"), gettext("Energy for a token, calls of seven days"), number=True),
        Column("cost", gettext("1,000 calls"), gettext("Cost of 1,000 calls, calls of seven days"), number=True),
    ]
    return [_ordered(column, sort) for column in found]


def _ordered(column: Column, sort: str) -> Column:
    """The column with the order in force, and with what the next click on its head asks for."""
    up, down = column.name, f"-{column.name}"
    now = {up: "ascending", down: "descending"}.get(sort, "")
    greatest_first = column.number or column.name == "devices"
    return replace(column, now=now, order=up if sort == down or not (sort == up or greatest_first) else down)
