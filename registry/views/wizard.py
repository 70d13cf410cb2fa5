"""Models from their address: detect, allow if an admin must, look over, test, save."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext, ngettext

from controlplane.base import access, accounts, config
from controlplane.base.refusals import Refused
from controlplane.base.web.doors import PersonRequest, go, news, page, request_id
from registry.access import credentials
from registry.catalog import verbs as catalog
from registry.detection import drafts, onboarding, trying
from registry.detection.detect import Detection
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.spec import TASKS_BY_TYPE
from registry.upstreams.exchange import Exchange

PREVIEW = 16 * 1024
SHOWN_ADMINS = 3
AT_A_TIME = 16
"""Test calls of one request: two rounds of those that are made at once, at most a minute."""


@page("model.create")
def model_new(request: PersonRequest) -> HttpResponse:
    """The address and a key; the rest follows."""
    stored = credentials.listing(request.user) if access.can(request.user, "credential.read") else []
    return render(request, "registry/model_new.html", {"credentials": stored})


@page("model.detect", "POST")
def detect(request: PersonRequest) -> HttpResponse:
    """What answers at the address, the verdict first, and forms filled in as far as it goes."""
    try:
        return detected(request)
    except trying.NotAllowed as refused:
        context = {"refused": refused, "admins": accounts.admins()[:SHOWN_ADMINS]}
        return render(request, "registry/parts/wizard_blocked.html", context)


@page("settings.change", "POST")
def allow(request: PersonRequest) -> HttpResponse:
    """Allow the form's address, which was refused, and look there."""
    try:
        return detected(request)
    except trying.NotAllowed as refused:
        entry = refused.entry
    config.allow_egress(request.user, entry, request_id(request))
    return news(detected(request), toast={"text": gettext("%s is allowed from now on.") % entry})


def detected(request: PersonRequest) -> HttpResponse:
    """The wizard's second step, or what stands in its way. Raises NotAllowed."""
    address, secret = request.POST.get("address", "").strip(), request.POST.get("secret", "").strip()
    stored = request.POST.get("credential", "").strip()
    try:
        used = secret or (trying.stored_secret(request.user, stored, address) if stored else "")
        found = trying.detect(request.user, address, used, request_id=request_id(request))
    except trying.NotAllowed:
        raise
    except Refused as refusal:
        return render(request, "registry/parts/wizard_draft.html", {"refusal": refusal.message})
    answer = render(request, "registry/parts/wizard_draft.html", draft_context(request, found, with_key=bool(used)))
    return news(answer, **{"focus-on": "#secret"}) if found.verdict == "wants_key" else answer


def draft_context(request: PersonRequest, found: Detection, *, with_key: bool) -> dict[str, Any]:
    """What the second step shows of a detection."""
    address = request.POST.get("address", "").strip()
    suggested = list(found.suggested) or [drafts.blank(found.endpoint or address, found.protocol or "openai")]
    here = catalog.known_names(request.user, [str(document["name"]) for document in suggested])
    return {
        "found": found,
        "with_key": with_key,
        "rows": drafts.rows(suggested, list(found.origins), here),
        "here": len(here),
        "draft": json.dumps(suggested[: drafts.MOST]),
        "protocols": [(name, document.title) for name, document in PROTOCOLS.items()],
        "protocol": found.protocol or "openai",
        "types": list(TASKS_BY_TYPE),
        "percent": round(found.confidence * 100),
    }


@page("model.create", "POST")
def test(request: PersonRequest) -> HttpResponse:
    """One real call of every ticked model, some at a time: the page asks for the next ones (`more`) by itself."""
    more = bool(request.POST.get("more"))
    try:
        documents = drafts.documents(request.POST.dict())
        step = next_step(request, documents, afresh=not more and not request.POST.get("saving"))
    except Refused as refusal:
        return render(request, "registry/parts/wizard_test.html", {"refusal": refusal})
    return render(request, "registry/parts/wizard_more.html" if more else "registry/parts/wizard_test.html", step)


@page("model.create", "POST")
def save(request: PersonRequest) -> HttpResponse:
    """Save the ticked models, all or none. What no call has proven yet is called first, or saved disabled."""
    secret = request.POST.get("secret", "").strip()
    try:
        documents = drafts.documents(request.POST.dict())
        proofs = set(request.POST.getlist("proof"))
        unproven = [document for document in documents if seal(document, secret) not in proofs]
        if unproven and request.POST.get("then") != "disabled":
            step = next_step(request, documents, afresh=False)
            if step["left"] or not step["all_good"]:
                return panel(request, {**step, "saving": True})
            unproven = []
        names = {str(document["name"]) for document in unproven}
        saved = onboarding.save(request.user, documents, secret, unproven=names, request_id=request_id(request))
    except Refused as refusal:
        return panel(request, {"refusal": refusal, "saving": True})
    text = saved_words([model.name for model in saved], disabled=len(names))
    if request.POST.get("then") == "another":
        return render(request, "registry/parts/wizard_saved.html", {"saved": saved, "text": text})
    messages.success(request, text)
    if len(saved) == 1:
        return go(request, reverse("model", args=[saved[0].name]))
    return go(request, reverse("models") + "?sort=-created_at")


def panel(request: PersonRequest, context: dict[str, Any]) -> HttpResponse:
    """The test's panel, in its own place whichever button asked: the form stays as it is."""
    answer = render(request, "registry/parts/wizard_test.html", context)
    answer.headers["HX-Retarget"] = "#test"
    return answer


def saved_words(names: Sequence[str], disabled: int) -> str:
    """What was saved, and how many of it waits for somebody to enable it."""
    shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    text = ngettext(
        "%(names)s is saved and being probed.", "%(n)d models are saved and being probed: %(names)s", len(names)
    ) % {"names": shown, "n": len(names)}
    if not disabled:
        return text
    off = ngettext(
        "%(n)d model is disabled: no call has proven it yet.",
        "%(n)d models are disabled: no call has proven them yet.",
        disabled,
    )
    return off % {"n": disabled} if disabled == len(names) else f"{text} {off % {'n': disabled}}"


def next_step(request: PersonRequest, documents: Sequence[dict[str, Any]], *, afresh: bool) -> dict[str, Any]:
    """Test calls of the next few documents, and how far that is. What the form proves or saw fail is not called again.

    So no request lasts longer than a few calls do, however many models are ticked.
    """
    secret = request.POST.get("secret", "").strip()
    proofs = [] if afresh else request.POST.getlist("proof")
    failed = request.POST.getlist("failed") if request.POST.get("more") else []
    over = {*proofs, *failed}
    waiting = [d for d in documents if seal(d, secret) not in over and seal(d, secret, "failed") not in over]
    now = waiting[:AT_A_TIME]
    exchanges = trying.try_calls(request.user, now, secret, request_id=request_id(request))
    results = [
        {"name": d["name"], "exchange": e, "seal": seal(d, secret, "proof" if e.reply else "failed"), **shown(e)}
        for d, e in zip(now, exchanges, strict=True)
    ]
    good = sum(seal(d, secret) in proofs for d in documents) + sum(result["good"] for result in results)
    left = len(waiting) - len(now)
    counted = gettext("%(good)d of %(all)d work") % {"good": good, "all": len(documents) - left}
    return {
        "results": sorted(results, key=lambda result: result["good"]),
        "proofs": [] if request.POST.get("more") else proofs,
        "all_good": good == len(documents) - left,
        "left": left,
        "total": len(documents),
        "done": len(documents) - left,
        "verdict": results[0]["verdict"] if len(documents) == 1 else counted,
        "saving": bool(request.POST.get("saving")),
        "then": request.POST.get("then", ""),
    }


def seal(document: dict[str, Any], secret: str, outcome: str = "proof") -> str:
    """What only this server can write: that exactly this document was called with this key, and worked or failed."""
    return salted_hmac(f"registry.wizard.{outcome}", json.dumps([document, secret], sort_keys=True)).hexdigest()


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
