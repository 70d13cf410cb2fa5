"""Pages of base: signing in, the first account, one's own choices, settings, people, the audit log."""

from typing import Any

from django.conf import settings as configuration
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext

from controlplane.base import access, accounts, config, saved_views
from controlplane.base.audit import exports, history
from controlplane.base.forms import EgressForm, Invitation, Password, Profile, SetUp, SignIn
from controlplane.base.models import Role, User
from controlplane.base.refusals import Conflict, Invalid, Missing, Refused
from controlplane.base.rest import reference
from controlplane.base.web.doors import PersonRequest, go, open_page, page, page_of, partial, request_id, safe_back
from controlplane.base.web.paging import page_of_rows
from controlplane.base.web.telling import told

MOST_INVITATIONS = 50
BACKEND = "django.contrib.auth.backends.ModelBackend"


@open_page("GET", "POST")
def sign_in(request: HttpRequest) -> HttpResponse:
    """Name and password. A page whose session ended asks here too and keeps what was typed."""
    onward = safe_next(request)
    if request.method == "GET" and request.user.is_authenticated:
        return HttpResponseRedirect(onward)
    form = SignIn(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if accounts.guessed_too_often(form.cleaned_data["username"]):
            return render(request, "base/locked.html", status=429)
        user = authenticate(request, **form.cleaned_data)
        if isinstance(user, User):
            login(request, user)
            if partial(request):
                return JsonResponse({"csrf": get_token(request)})
            return with_language(HttpResponseRedirect(onward), user.language)
        form.add_error(None, gettext("Name and password do not match an account here."))
    status = 422 if form.errors else 200
    context = {"form": form, "next": onward, "first_run": not accounts.has_admin()}
    return render(request, "base/sign_in.html", context, status=status)


@page("profile.change", "POST")
def sign_out(request: PersonRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("sign-in")


@open_page("GET", "POST")
def set_up(request: HttpRequest, token: str) -> HttpResponse:
    """Use a one-time link: make an account and sign in with it."""
    try:
        link = accounts.open_setup_link(token)
    except Missing:
        return render(request, "base/set_up_gone.html", status=404)
    form = SetUp(request.POST or None, initial={"language": translation.get_language()})
    if request.method == "POST" and form.is_valid():
        try:
            user = accounts.use_setup_link(token, **form.cleaned_data)
        except Refused as refusal:
            at_name = [{"path": "username", "message": refusal.message}]
            for error in refusal.detail if refusal.code == "account" else at_name:
                form.add_error(error["path"] if error["path"] in form.fields else None, told(error["message"]))
        else:
            login(request, user, backend=BACKEND)
            return with_language(redirect("overview"), user.language)
    form.keep_password()
    return render(request, "base/set_up.html", {"form": form, "link": link}, status=422 if form.errors else 200)


@open_page("POST")
def language(request: HttpRequest) -> HttpResponse:
    """Another language, for whoever is reading."""
    chosen = request.POST.get("language", "")
    if chosen not in dict(configuration.LANGUAGES):
        chosen = configuration.LANGUAGE_CODE
    if isinstance(request.user, User):
        accounts.change_profile(request.user, chosen, request.user.theme)
    return with_language(HttpResponseRedirect(safe_next(request)), chosen)


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


@page("profile.change")
def api_reference(request: PersonRequest) -> HttpResponse:
    """What the REST API answers, drawn from its OpenAPI document."""
    base = request.build_absolute_uri("/").rstrip("/")
    start = f"export PATCHBAY_URL={base}\nexport PATCHBAY_KEY=pb-…"
    context = {"reference": reference.drawn(), "start": start}
    return render(request, "base/api_reference.html", context)


@page("profile.change", "POST")
def list_layout(request: PersonRequest, place: str) -> HttpResponse:
    """Keep which columns of a list are shown, and how dense it is."""
    columns = [] if request.POST.get("standard") else request.POST.getlist("columns")
    saved_views.lay_out(request.user, place, columns, bool(request.POST.get("dense")), request.POST.get("view", ""))
    return go(request, safe_back(request, reverse(place)))


@page("profile.change", "POST")
def view_save(request: PersonRequest, place: str) -> HttpResponse:
    """Keep what a list shows now under a name, and open it."""
    given = {name: request.POST.get(name, "") for name in ("name", "query")}
    try:
        view = saved_views.save(request.user, place, **given, like=request.POST.get("view", ""))
    except (Conflict, Invalid) as refusal:
        messages.error(request, told(refusal.message))
        return go(request, safe_back(request, "/"))
    messages.success(request, gettext("Saved. The view is above the list, for you alone."))
    return go(request, view.address)


@page("profile.change", "POST")
def view_change(request: PersonRequest, view_id: int) -> HttpResponse:
    """Another name for a view, or the filter and order that the list has now."""
    try:
        view = saved_views.change(request.user, view_id, request.POST.get("name"), request.POST.get("query"))
    except (Conflict, Invalid) as refusal:
        messages.error(request, told(refusal.message))
        return go(request, safe_back(request, "/"))
    messages.success(request, gettext("Saved."))
    return go(request, view.address)


@page("profile.change", "POST")
def view_delete(request: PersonRequest, view_id: int) -> HttpResponse:
    """Forget a view; what it showed stays on screen."""
    view = saved_views.delete(request.user, view_id)
    messages.success(request, gettext("The view “%(name)s” is deleted.") % {"name": view.name})
    return go(request, f"{reverse(view.place)}?{view.query}")


@page("audit.read")
def audit_log(request: PersonRequest) -> HttpResponse:
    """Who did what, and whether the chain holds."""
    wanted = wanted_changes(request)
    holds, position, at = history.chain(request.user)
    filters = urlencode({name: value for name, value in wanted.items() if value})
    context = {
        "listing": history.changes(request.user, wanted, page_of(request)),
        "wanted": wanted,
        "filtered": bool(filters),
        "filters": f"&{filters}" if filters else "",
        "holds": holds,
        "position": position,
        "verified_at": at,
        "verbs": history.verbs(request.user),
    }
    return render(request, "base/audit.html", context)


@page("audit.read")
def audit_export(request: PersonRequest) -> HttpResponseBase:
    """Every entry that matches the filter, as a file: CSV, or JSON Lines."""
    return exports.answer(request.user, wanted_changes(request), request.GET.get("format", ""))


def wanted_changes(request: HttpRequest) -> dict[str, str]:
    """The filter in the address of the audit log."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in history.FILTERS}


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


def safe_next(request: HttpRequest) -> str:
    """Where to go on: an address of this site, else the overview."""
    given = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if safe else "/"


def with_language(response: HttpResponse, chosen: str) -> HttpResponse:
    """Remember the language in this browser, for pages before signing in too."""
    response.set_cookie(
        configuration.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=365 * 24 * 3600,
        samesite="Lax",
        secure=bool(configuration.SESSION_COOKIE_SECURE),
    )
    return response
