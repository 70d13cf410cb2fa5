"""Pages of the rules of alerts: the list with its switches, and the file."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base.refusals import Invalid, Stale
from controlplane.base.web.doors import PersonRequest, download, go, page, request_id
from controlplane.base.web.telling import told
from routing.alerts import checking, reading
from routing.alerts import rules as verbs
from routing.alerts.rule_file import duration

SWITCHES = {"on": True, "off": False}


@page("alert.read")
def rules(request: PersonRequest) -> HttpResponse:
    """Every rule, with how often it fires now."""
    rows = list(verbs.listing(request.user))
    counts = reading.open_by_rule(request.user)
    entries = [(row, reading.summary(row.annotations), duration(row.for_s), counts.get(row.name, 0)) for row in rows]
    return render(request, "routing/alert_rules.html", {"entries": entries})


@page("alert.change", "POST")
def rule_switch(request: PersonRequest, name: str, wanted: str) -> HttpResponse:
    """Switch a rule on or off."""
    if wanted not in SWITCHES:
        raise Http404
    verbs.change(request.user, name, {"enabled": SWITCHES[wanted]}, request_id(request))
    said = gettext("%(name)s is on.") if SWITCHES[wanted] else gettext("%(name)s is off; what it fired is over.")
    messages.success(request, said % {"name": name})
    return go(request, reverse("alert-rules"))


@page("alert.read")
def rules_export(request: PersonRequest) -> HttpResponse:
    """The rules as a file."""
    return download(verbs.export(request.user), "alert-rules.yaml")


@page("alert.change", "GET", "POST")
def rules_edit(request: PersonRequest) -> HttpResponse:
    """The rules as a text: check what it does and for whom it would fire now, then save it."""
    current = verbs.export(request.user)
    text = request.POST.get("text", "") if request.method == "POST" else current
    seen = request.POST.get("seen", "") if request.method == "POST" else verbs.digest(current)
    context: dict[str, Any] = {"text": text, "seen": seen}
    if request.method == "POST" and "apply" in request.POST:
        try:
            done = verbs.bring(request.user, text, whole=True, seen=seen, request_id=request_id(request))
        except Stale as refusal:
            context["problem"] = told(refusal.message)
            context["seen"] = verbs.digest(current)
        except Invalid:
            pass  # The plan below tells every error.
        else:
            messages.success(request, gettext("Rules changed: %(n)d.") % {"n": len(done.changes)})
            return go(request, reverse("alert-rules"))
    if request.method == "POST":
        plan = verbs.plan(request.user, text, whole=True)
        context |= {"plan": plan, "errors": plan.errors}
        if not plan.errors:
            context["checked"] = checking.check(request.user, text).rules
    status = 422 if context.get("errors") or context.get("problem") else 200
    return render(request, "routing/alert_rules_edit.html", context, status=status)
