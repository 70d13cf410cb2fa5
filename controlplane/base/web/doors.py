"""Doors to pages. A view is decorated with the verb it needs; a view without a declaration is refused."""

import functools
import json
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext

from controlplane.base import access
from controlplane.base.models import User
from controlplane.base.refusals import Conflict, Missing, Refused, Stale, TryLater
from controlplane.base.web.telling import told

View = Callable[..., HttpResponseBase]
OPEN, UNDO = "open", "undo"
BEGAN = "patchbay.began"
"""Under META: when the view of a page began to read, in Unix time."""


class PersonRequest(HttpRequest):
    """A request behind a door: somebody is signed in."""

    user: User


def page(verb: str, *methods: str) -> Callable[[View], View]:
    """Decorate a view for signed-in people who may do `verb`. GET alone unless `methods` are named."""
    return functools.partial(_door, verb=verb, methods=methods or ("GET",))


def open_page(*methods: str) -> Callable[[View], View]:
    """Decorate a view that nobody has to sign in for: sign-in, set-up, language."""
    return functools.partial(_door, verb=OPEN, methods=methods or ("GET",))


def _door(view: View, verb: str, methods: tuple[str, ...]) -> View:
    allowed = {*methods, "HEAD"} if "GET" in methods else set(methods)

    @functools.wraps(view)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in allowed:
            return _fault(
                request, 405, gettext("This address does not answer %(method)s.") % {"method": request.method}
            )
        try:
            if verb != OPEN:
                if not request.user.is_authenticated:
                    return _sign_in_first(request)
                access.require(request.user, verb)
            return view(request, *args, **kwargs)
        except access.Forbidden as refusal:
            return forbidden(request, refusal)
        except Missing as refusal:
            return _refused(request, refusal, 404)
        except (Conflict, Stale) as refusal:
            return _refused(request, refusal, 409)
        except Refused as refusal:
            return _refused(request, refusal, 400)
        except TryLater as refusal:
            answer = _fault(request, 503, told(refusal.message))
            answer.headers["Retry-After"] = str(refusal.seconds)
            return answer

    vars(door).update(verb=verb, methods=methods)
    return door


class DefaultDeny:
    """Middleware that refuses every view that neither declares a verb nor is part of the REST API."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; the decision is made once the view is known."""
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Answer 403 for a view without `verb` that is no DRF view (those ask VerbPermission). Notes when it began."""
        request.META[BEGAN] = time.time()
        if hasattr(view, "verb") or hasattr(view, "cls"):
            return None
        return _fault(request, 403, gettext("This address declares no permission, so it is closed."))


def request_id(request: HttpRequest) -> str:
    """The id of this request, the caller's own if it sent a sane one."""
    if "patchbay.request_id" not in request.META:
        given = request.headers.get("X-Request-Id", "")
        sane = given.isascii() and given.isprintable() and 0 < len(given) <= 64
        request.META["patchbay.request_id"] = given if sane else uuid.uuid4().hex
    return str(request.META["patchbay.request_id"])


def partial(request: HttpRequest) -> bool:
    """Whether htmx or a module asks for part of a page."""
    return bool(getattr(request, "htmx", False)) or request.headers.get("X-Requested-With") == "patchbay"


def go(request: HttpRequest, address: str) -> HttpResponse:
    """Send the browser to `address`, from a form as well as from htmx."""
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def download(text: str, name: str) -> HttpResponse:
    """A YAML file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="application/yaml; charset=utf-8", headers=headers)


def news(response: HttpResponse, **events: Any) -> HttpResponse:
    """Attach events for the page's scripts, for example `toast={"text": …, "kind": "error"}`."""
    known = json.loads(response.headers.get("HX-Trigger", "{}"))
    response.headers["HX-Trigger"] = json.dumps({**known, **events})
    return response


def offer_undo(request: HttpRequest, words: str, action: str, ids: Sequence[int]) -> None:
    """Say what was done on the next page, with a button there that posts the same `ids` to `action`."""
    request.session[UNDO] = {"words": words, "action": action, "ids": ",".join(map(str, ids))}


def forbidden(request: HttpRequest, refusal: access.Forbidden) -> HttpResponse:
    """403 that names the missing role."""
    context = {"verb": refusal.verb, "needed": refusal.needed, "role": refusal.role, "status": 403}
    if partial(request):
        text = gettext("This needs the role “%(needed)s”; yours is “%(role)s”.") % context
        return only_toast(text, 403)
    return render(request, "base/forbidden.html", {**context, "request_id": request_id(request)}, status=403)


def not_found(request: HttpRequest, text: str = "") -> HttpResponse:
    """404 as a page."""
    return _fault(request, 404, text)


def _refused(request: HttpRequest, refusal: Refused, status: int) -> HttpResponse:
    text = told(refusal.message)
    if partial(request):
        return only_toast(text, 422 if status == 400 else status)
    return _fault(request, status, text)


def only_toast(text: str, status: int) -> HttpResponse:
    """An answer that leaves the page as it is and says `text` in a toast."""
    return news(HttpResponse(status=status, headers={"HX-Reswap": "none"}), toast={"text": text, "kind": "error"})


def _fault(request: HttpRequest, status: int, text: str) -> HttpResponse:
    if partial(request):
        return only_toast(text or str(status), status)
    context = {"status": status, "text": text, "request_id": request_id(request)}
    return render(request, "base/fault.html", context, status=status)


def _sign_in_first(request: HttpRequest) -> HttpResponse:
    if partial(request):
        return HttpResponse(status=401, headers={"HX-Reswap": "none"})
    return HttpResponseRedirect(f"{reverse('sign-in')}?{urlencode({'next': request.get_full_path()})}")


def ids_given(request: HttpRequest) -> list[int]:
    """The ids in a form's fields `ids`, each a number or several with commas between; what is no number is left out."""
    given = ",".join(request.POST.getlist("ids")).split(",")
    return [int(item) for item in given if item.isascii() and item.isdigit() and len(item) < 18]


def page_of(request: HttpRequest) -> int:
    """The page number asked for, at least 1. Raises Http404 for anything that is no number."""
    given = request.GET.get("page") or "1"
    if not (given.isascii() and given.isdigit() and len(given) < 7):
        raise Http404
    return max(1, int(given))


def safe_back(request: HttpRequest, otherwise: str) -> str:
    """Where a form asks to return to: a path of this site, else `otherwise`."""
    given = request.POST.get("back", "")
    safe = given.startswith("/") and url_has_allowed_host_and_scheme(given, {request.get_host()})
    return given if safe else otherwise
