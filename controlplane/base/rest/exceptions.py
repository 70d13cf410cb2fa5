"""Errors of the REST API in one shape: {"error": {"code", "message", "detail"}, "request_id"}."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from controlplane.base import access
from controlplane.base.refusals import Conflict, Invalid, Missing, Refused, Stale, TryLater
from controlplane.base.web.doors import request_id

STATUS: Mapping[type[Exception], int] = {Invalid: 400, Missing: 404, Conflict: 409, Stale: 412}
log = logging.getLogger(__name__)


def error_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """Any exception of a view as a JSON error; None (a 500) only for defects of ours."""
    found = _explained(error)
    if found is None:
        return None
    body = _body(found, context["request"])
    return Response(body, status=found[0], headers=found[4], content_type="application/json")


def store_unavailable(error: DatabaseError | InterfaceError, request: HttpRequest) -> JsonResponse:
    """The same 503 for what failed before a view of the REST API was reached."""
    found = _store_unavailable(error)
    return JsonResponse(_body(found, request), status=found[0], headers=found[4])


Explained = tuple[int, str, str, Any, dict[str, str]]


def _body(found: Explained, request: Any) -> dict[str, Any]:
    _, code, message, detail, _ = found
    return {"error": {"code": code, "message": message, "detail": detail}, "request_id": request_id(request)}


def _store_unavailable(error: Exception) -> Explained:
    log.warning("a request was cut off: %s", error)
    return 503, "store_unavailable", "PostgreSQL is away or took too long; retry soon", None, {"Retry-After": "5"}


def _explained(error: Exception) -> Explained | None:
    if isinstance(error, Refused):
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        return status, error.code, error.message, error.detail, {}
    if isinstance(error, access.Forbidden):
        return 403, "forbidden", str(error), {"verb": error.verb, "needed": error.needed}, {}
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, RequestDataTooBig):
        return 413, "too_large", "the request body is larger than this server takes", None, {}
    if isinstance(error, Http404):
        return 404, "not_found", "there is nothing at this address", None, {}
    if isinstance(error, SuspiciousOperation | UnreadablePostError):
        return 400, "unreadable", "the request cannot be read", None, {}
    return _for_now(error)


def _for_now(error: Exception) -> Explained | None:
    if isinstance(error, TryLater):
        return 503, "try_later", error.message, None, {"Retry-After": str(error.seconds)}
    if isinstance(error, DatabaseError | InterfaceError):
        return _store_unavailable(error)
    return None


def _of_framework(error: exceptions.APIException) -> Explained:
    headers: dict[str, str] = {}
    scheme = getattr(error, "auth_header", None)
    if scheme:
        headers["WWW-Authenticate"] = scheme
    if isinstance(error, exceptions.ValidationError):
        return error.status_code, "invalid", _first_words(error.detail), error.detail, headers
    code = error.get_codes()
    return error.status_code, code if isinstance(code, str) else "invalid", str(error.detail), None, headers


def _first_words(detail: Any, path: str = "") -> str:
    if isinstance(detail, dict):
        for key, value in detail.items():
            return _first_words(value, f"{path}.{key}" if path else str(key))
    if isinstance(detail, list) and detail:
        return _first_words(detail[0], path)
    return f"{path}: {detail}" if path else str(detail)
