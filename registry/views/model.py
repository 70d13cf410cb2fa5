"""One model's page with its tabs, its spec in an editor, going back to a release, and names that call one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import access
from controlplane.base.audit import history
from controlplane.base.audit.naming import steps
from controlplane.base.messages import message_of
from controlplane.base.refusals import Invalid, Missing, Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.paging import page_of_rows
from registry import highlighting, snippets
from registry.catalog import lineage
from registry.catalog import verbs as catalog
from registry.catalog.search import list_query
from registry.models import Model
from registry.protocols.adapter import CompileError
from registry.protocols.compiler.adapters import compile_adapter
from registry.spec import Spec
from registry.specfile import file as spec_file
from registry.specfile.errors import SpecInvalid
from registry.specfile.rules import SPEC_WORDS

TABS = ("overview", "parameters", "adapter", "calls", "releases", "audit")


@page("model.read")
def model(request: PersonRequest, name: str) -> HttpResponse:
    """One model. The tab is in the address."""
    tab = request.GET.get("tab", "overview")
    return shown(request, catalog.get(request.user, name), tab if tab in TABS else "overview")


def shown(request: PersonRequest, found: Model, tab: str, status: int = 200, **more: Any) -> HttpResponse:
    """A model's page with one tab open; the tab reads `more`."""
    spec, problem = spec_of(found)
    context: dict[str, Any] = {"model": found, "tab": tab, "spec": spec, "problem": problem, "tabs": tabs(request.user)}
    context["list_query"] = list_query(request.GET)
    context["needs"] = tab == "audit" and not access.can(request.user, "audit.read")
    context.update(tab_context(request, found, spec, tab))
    return render(request, "registry/model.html", {**context, **more}, status=status)


def tabs(user: Any) -> list[tuple[str, str]]:
    """The tabs that `user` may open, with their words."""
    words = {
        "overview": gettext("Overview"),
        "parameters": gettext("Parameters"),
        "adapter": gettext("Adapter"),
        "calls": gettext("Recent calls"),
        "releases": gettext("Releases"),
        "audit": gettext("Audit"),
    }
    return [(tab, words[tab]) for tab in TABS if tab != "audit" or access.can(user, "audit.read")]


def spec_of(model: Model) -> tuple[Spec | None, str]:
    """The current release's spec, or why it cannot be read any more."""
    if model.release is None:
        return None, gettext("This model has no release.")
    try:
        return spec_file.read(model.release.spec), ""
    except SpecInvalid as error:
        return None, message_of(error)


def tab_context(request: PersonRequest, model: Model, spec: Spec | None, tab: str) -> dict[str, Any]:
    """What one tab needs beyond the model."""
    if tab == "overview":
        base = request.build_absolute_uri("/").rstrip("/")
        code = snippets.snippets(model.name, model.type, base, model.example)
        pinned = lineage.aliases_of(request.user, model.name)
        return {"snippets": code, "aliases": spec.aliases if spec else (), "pinned": pinned}
    if tab == "adapter" and spec is not None:
        return adapter_context(spec)
    if tab == "releases":
        return releases_context(request, model)
    if tab == "audit" and access.can(request.user, "audit.read"):
        return {"listing": history.of_object(request.user, "model", model.name, page_of(request))}
    return {}


def releases_context(request: PersonRequest, model: Model) -> dict[str, Any]:
    """A model's releases, the two that are compared, and the aliases that call one of them."""
    listing = page_of_rows(catalog.releases_of(request.user, model), page_of(request))
    served = model.release
    changes = {row.pk: steps(lineage.told_apart(row, served)) for row in listing.rows} if served else {}
    offered = lineage.newest(request.user, model)
    return {
        "listing": listing,
        "changes": changes,
        "aliases": lineage.aliases_of(request.user, model.name),
        "offered": offered,
        "compared": compared(request, model, [number for number, _ in offered]) if len(offered) > 1 else None,
    }


def compared(request: PersonRequest, model: Model, numbers: Sequence[int]) -> dict[str, Any]:
    """The two releases that the address names and what differs, or the newest beside the one that serves."""
    before, after = (whole_number(request.GET.get(name, "")) for name in ("before", "after"))
    if not before or not after:
        newest, second = numbers[:2]
        served = model.release.number if model.release else second
        return {"before": second if served == newest else served, "after": newest}
    try:
        found = steps(lineage.difference(request.user, model.name, before, after))
    except Missing as refusal:
        return {"before": before, "after": after, "problem": refusal.message}
    return {"before": before, "after": after, "steps": found, "asked": True}


def whole_number(given: str) -> int:
    """A release's number as a form or an address has it; 0 for what is none."""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0


def adapter_context(spec: Spec) -> dict[str, Any]:
    """The generated code in coloured pieces, or why there is none."""
    try:
        adapter = compile_adapter(spec)
    except CompileError as error:
        return {"problem": message_of(error)}
    source = adapter.code.source
    return {"adapter": adapter, "pieces": highlighting.pieces(source), "lines": source.count("\n")}


@page("model.change", "POST")
def restore(request: PersonRequest, name: str) -> HttpResponse:
    """Go back to one release."""
    number = whole_number(request.POST.get("release", ""))
    lineage.restore(request.user, name, number, request_id=request_id(request))
    messages.success(request, gettext("Release %(number)s serves every call again.") % {"number": number})
    return go(request, f"{reverse('model', args=[name])}?tab=releases")


@page("model.change", "POST")
def alias_set(request: PersonRequest, name: str) -> HttpResponse:
    """Let a name call one release, or move it there. A name that cannot be stays in the form, with the reason."""
    alias, number = request.POST.get("alias", "").strip(), whole_number(request.POST.get("release", ""))
    try:
        lineage.set_alias(request.user, name, alias, number, request_id=request_id(request))
    except Invalid as refusal:
        typed = {"name": alias[:200], "release": number, "problem": refusal.message}
        return shown(request, catalog.get(request.user, name), "releases", 422, typed=typed)
    words = gettext("%(alias)s calls release %(number)s from now on.") % {"alias": alias, "number": number}
    messages.success(request, words)
    return go(request, f"{reverse('model', args=[name])}?tab=releases#aliases")


@page("model.change", "POST")
def alias_delete(request: PersonRequest, name: str) -> HttpResponse:
    """Take a name away."""
    alias = request.POST.get("alias", "").replace("\x00", "")
    lineage.delete_alias(request.user, name, alias, request_id=request_id(request))
    messages.success(request, gettext("%(alias)s calls nothing any more.") % {"alias": alias})
    return go(request, f"{reverse('model', args=[name])}?tab=releases#aliases")


@page("model.change", "GET", "POST")
def edit(request: PersonRequest, name: str) -> HttpResponse:
    """Change a model by its spec as YAML. The digest that was read goes along, so nobody's edit is lost."""
    found = catalog.get(request.user, name)
    release = found.release
    spec, _ = spec_of(found)
    text = request.POST.get("text") or spec_file.to_yaml([spec_file.document(spec)] if spec else [])
    digest = request.POST.get("digest") or (release.digest if release else "")
    errors: Sequence[Any] = ()
    problem = ""
    if request.method == "POST":
        errors, document = single_document(text)
        if document is not None:
            try:
                catalog.change(request.user, found.pk, document, digest, request_id=request_id(request))
            except Refused as refusal:
                problem, errors = refusal.message, refusal.detail if isinstance(refusal.detail, list) else ()
            else:
                messages.success(request, gettext("Saved as a new release; it is being probed."))
                return go(request, reverse("model", args=[found.name]))
    status = 422 if errors or problem else 200
    context = {"model": found, "text": text, "digest": digest, "errors": errors, "problem": problem, **SPEC_WORDS}
    return render(request, "registry/model_edit.html", context, status=status)


def single_document(text: str) -> tuple[Sequence[Any], dict[str, Any] | None]:
    """The one row of an edited file, or every error."""
    parsed = spec_file.parse(text, "spec.yaml")
    errors = [*parsed.errors, *(error for row in parsed.rows for error in row.errors)]
    if errors:
        return errors, None
    if len(parsed.rows) != 1:
        words = gettext("Expected exactly one model here, found %(n)d.") % {"n": len(parsed.rows)}
        return [{"line": 1, "path": "models", "message": words}], None
    return (), parsed.rows[0].document
