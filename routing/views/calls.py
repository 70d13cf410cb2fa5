"""Pages of calls: the list, one call, and what pages of models show of them."""

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext

from controlplane.base import saved_views
from controlplane.base.saved_views import Column
from controlplane.base.web.doors import PersonRequest, page, page_of
from routing import adaptations, outcomes
from routing.calls import search as call_list
from routing.calls import traffic
from routing.calls.search import key_names
from routing.energy import of_calls, words
from routing.models import CallRecord

MOST_NAMES = 200
WHOLLY = 0.995
"""From this part of a call's time on it counts as measured in whole."""
UNSEEN_FILTERS = ("model", "task", "since", "until")
"""Filters of calls that a link sets; they are shown as chips and go on with the form."""


@page("call.read")
def calls(request: PersonRequest) -> HttpResponse:
    """Recent calls, newest first."""
    wanted = wanted_calls(request)
    kept = saved_views.kept(request.user, "calls", request.GET, call_columns())
    listing = call_list.listing(request.user, wanted, page_of(request))
    context = {
        "list": kept,
        "heads": kept.columns,
        "shown": kept.shown,
        "listing": listing,
        "used": used_by(listing.rows, kept.shown),
        "wanted": wanted,
        "kept": {name: wanted[name] for name in UNSEEN_FILTERS if wanted[name]},
        "filters": filters_of(wanted),
        "filtered": any(wanted.values()),
        "counted": call_list.COUNTED,
        "outcomes": outcomes.OUTCOMES,
        "key_names": key_names(request.user),
    }
    return render(request, "routing/calls.html", context)


@page("call.read")
def call(request: PersonRequest, call_id: str) -> HttpResponse:
    """One call, and the calls beside it in the list that the address' filter gives."""
    found = call_list.get(request.user, call_id)
    wanted = wanted_calls(request)
    used = of_calls.used(found)
    context = {
        "call": found,
        "used": used,
        "wholly": used.measured >= WHOLLY,
        "used_words": {
            "joules": words.joules(used.joules),
            "cost": words.money(used.cost),
            "grams": words.grams(used.grams),
            "measured": words.part(used.measured),
        },
        "changes": adaptations.tell(found.adapted),
        "beside": call_list.neighbours(request.user, found, wanted),
        "filters": filters_of(wanted),
        "key_name": key_names(request.user).get(found.api_key_id or 0, ""),
    }
    return render(request, "routing/call.html", context)


def used_by(rows: Sequence[CallRecord], shown: Collection[str]) -> dict[UUID, dict[str, Any]]:
    """What calls used, with the words for it, for a list that shows energy or cost; none of a call that used nothing.

    A call of a hosted model, or one whose devices said nothing, has no entry: nothing is not zero.
    """
    if not {"energy", "cost"} & set(shown):
        return {}
    found = of_calls.used_by(rows)
    return {
        call: {
            "joules": words.joules(one.joules),
            "exact": one.joules,
            "part": "" if one.measured >= WHOLLY else words.part(one.measured),
            "cost": words.money(one.cost),
            "why_no_cost": one.why_no_cost,
            "emulated": one.emulated,
        }
        for call, one in found.items()
        if not one.why
    }


def filters_of(wanted: dict[str, str]) -> str:
    """A list's filter as the query of an address, with its question mark; empty if nothing is filtered."""
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"?{query}" if query else ""


def wanted_calls(request: PersonRequest) -> dict[str, str]:
    """The filter in the address of a list of calls."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in call_list.FILTERS}


def call_columns() -> list[Column]:
    """What the list can show of a call."""
    return [
        Column("when", gettext("When"), fixed=True),
        Column("model", gettext("Model")),
        Column("status", gettext("Status")),
        Column("task", gettext("Task")),
        Column("time", gettext("Time"), number=True),
        Column("first_byte", gettext("First byte"), number=True),
        Column("tokens", gettext("Tokens"), number=True),
        Column("energy", gettext("Energy"), gettext("Its part of what its devices drew while it ran"), number=True),
        Column("cost", gettext("Cost of devices"), gettext("By the price of its devices"), shown=False, number=True),
        Column("key", gettext("Key")),
        Column("detail", gettext("Detail")),
    ]


@page("call.read")
def calls_newer(request: PersonRequest) -> HttpResponse:
    """How many calls came since the newest one on screen."""
    count = call_list.newer(request.user, wanted_calls(request), request.GET.get("after", ""))
    return JsonResponse({"count": count, "most": call_list.MOST_NEW})


@page("call.read")
def calls_of(request: PersonRequest, name: str) -> HttpResponse:
    """One model's newest calls, as part of its page."""
    listing = call_list.listing(request.user, {"model": name}, 1)
    heads = [column for column in call_columns() if column.shown and column.name != "model"]
    shown = {column.name for column in heads}
    context = {
        "heads": heads,
        "shown": shown,
        "listing": listing,
        "used": used_by(listing.rows, shown),
        "model_name": name,
        "filters": filters_of({"model": name}),
        "key_names": key_names(request.user),
    }
    return render(request, "routing/parts/calls_of.html", context)


@page("call.read")
def calls_summary(request: PersonRequest, name: str) -> HttpResponse:
    """One model's traffic, as part of its page."""
    found = traffic.of_models(request.user, [name]).get(name)
    return render(request, "routing/parts/traffic.html", {"traffic": found, "name": name})


@page("call.read")
def calls_traffic(request: PersonRequest) -> HttpResponse:
    """Traffic of the models on screen, for the list to fill in."""
    names = request.GET.getlist("name")[:MOST_NAMES]
    found = traffic.of_models(request.user, names)
    return JsonResponse(
        {
            name: {"calls": one.calls_per_min, "errors": one.error_percent, "p95": one.p95_ms}
            for name, one in found.items()
        }
    )
