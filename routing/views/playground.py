"""Pages of the playground."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from controlplane.base.web.doors import PersonRequest, page
from registry.access import callers
from registry.catalog import verbs as catalog
from routing.calls import playground as contracts


@page("playground.use")
def playground(request: PersonRequest) -> HttpResponse:
    """Up to four models side by side."""
    chosen = [name for name in request.GET.getlist("model") if name][:4]
    ready = catalog.search(request.user, catalog.ModelFilter(type=("llm",), state=("ready",)), size=1).rows
    context = {
        "chosen": chosen or [model.name for model in ready],
        "any": bool(ready) or catalog.search(request.user, size=1).total > 0,
    }
    return render(request, "routing/playground.html", context)


@page("playground.use")
def playground_models(request: PersonRequest) -> HttpResponse:
    """Enabled models that match what was typed, the picker's offers."""
    wanted = catalog.ModelFilter(q=request.GET.get("q", "").strip()[:200])
    found = catalog.search(request.user, wanted, size=2 * contracts.MOST_OFFERED)
    offers = [contracts.offer(model) for model in found.rows if model.state != "disabled"][: contracts.MOST_OFFERED]
    return JsonResponse({"models": offers, "total": found.total})


@page("playground.use")
def playground_contract(request: PersonRequest, name: str) -> HttpResponse:
    """What a model takes: the form is drawn from it. 404 for a name that no model has."""
    return JsonResponse(contracts.contract(catalog.get(request.user, name)))


@page("playground.use", "POST")
def playground_key(request: PersonRequest) -> HttpResponse:
    """A key for this page, good for minutes. It goes to the script that asked and is stored nowhere in the page."""
    return JsonResponse({"key": callers.playground_key(request.user), "seconds": callers.PLAYGROUND_SECONDS})
