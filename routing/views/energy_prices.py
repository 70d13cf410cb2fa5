"""Pages of what energy is paid by: tariffs, and the grid's carbon by hour."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from controlplane.base.refusals import Invalid, Refused
from controlplane.base.web.doors import PersonRequest, go, page, request_id
from routing.energy import intensity, pricing
from routing.models import Device

MOST_WRONG_LINES = 50
_FIELDS = ("currency", "pue", "grid_g_per_kwh", "valid_from")


@page("fleet.read")
def energy_prices(request: PersonRequest) -> HttpResponse:
    """Tariffs: the one in force, those before and after it, and a form for a new one."""
    return _prices_page(request, {})


@page("fleet.change", "POST")
def energy_tariff(request: PersonRequest) -> HttpResponse:
    """Let a tariff count from a moment on."""
    given = {name: request.POST.get(name, "").strip()[:40] for name in _FIELDS}
    given |= {name: str(value).strip()[:40] for name, value in request.POST.items() if name.startswith("price-")}
    try:
        pricing.set_tariff(request.user, _draft(request.POST, given), request_id(request))
    except Refused as refusal:
        return _prices_page(request, {"given": given, "refused": refusal, "status": 400})
    messages.success(request, gettext("The prices are kept. What was used before keeps its cost."))
    return go(request, reverse("energy-prices"))


@page("fleet.change", "POST")
def energy_intensity(request: PersonRequest) -> HttpResponse:
    """Bring the grid's carbon by hour."""
    text = request.POST.get("text", "")
    try:
        brought = intensity.bring(request.user, text, request_id(request))
    except Invalid as refusal:
        wrong = refusal.detail[:MOST_WRONG_LINES]
        told = {"text": text, "wrong": wrong, "more": len(refusal.detail) - len(wrong), "status": 400}
        return _prices_page(request, told)
    said = gettext("%(hours)d hours are kept; %(settled)d of them are settled already and keep what counted then.")
    messages.success(request, said % {"hours": brought.hours, "settled": brought.settled})
    return go(request, reverse("energy-prices"))


@page("fleet.change", "POST")
def energy_withdraw(request: PersonRequest, tariff_id: int) -> HttpResponse:
    """Take back a tariff that does not count yet."""
    pricing.withdraw(request.user, tariff_id, request_id(request))
    messages.success(request, gettext("The tariff is taken back."))
    return go(request, reverse("energy-prices"))


def _draft(posted: QueryDict, given: dict[str, str]) -> dict[str, Any]:
    """The form as a draft: text that is no number stays text, so that it is refused by its name."""
    prices = {
        posted[f"model-{name.removeprefix('price-')}"]: _number(value)
        for name, value in given.items()
        if name.startswith("price-") and value and f"model-{name.removeprefix('price-')}" in posted
    }
    return {
        "currency": given["currency"].upper(),
        "prices": prices,
        "pue": _number(given["pue"]) if given["pue"] else 1.0,
        "grid_g_per_kwh": _number(given["grid_g_per_kwh"]) if given["grid_g_per_kwh"] else None,
        "valid_from": f"{given['valid_from']}Z" if given["valid_from"] else None,
    }


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _prices_page(request: PersonRequest, context: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    rows = list(pricing.listing(request.user)[:100])
    current = next((row for row in rows if row.valid_from <= now), None)
    known = sorted({*Device.objects.values_list("model", flat=True), *(current.prices if current else {})})
    given = context.get("given") or {}
    if not given and current is not None:
        given = {
            "currency": current.currency,
            "pue": f"{current.pue:g}",
            "grid_g_per_kwh": "" if current.grid_g_per_kwh is None else f"{current.grid_g_per_kwh:g}",
            **{f"price-{known.index(name)}": f"{price:g}" for name, price in current.prices.items()},
        }
    context |= {
        "tariffs": rows,
        "current": current,
        "now": now,
        "given": given,
        "prices": [(index, name, given.get(f"price-{index}", "")) for index, name in enumerate(known)],
    }
    return render(request, "routing/energy_prices.html", context, status=context.get("status", 200))
