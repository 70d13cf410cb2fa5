"""Pages of the receivers of alerts' messages."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base.forms import blame
from controlplane.base.refusals import Conflict, Invalid
from controlplane.base.web.doors import PersonRequest, go, page, request_id
from controlplane.base.web.telling import told
from routing.alert_forms import AlertReceiverEditForm, AlertReceiverForm
from routing.alerts import receivers as verbs
from routing.alerts.language import matching
from routing.alerts.models import AlertReceiver

SHOWN_MESSAGES = 5
_FIELDS = {"exists": "name"}


@page("alert.change")
def receivers(request: PersonRequest) -> HttpResponse:
    """Every receiver with its last messages."""
    return render(request, "routing/alert_receivers.html", _context(request))


@page("alert.change", "POST")
def receiver_create(request: PersonRequest) -> HttpResponse:
    """Add a receiver; its secret is shown on the answer, and not again."""
    form = AlertReceiverForm(request.POST)
    if form.is_valid():
        try:
            row, secret = verbs.create(request.user, form.cleaned_data, request_id(request))
        except (Conflict, Invalid) as refusal:
            blame(form, refusal, _FIELDS)
        else:
            shown = {"made": row, "secret": secret if row.form == "standard" else ""}
            return render(request, "routing/alert_receivers.html", {**_context(request), **shown}, status=201)
    return render(request, "routing/alert_receivers.html", {**_context(request), "form": form}, status=422)


@page("alert.change", "GET", "POST")
def receiver_edit(request: PersonRequest, receiver_id: int) -> HttpResponse:
    """Change a receiver; its secret and, unless another is given, its address stay. With `test` a test follows."""
    row = verbs.get(request.user, receiver_id)
    form = AlertReceiverEditForm(row, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            row = verbs.change(request.user, receiver_id, form.given(), request_id(request))
        except (Conflict, Invalid) as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is changed.") % {"name": row.name})
            if "test" in request.POST:
                _test(request, row)
            return go(request, reverse("alert-receivers"))
    context = {"receiver": row, "form": form}
    return render(request, "routing/alert_receiver_edit.html", context, status=422 if form.errors else 200)


@page("alert.change", "POST")
def receiver_act(request: PersonRequest, receiver_id: int, wanted: str) -> HttpResponse:
    """Test, switch, rotate or delete a receiver."""
    row = verbs.get(request.user, receiver_id)
    if wanted == "rotate":
        row, secret = verbs.rotate(request.user, receiver_id, request_id(request))
        return render(request, "routing/alert_receivers.html", {**_context(request), "made": row, "secret": secret})
    if wanted == "test":
        _test(request, row)
    elif wanted in ("on", "off"):
        verbs.change(request.user, receiver_id, {"enabled": wanted == "on"}, request_id(request))
        said = gettext("%(name)s is on.") if wanted == "on" else gettext("%(name)s is off.")
        messages.success(request, said % {"name": row.name})
    elif wanted == "delete":
        verbs.remove(request.user, receiver_id, request_id(request))
        messages.success(request, gettext("%(name)s is deleted.") % {"name": row.name})
    else:
        raise Http404
    return go(request, reverse("alert-receivers"))


def _test(request: PersonRequest, row: AlertReceiver) -> None:
    outcome = verbs.try_out(request.user, row.pk, request_id(request))
    if outcome.error:
        messages.error(request, told(outcome.error))
    else:
        messages.success(request, gettext("%(name)s took the test message.") % {"name": row.name})


def _context(request: PersonRequest) -> dict[str, Any]:
    rows = list(verbs.listing(request.user))
    return {"entries": [_entry(request, row) for row in rows], "form": AlertReceiverForm()}


def _entry(request: PersonRequest, row: AlertReceiver) -> dict[str, Any]:
    return {
        "receiver": row,
        "matchers": [one.told() for one in matching.of_json(row.matchers)],
        "messages": verbs.messages(request.user, row.pk)[:SHOWN_MESSAGES],
    }
