"""Pages of one's own choices, and of the installation's: the egress list, people."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.translation import gettext

from controlplane.base import access, accounts, config
from controlplane.base.forms import EgressForm, Invitation, Password, Profile
from controlplane.base.models import Role, User
from controlplane.base.refusals import Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.language import with_language
from controlplane.base.web.paging import page_of_rows
from controlplane.base.web.telling import told

MOST_INVITATIONS = 50


@page("profile.change")
def settings(request: PersonRequest) -> HttpResponse:
    """One's own choices; for admins the egress list and people too."""
    return render(request, "base/settings.html", settings_context(request))


@page("profile.change", "POST")
def profile(request: PersonRequest) -> HttpResponse:
    """Save one's own language and theme."""
    form = Profile(request.POST)
    if not form.is_valid() or not isinstance(request.user, User):
        return render(request, "base/settings.html", {**settings_context(request), "profile": form}, status=422)
    user = accounts.change_profile(request.user, form.cleaned_data["language"], form.cleaned_data["theme"])
    with translation.override(user.language):
        messages.success(request, gettext("Saved."))
    return with_language(go(request, "/settings"), user.language)


@page("profile.change", "POST")
def password(request: PersonRequest) -> HttpResponse:
    """Change one's own password; other sessions of the account end."""
    form = Password(request.POST)
    if form.is_valid() and isinstance(request.user, User):
        try:
            accounts.change_password(request.user, form.cleaned_data["old"], form.cleaned_data["new"])
        except Refused as refusal:
            form.add_error("old" if refusal.code == "password" else "new", told(refusal.message))
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, gettext("Password changed. Other sessions have ended."))
            return go(request, "/settings")
    return render(request, "base/settings.html", {**settings_context(request), "password": form}, status=422)


@page("settings.change", "POST")
def egress(request: PersonRequest) -> HttpResponse:
    """Replace the egress allow-list."""
    form = EgressForm(request.POST)
    form.is_valid()
    if "entries" not in request.POST:
        form.add_error("entries", gettext("The list was missing from what was sent, so nothing was changed."))
        return render(request, "base/settings.html", {**settings_context(request), "egress": form}, status=422)
    lines = [line.strip() for line in form.cleaned_data.get("entries", "").splitlines()]
    try:
        config.set_egress_allow(request.user, [line for line in lines if line], request_id(request))
    except Refused as refusal:
        form.add_error("entries", told(refusal.message))
        return render(request, "base/settings.html", {**settings_context(request), "egress": form}, status=422)
    messages.success(request, gettext("Saved. The data plane follows within two seconds."))
    return go(request, "/settings#egress")


@page("user.invite", "POST")
def invite(request: PersonRequest) -> HttpResponse:
    """Make a one-time link for somebody new and show it once."""
    token = accounts.invite(request.user, request.POST.get("role", Role.VIEWER), request.POST.get("name", ""))
    address = request.build_absolute_uri(f"/set-up/{token}")
    return render(request, "base/settings.html", {**settings_context(request), "invitation_link": address})


@page("user.invite", "POST")
def withdraw(request: PersonRequest, link_id: int) -> HttpResponse:
    """End an invitation that nobody has used."""
    accounts.withdraw(request.user, link_id, request_id(request))
    messages.success(request, gettext("The invitation is withdrawn; its link no longer works."))
    return go(request, "/settings#invitations")


@page("user.change", "POST")
def change_person(request: PersonRequest, user_id: int) -> HttpResponse:
    """Another role for an account, or shut it out, or let it in again."""
    wish = request.POST.get("role", "")
    if wish == "deactivate":
        user = accounts.deactivate(request.user, user_id, request_id(request))
    elif wish == "activate":
        user = accounts.activate(request.user, user_id, request_id(request))
    else:
        user = accounts.change_role(request.user, user_id, wish, request_id(request))
    messages.success(request, gettext("%(name)s was changed.") % {"name": user.username})
    return go(request, "/settings#people")


def settings_context(request: PersonRequest) -> dict[str, Any]:
    """What the settings page shows to this person."""
    user = request.user
    context: dict[str, Any] = {
        "profile": Profile(initial={"language": translation.get_language(), "theme": getattr(user, "theme", "")}),
        "password": Password(),
        "roles": Role.values,
    }
    if access.can(user, "settings.read"):
        context["egress"] = EgressForm(initial={"entries": "\n".join(config.egress_allow())})
    if access.can(user, "user.read"):
        context["people"] = page_of_rows(accounts.people(user), page_of(request))
        context["programs"] = accounts.programs()
        context["invitations"] = accounts.invitations(user)[:MOST_INVITATIONS]
        context["now"] = timezone.now()
        context["invitation"] = Invitation()
    return context
