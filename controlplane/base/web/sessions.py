"""How long somebody stays signed in: SESSION_IDLE_SECONDS without a request, SESSION_COOKIE_AGE in all."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

NOTED_EVERY_SECONDS = 300
BEGAN, SEEN = "began", "seen"


def begin(sender: object, request: HttpRequest, **_: object) -> None:
    """Note in a session when it began. A receiver of Django's `user_logged_in`."""
    request.session[BEGAN] = request.session[SEEN] = int(time.time())


def over(held: Mapping[str, Any], now: float) -> bool:
    """Whether a session that holds this has ended at `now`, in Unix seconds; one without a beginning has."""
    began, seen = held.get(BEGAN), held.get(SEEN)
    if not isinstance(began, int) or not isinstance(seen, int):
        return True
    return now - seen > settings.SESSION_IDLE_SECONDS or now - began > settings.SESSION_COOKIE_AGE


class SessionLimits:
    """Middleware that signs out whoever was away too long."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on, signed out if the session is over; note a request at most every five minutes."""
        if request.user.is_authenticated:
            now = time.time()
            if over(request.session, now):
                logout(request)
            elif now - request.session[SEEN] > NOTED_EVERY_SECONDS:
                request.session[SEEN] = int(now)
        return self.get_response(request)
