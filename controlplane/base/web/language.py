"""The language of a page: the account's choice, else the cookie's, else the browser's. The REST API is for programs and
speaks English alone.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation

PROGRAMS = "/api/"
REFERENCE = "/api/docs"
"""The page about the API is for people."""


class AccountLanguage:
    """Middleware that activates the reader's language. Signed-in accounts carry theirs in the language cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer in the reader's language."""
        path = request.path_info
        programs = path.startswith(PROGRAMS) and path.rstrip("/") != REFERENCE
        language = "en" if programs else translation.get_language_from_request(request)
        with translation.override(language):
            request.LANGUAGE_CODE = language
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
            return response


def with_language(response: HttpResponse, chosen: str) -> HttpResponse:
    """Remember the language in this browser, for pages before signing in too."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=365 * 24 * 3600,
        samesite="Lax",
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )
    return response
