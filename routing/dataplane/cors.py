"""Cross-origin calls of browsers to /v1: which origins may read its answers.

A call acts by the key in its Authorization header alone; no cookie counts here and credentials are never allowed, so
another origin's page can do nothing that its own key could not do from anywhere.
"""

import re
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from routing.dataplane.caller import CallerSide
from routing.dataplane.endpoints import Headers

App = Callable[[CallerSide], Coroutine[Any, Any, None]]

ANY = "*"
METHODS = b"GET, HEAD, POST, OPTIONS"
EXPOSED = (
    b"x-request-id, x-patchbay-adapted, x-patchbay-revision, deprecation, sunset, retry-after, location,"
    b" preference-applied"
)
KEPT_SECONDS = b"3600"
_NAMES = re.compile(rb"[A-Za-z0-9_, -]{1,2000}")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")


def origins(text: str) -> tuple[str, ...]:
    """The origins in a setting, parted by spaces: `*` for any, none for an empty text. Raises ValueError."""
    found = tuple(dict.fromkeys(text.split()))
    for origin in found:
        if origin != ANY and not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin; expected * or scheme://host[:port] in lower case, without a path"
            )
    return found


class CrossOrigin:
    """Adds what browsers need to the answers of an application."""

    def __init__(self, app: App, allowed: tuple[str, ...]) -> None:
        """`allowed` are origins as `origins` reads them."""
        self._app = app
        self._any = ANY in allowed
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def __call__(self, side: CallerSide) -> Coroutine[Any, Any, None]:
        """Answer, or pass on, one HTTP request."""
        memo = side.memo
        if "origin" not in memo:
            memo["origin"] = _header(side.headers, b"origin") if self._allowed else None
        origin = memo["origin"]
        if origin is not None:
            added = self._headers(origin)
            if added and side.method == "OPTIONS":
                added = [*added, *_preflight(side.headers)]
            side.added = [*added, *self._vary()]
        return self._app(side)

    def _headers(self, origin: bytes) -> Headers:
        """What allows this origin to read an answer, or nothing."""
        if not self._any and origin not in self._allowed:
            return []
        return [
            (b"access-control-allow-origin", ANY.encode() if self._any else origin),
            (b"access-control-expose-headers", EXPOSED),
        ]

    def _vary(self) -> Headers:
        return [] if self._any else [(b"vary", b"origin")]


def _preflight(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What allows a browser's call after its question; the headers that it names are allowed by name."""
    if _header(headers, b"access-control-request-method") is None:
        return []
    asked = _header(headers, b"access-control-request-headers") or b""
    named: Headers = [(b"access-control-allow-headers", asked)] if _NAMES.fullmatch(asked) else []
    return [(b"access-control-allow-methods", METHODS), *named, (b"access-control-max-age", KEPT_SECONDS)]


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> bytes | None:
    return next((value for name, value in headers if name == wanted), None)
