"""The page of agents: which GPU nodes push, and the keys that let them."""

import shlex
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base.forms import blame
from controlplane.base.refusals import Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.paging import page_of_rows
from routing.forms import AgentForm
from routing.pushed import keys
from routing.pushed.hearing import heard_of

INSTALL = """cd /opt/patchbay && python3 -m venv .venv && .venv/bin/pip install -r deploy/agent/requirements.txt
echo PATCHBAY_URL={site} >/etc/patchbay-agent.env
(umask 077; echo {secret} >/etc/patchbay-agent.key)
cp deploy/agent/patchbay-agent.service /etc/systemd/system/ && systemctl enable --now patchbay-agent"""


@page("fleet.read")
def agents(request: PersonRequest) -> HttpResponse:
    """Every agent by node, with what was last heard of it."""
    return render(request, "routing/agents.html", _context(request))


@page("fleet.change", "POST")
def agent_create(request: PersonRequest) -> HttpResponse:
    """Make the key of a node's agent, and show it this once."""
    form = AgentForm(request.POST)
    if form.is_valid():
        try:
            row, secret = keys.create(request.user, form.cleaned_data["name"], request_id=request_id(request))
        except Refused as refusal:
            blame(form, refusal, {"exists": "name"})
        else:
            site = request.build_absolute_uri("/").rstrip("/")
            install = INSTALL.format(site=shlex.quote(site), secret=secret)
            return render(request, "routing/agents.html", {**_context(request), "made": row, "install": install})
    return render(request, "routing/agents.html", {**_context(request), "form": form}, status=422)


@page("fleet.change", "POST")
def agent_revoke(request: PersonRequest, key_id: int) -> HttpResponse:
    """Let an agent in no more."""
    row = keys.revoke(request.user, key_id, request_id=request_id(request))
    messages.success(request, gettext("The agent of %(name)s is refused from now on.") % {"name": row.name})
    return go(request, reverse("agents"))


def _context(request: PersonRequest) -> dict[str, Any]:
    shown = page_of_rows(keys.listing(request.user), page_of(request))
    return {"listing": shown, "agents": heard_of(shown.rows), "form": AgentForm()}
