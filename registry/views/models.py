"""The model list, and what can be done to several models at once."""

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from controlplane.base import saved_views
from controlplane.base.refusals import Invalid
from controlplane.base.saved_views import Column, ordered
from controlplane.base.web.doors import (
    PersonRequest,
    download,
    go,
    ids_given,
    offer_undo,
    page,
    page_of,
    request_id,
    safe_back,
)
from controlplane.base.web.paging import page_of_list
from controlplane.base.web.telling import told
from registry import reasons
from registry.catalog import cures
from registry.catalog import verbs as catalog
from registry.catalog.search import list_query
from registry.models import ModelState


@page("model.read")
def models(request: PersonRequest) -> HttpResponse:
    """The list: filter, facets, order and page are in the address and done by the database."""
    wanted = filter_of(request.GET)
    try:
        listing = catalog.search(request.user, wanted, request.GET.get("sort", "name"), page_of(request))
    except Invalid as refusal:
        messages.error(request, told(refusal.message))
        wanted = catalog.ModelFilter()
        listing = catalog.search(request.user, wanted)
    chosen = {name: getattr(wanted, name) for name in catalog.FACETS}
    chips = [(name, value) for name, values in chosen.items() for value in values]
    context = {
        "listing": listing,
        "wanted": wanted,
        "chosen": chosen,
        "chips": chips,
        "filtered": bool(chips or wanted.q),
        "list_query": list_query(request.GET),
        "list": saved_views.kept(request.user, "models", request.GET, columns(listing.sort)),
        "causes": cures.unreachable(request.user, wanted) if wanted.state == (ModelState.UNREACHABLE,) else (),
    }
    return render(request, "registry/models.html", context)


@page("model.read")
def unreachable(request: PersonRequest) -> HttpResponse:
    """The unreachable models that match the filter; of one cause if one is asked for."""
    groups = cures.unreachable(request.user, filter_of(request.GET))
    rows = reasons.rows_of(groups, request.GET.get("cause", ""))
    return render(request, "registry/parts/cause_rows.html", {"listing": page_of_list(rows, page_of(request))})


def columns(sort: str) -> list[Column]:
    """What the list can show of a model beside its name, as ordered by `sort`."""
    quarter = gettext("Share of failed calls among those that were not refused, last 15 minutes")
    p95 = gettext("95th percentile of the whole call, answered calls of the last 15 minutes")
    found = [
        Column("name", gettext("Name"), fixed=True, order="name"),
        Column("tags", gettext("Tags")),
        Column("type", gettext("Type"), order="type"),
        Column("protocol", gettext("Protocol"), order="protocol"),
        Column("state", gettext("State"), order="state"),
        Column("owner", gettext("Owner"), order="owner"),
        Column("endpoint", gettext("Address"), order="endpoint", shown=False),
        Column("release", gettext("Release"), number=True, shown=False),
        Column(
            "probe", gettext("Probe"), gettext("How long the last probe took"), False, number=True, order="probe_ms"
        ),
        Column("probed", gettext("Last probe"), order="probed_at", shown=False),
        Column("changed", gettext("Changed"), order="updated_at", shown=False),
        Column("made", gettext("Made"), order="created_at", shown=False),
        Column("calls", gettext("Calls/min"), gettext("Calls of the last 60 seconds"), number=True),
        Column("errors", gettext("Err %"), quarter, number=True),
        Column("p95", "p95", p95, number=True),
    ]
    return [ordered(column, sort) for column in found]


def filter_of(given: QueryDict) -> catalog.ModelFilter:
    """The filter in an address or form."""
    chosen = {name: _values(given, name) for name in catalog.FACETS}
    return catalog.ModelFilter(given.get("q", "").strip(), **chosen)


def _values(given: QueryDict, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in given.getlist(name) if value.strip()))


def chosen_ids(request: PersonRequest) -> list[int]:
    """The ticked models, or every one that matches the form's filter. Raises Invalid for none."""
    every = bool(request.POST.get("all"))
    ids = catalog.matching_ids(request.user, filter_of(request.POST)) if every else ids_given(request)
    if not ids:
        raise Invalid("nothing_selected", gettext("No model is selected. Tick at least one."))
    return ids


@page("model.change", "POST")
def enable(request: PersonRequest) -> HttpResponse:
    """Enable the chosen models."""
    count = catalog.enable(request.user, chosen_ids(request), request_id=request_id(request))
    words = ngettext("%(n)d model is enabled and being probed.", "%(n)d models are enabled and being probed.", count)
    messages.success(request, words % {"n": count})
    return go(request, safe_back(request, reverse("models")))


@page("model.change", "POST")
def disable(request: PersonRequest) -> HttpResponse:
    """Disable the chosen models."""
    ids = chosen_ids(request)
    before = set(catalog.matching_ids(request.user, catalog.ModelFilter(state=("disabled",))))
    count = catalog.disable(request.user, ids, request_id=request_id(request))
    words = ngettext("%(n)d model is disabled.", "%(n)d models are disabled.", count) % {"n": count}
    offer_undo(request, words, reverse("bulk-enable"), [model_id for model_id in ids if model_id not in before])
    return go(request, safe_back(request, reverse("models")))


@page("model.change", "POST")
def tag(request: PersonRequest) -> HttpResponse:
    """Add and remove tags of the chosen models."""
    given = request.POST.get("tags", "").replace(",", " ").split()
    add, remove = [item for item in given if not item.startswith("-")], [item[1:] for item in given if item[0] == "-"]
    if not given:
        raise Invalid("tags", gettext("Write at least one tag; -tag removes it."))
    count = catalog.tag(request.user, chosen_ids(request), add, remove, request_id=request_id(request))
    messages.success(
        request, ngettext("Tags of %(n)d model changed.", "Tags of %(n)d models changed.", count) % {"n": count}
    )
    return go(request, safe_back(request, reverse("models")))


@page("model.probe", "POST")
def probe(request: PersonRequest) -> HttpResponse:
    """Call each of the chosen models once, in a job; a model's own page stays and shows the answer."""
    job = catalog.probe(request.user, chosen_ids(request), request_id=request_id(request))
    job_page = reverse("job", args=[job.pk])
    if not request.POST.get("stay"):
        return go(request, job_page)
    messages.info(request, gettext("A real call is on its way; its answer appears here by itself."))
    return go(request, safe_back(request, job_page))


@page("model.delete", "POST")
def delete(request: PersonRequest) -> HttpResponse:
    """Delete the chosen models."""
    count = catalog.delete(request.user, chosen_ids(request), request_id=request_id(request))
    messages.success(request, ngettext("%(n)d model was deleted.", "%(n)d models were deleted.", count) % {"n": count})
    return go(request, reverse("models"))


@page("model.read", "POST")
def export(request: PersonRequest) -> HttpResponse:
    """The chosen models' specs as a file that imports unchanged."""
    return download(catalog.export_yaml(request.user, chosen_ids(request)), "models.yaml")
