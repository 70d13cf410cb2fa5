"""One model from its address: detect, look over, test, save."""

import json
from typing import Any

import msgspec
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from controlplane.base import access
from controlplane.base.doors import PersonRequest, go, page, request_id
from controlplane.base.refusals import Refused
from registry import credentials, drafts, onboarding, trying
from registry.protocols.catalog import PROTOCOLS
from registry.spec import TASKS_BY_TYPE
from registry.upstream import Exchange

PREVIEW = 16 * 1024


@page("model.create")
def model_new(request: PersonRequest) -> HttpResponse:
    """The address and a key; the rest follows."""
    stored = credentials.listing(request.user) if access.can(request.user, "credential.read") else []
    return render(request, "model_new.html", {"credentials": stored})


@page("model.detect", "POST")
def detect(request: PersonRequest) -> HttpResponse:
    """What answers at the address, with the evidence, and forms filled in as far as it goes."""
    address, secret = request.POST.get("address", "").strip(), request.POST.get("secret", "").strip()
    try:
        found = trying.detect(request.user, address, secret, request_id=request_id(request))
    except Refused as refusal:
        return render(request, "parts/wizard_draft.html", {"refusal": refusal.message})
    suggested = list(found.suggested) or [drafts.blank(found.endpoint or address, found.protocol or "openai")]
    context = {
        "found": found,
        "rows": drafts.rows(suggested, list(found.origins)),
        "draft": json.dumps(suggested[: drafts.MOST]),
        "protocols": [(name, document.title) for name, document in PROTOCOLS.items()],
        "protocol": found.protocol or "openai",
        "types": list(TASKS_BY_TYPE),
        "percent": round(found.confidence * 100),
    }
    return render(request, "parts/wizard_draft.html", context)


@page("model.create", "POST")
def test(request: PersonRequest) -> HttpResponse:
    """One real call of the first ticked model: what was sent, what came back, what callers would get."""
    try:
        document = drafts.documents(request.POST.dict())[0]
        secret = request.POST.get("secret", "").strip()
        exchange = trying.try_call(request.user, document, secret, request_id=request_id(request))
    except Refused as refusal:
        return render(request, "parts/wizard_test.html", {"refusal": refusal})
    context = {"exchange": exchange, "name": document["name"], **shown(exchange)}
    return render(request, "parts/wizard_test.html", context)


@page("model.create", "POST")
def save(request: PersonRequest) -> HttpResponse:
    """Save the ticked models, all or none."""
    try:
        documents = drafts.documents(request.POST.dict())
        secret = request.POST.get("secret", "").strip()
        saved = onboarding.save(request.user, documents, secret, request_id=request_id(request))
    except Refused as refusal:
        return render(request, "parts/wizard_test.html", {"refusal": refusal, "saving": True})
    names = ", ".join(model.name for model in saved[:3]) + (" …" if len(saved) > 3 else "")
    text = ngettext(
        "%(names)s is saved and being probed.", "%(n)d models are saved and being probed: %(names)s", len(saved)
    ) % {"names": names, "n": len(saved)}
    if request.POST.get("then") == "another":
        return render(request, "parts/wizard_saved.html", {"saved": saved, "text": text})
    messages.success(request, text)
    if len(saved) == 1:
        return go(request, reverse("model", args=[saved[0].name]))
    return go(request, reverse("models") + "?sort=-created_at")


def shown(exchange: Exchange) -> dict[str, Any]:
    """An exchange as texts for reading."""
    failure = exchange.failure
    return {
        "sent": pretty(exchange.request_body),
        "raw": pretty(exchange.response_body),
        "mapped": pretty(exchange.reply.body) if exchange.reply else "",
        "problem": failure.message if failure else "",
        "words": failure.upstream_words if failure else "",
        "pointer": f"/{failure.parameter}" if failure and failure.parameter else "",
        "good": exchange.reply is not None,
        "verdict": gettext("It works") if exchange.reply else gettext("It does not work yet"),
    }


def pretty(body: bytes) -> str:
    """JSON indented, anything else as text; at most 16 KiB."""
    try:
        text = msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        text = body
    return text[:PREVIEW].decode("utf-8", "replace")
