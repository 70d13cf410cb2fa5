"""Who may call, and with what secrets models are reached: API keys and credentials."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from controlplane.base import access as roles
from controlplane.base.refusals import Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.paging import page_of_rows
from controlplane.base.web.telling import told
from registry import snippets
from registry.access import callers, credentials
from registry.catalog import verbs as catalog
from registry.forms import NewCredentialForm, NewKeyForm


@page("key.read")
def keys(request: PersonRequest) -> HttpResponse:
    """Keys, newest first; an admin sees everybody's."""
    return render(request, "registry/keys.html", keys_context(request))


@page("key.create", "POST")
def key_create(request: PersonRequest) -> HttpResponse:
    """Make a key and show it this once."""
    form = NewKeyForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        limits = callers.KeyLimits(
            models=given["models"].replace(",", " ").split(),
            strict=given["strict"],
            calls_per_minute=given["calls_per_minute"],
            max_concurrency=given["max_concurrency"],
            expires_at=given["expires_at"],
        )
        try:
            row, secret = callers.create(
                request.user, given["name"], given["scopes"], limits, request_id=request_id(request)
            )
        except Refused as refusal:
            form.add_error(refusal.code if refusal.code in form.fields else None, told(refusal.message))
        else:
            base = request.build_absolute_uri("/").rstrip("/")
            model = catalog.first(request.user, matching=row.model_patterns)
            call = snippets.first_call(model.name, model.type, base) if model else snippets.listing(base)
            made = {"made": row, "secret": secret, "snippet": f"export PATCHBAY_KEY={secret}\n{call}"}
            return render(request, "registry/keys.html", {**keys_context(request), **made})
    return render(request, "registry/keys.html", {**keys_context(request), "form": form}, status=422)


@page("key.revoke", "POST")
def key_revoke(request: PersonRequest, key_id: int) -> HttpResponse:
    """Stop a key for good."""
    row = callers.revoke(request.user, key_id, request_id=request_id(request))
    messages.success(
        request, gettext("%(name)s is revoked. Calls with it are refused within two seconds.") % {"name": row.name}
    )
    return go(request, reverse("keys"))


def keys_context(request: PersonRequest) -> dict[str, Any]:
    """The list and an empty form."""
    show_all = request.GET.get("show") == "all"
    rows = callers.listing(request.user)
    if not show_all:
        rows = rows.filter(revoked_at=None)
    return {
        "listing": page_of_rows(rows, page_of(request)),
        "form": NewKeyForm(),
        "show_all": show_all,
        "now": timezone.now(),
        "everyone": roles.can(request.user, "key.read_all"),
        "scopes": {scope: roles.SCOPES[scope] <= roles.VERBS[request.user.role] for scope in roles.SCOPES},
    }


@page("credential.read")
def credential_list(request: PersonRequest) -> HttpResponse:
    """Stored secrets by name, never the secrets."""
    return render(request, "registry/credentials.html", credentials_context(request))


@page("credential.create", "POST")
def credential_create(request: PersonRequest) -> HttpResponse:
    """Store a secret."""
    form = NewCredentialForm(request.POST)
    if form.is_valid():
        try:
            row = credentials.create(request.user, **form.cleaned_data, request_id=request_id(request))
        except Refused as refusal:
            field = "name" if refusal.code == "credential_exists" else refusal.code
            form.add_error(field if field in form.fields else None, told(refusal.message))
        else:
            messages.success(request, gettext("%(name)s is stored.") % {"name": row.name})
            return go(request, reverse("credentials"))
    return render(request, "registry/credentials.html", {**credentials_context(request), "form": form}, status=422)


@page("credential.change", "POST")
def credential_change(request: PersonRequest, credential_id: int) -> HttpResponse:
    """Replace a secret."""
    secret = request.POST.get("secret", "").strip()
    row = credentials.change_secret(request.user, credential_id, secret, request_id=request_id(request))
    messages.success(request, gettext("The secret of %(name)s is replaced.") % {"name": row.name})
    return go(request, reverse("credentials"))


@page("credential.delete", "POST")
def credential_delete(request: PersonRequest, credential_id: int) -> HttpResponse:
    """Forget a secret that nothing uses."""
    credentials.delete(request.user, credential_id, request_id=request_id(request))
    messages.success(request, gettext("The credential is deleted."))
    return go(request, reverse("credentials"))


def credentials_context(request: PersonRequest) -> dict[str, Any]:
    """The list and an empty form."""
    return {"listing": page_of_rows(credentials.listing(request.user), page_of(request)), "form": NewCredentialForm()}
