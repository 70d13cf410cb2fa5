"""Pages of signing in, signing out, set-up links and the language."""

from django.conf import settings as configuration
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from controlplane.base import accounts
from controlplane.base.forms import SetUp, SignIn
from controlplane.base.models import User
from controlplane.base.refusals import Missing, Refused, TryLater
from controlplane.base.web.doors import PersonRequest, open_page, page, partial
from controlplane.base.web.language import with_language
from controlplane.base.web.telling import told

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
        try:
            user = authenticate(request, **form.cleaned_data)
        except TryLater as refusal:
            form.add_error(None, told(refusal.message))
            answer = _form_again(request, form, 503)
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer
        if isinstance(user, User):
            login(request, user)
            if partial(request):
                return JsonResponse({"csrf": get_token(request)})
            return with_language(HttpResponseRedirect(onward), user.language)
        form.add_error(None, gettext("Name and password do not match an account here."))
    return _form_again(request, form, 422 if form.errors else 200)


def _form_again(request: HttpRequest, form: SignIn, status: int) -> HttpResponse:
    context = {"form": form, "next": safe_next(request), "first_run": not accounts.has_admin()}
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


def safe_next(request: HttpRequest) -> str:
    """Where to go on: an address of this site, else the overview."""
    given = request.POST.get("next") or request.GET.get("next") or "/"
    safe = url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure())
    return given if safe else "/"
