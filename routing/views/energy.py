"""Pages of energy and cost: what calls, keys, devices and days used, and what it is paid by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from controlplane.base import saved_views, spreadsheet
from controlplane.base.refusals import Invalid
from controlplane.base.saved_views import Column, ordered
from controlplane.base.web.doors import PersonRequest, page, page_of
from controlplane.base.web.paging import page_of_list
from controlplane.base.web.telling import told
from routing.calls.search import key_names
from routing.energy import figures, listing, pricing, sums, words
from routing.energy.listing import EnergyRow
from routing.energy.sums import DeviceEnergy, MoneyAmount

SPANS = {"1d": 1, "7d": 7, "30d": 30, "90d": 90}


@dataclass(frozen=True)
class EnergyCell:
    """A cell of the table: words, and the exact value behind them, empty if it is not known."""

    column: Column
    text: str
    exact: str


@page("fleet.read")
def energy(request: PersonRequest) -> HttpResponse:
    """What was used in a span of days, by model, key, device or day."""
    by, span = _chosen(request.GET)
    days = sums.last_days(SPANS[span])
    sort = request.GET.get("sort", "-joules")
    try:
        found = listing.rows(request.user, by, days, sort)
    except Invalid as refusal:
        messages.error(request, told(refusal.message))
        sort = "-joules"
        found = listing.rows(request.user, by, days, sort)
    kept = saved_views.kept(request.user, "energy", request.GET, columns(by, sort))
    shown = page_of_list(found, page_of(request))
    total = sums.of_all_devices(request.user, days)
    busy = 100 * total.busy_joules / total.joules if total.joules else 0.0
    now = figures.now(request.user)
    context = {
        "list": kept,
        "heads": kept.columns,
        "listing": shown.showing([(row, cells(row, kept.columns)) for row in shown.rows]),
        "by": by,
        "groups": listing.GROUPS,
        "span": span,
        "spans": tuple(SPANS),
        "total": total,
        "told": totals(total),
        "tariff": pricing.listing(request.user).filter(valid_from__lte=timezone.now()).first(),
        "key_names": {str(number): name for number, name in key_names(request.user).items()} if by == "key" else {},
        "busy_percent": f"{busy:.1f}",
        "idle_percent": f"{100 - busy:.1f}",
        "now": now,
        "now_words": {"watts": words.power(now.watts), "cost": words.money(now.cost_per_hour)},
    }
    return render(request, "routing/energy.html", context)


@page("fleet.read")
def energy_export(request: PersonRequest) -> HttpResponse:
    """The table as a CSV file."""
    by, span = _chosen(request.GET)
    rows = listing.rows(request.user, by, sums.last_days(SPANS[span]))
    headers = {"Content-Disposition": f'attachment; filename="energy-by-{by}-{span}.csv"'}
    text = spreadsheet.as_csv(listing.table(rows))
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


def _chosen(given: QueryDict) -> tuple[str, str]:
    by, span = given.get("by", ""), given.get("span", "")
    return by if by in listing.GROUPS else "model", span if span in SPANS else "1d"


def totals(total: DeviceEnergy) -> dict[str, str]:
    """The figures of all devices in words."""
    cost, idle = total.cost, total.idle_cost
    known = total.joules if total.known_s else None
    return {
        "energy": words.energy(known),
        "busy": words.energy(total.busy_joules if total.known_s else None),
        "idle": words.energy(total.idle_joules if total.known_s else None),
        "idle_part": words.part(total.idle_joules / total.joules if total.joules else None),
        "cost": words.money(cost),
        "idle_cost": words.money(idle),
        "grams": words.grams(total.carbon_g),
        "idle_grams": words.grams(total.idle_carbon_g),
        "counted": words.part(total.counted_s / total.known_s if total.known_s else None),
        "unknown": words.part(1 - total.measured if total.measured is not None else None),
        "emulated": words.part(total.emulated_joules / total.joules if total.joules else None),
        "joules": repr(total.joules),
    }


_HEADS: dict[str, tuple[Any, Any, Callable[[EnergyRow], str]]] = {
    "calls": (gettext_lazy("Calls"), "", lambda row: _count(row.calls)),
    "prompt_tokens": (gettext_lazy("Prompt tokens"), "", lambda row: _count(row.prompt_tokens)),
    "completion_tokens": (gettext_lazy("Answer tokens"), "", lambda row: _count(row.completion_tokens)),
    "joules": (
        gettext_lazy("Energy"),
        gettext_lazy("Busy energy of models and keys; all energy of devices and days"),
        lambda row: words.energy(row.joules),
    ),
    "idle_joules": (
        gettext_lazy("Idle energy"),
        gettext_lazy("What went to no call"),
        lambda row: words.energy(row.idle_joules),
    ),
    "joules_per_call": (
        gettext_lazy("J per call"),
        gettext_lazy("Busy energy by calls"),
        lambda row: words.joules(row.joules_per_call),
    ),
    "joules_per_token": (
        gettext_lazy("J per token"),
        gettext_lazy("Busy energy by tokens of prompts and answers together"),
        lambda row: words.joules(row.joules_per_token),
    ),
    "cost": (gettext_lazy("Cost"), "", lambda row: _money(row, row.cost)),
    "idle_cost": (gettext_lazy("Idle cost"), "", lambda row: _money(row, row.idle_cost)),
    "cost_per_thousand": (
        gettext_lazy("Cost per 1,000 calls"),
        gettext_lazy("Without idle cost"),
        lambda row: _money(row, row.cost_per_thousand),
    ),
    "grams": ("gCO₂", gettext_lazy("Carbon dioxide of the power, PUE included"), lambda row: words.grams(row.grams)),
    "grams_per_call": (gettext_lazy("gCO₂ per call"), "", lambda row: words.grams(row.grams_per_call)),
    "measured": (
        gettext_lazy("Measured"),
        gettext_lazy("The part of the time that was measured; the rest is in no sum"),
        lambda row: words.part(row.measured),
    ),
    "emulated": (
        gettext_lazy("Emulated"),
        gettext_lazy("The part of the energy that comes from emulated devices"),
        lambda row: words.part(row.emulated),
    ),
}
_OF_CALLS = ("calls", "joules", "joules_per_call", "joules_per_token", "cost", "cost_per_thousand", "grams")
_OF_DEVICES = ("joules", "idle_joules", "cost", "idle_cost", "grams", "measured")
_USUAL = {"model": _OF_CALLS, "key": _OF_CALLS, "device": _OF_DEVICES, "day": ("calls", *_OF_DEVICES)}
_NEVER = {
    "model": ("idle_joules", "idle_cost"),
    "key": ("idle_joules", "idle_cost"),
    "day": ("joules_per_call", "joules_per_token", "cost_per_thousand", "grams_per_call"),
    "device": (
        *("calls", "prompt_tokens", "completion_tokens"),
        *("joules_per_call", "joules_per_token", "cost_per_thousand", "grams_per_call"),
    ),
}
"""Columns that make no sense for a group."""


def columns(by: str, sort: str) -> list[Column]:
    """What the list can show of a group, as ordered by `sort`."""
    names = {"model": gettext("Model"), "key": gettext("Key"), "device": gettext("Device"), "day": gettext("Day (UTC)")}
    found = [Column("name", names[by], fixed=True, order="name")]
    for name, (word, hint, _) in _HEADS.items():
        if name not in _NEVER[by]:
            found.append(Column(name, word, hint, name in _USUAL[by], number=True, order=f"-{name}"))
    return [_ordered(column, sort) for column in found]


def _ordered(column: Column, sort: str) -> Column:
    """Numbers begin with the greatest, and turn around when they are asked for again."""
    if column.name == "name" or sort.removeprefix("-") != column.name:
        return ordered(column, sort)
    turned = ordered(Column(column.name, column.word, order=column.name), sort)
    return Column(column.name, column.word, column.hint, column.shown, number=True, order=turned.order, now=turned.now)


def cells(row: EnergyRow, shown: list[Column]) -> list[EnergyCell]:
    """The cells of a row behind its name."""
    found = []
    for column in shown:
        if column.name != "name":
            exact = getattr(row, column.name)
            found.append(EnergyCell(column, _HEADS[column.name][2](row), "" if exact is None else repr(exact)))
    return found


def _count(value: int | None) -> str:
    return words.DASH if value is None else f"{value:,}"


def _money(row: EnergyRow, value: float | None) -> str:
    return words.money(MoneyAmount(value, row.currency) if value is not None else None)
