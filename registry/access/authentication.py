"""API keys at the REST door."""

from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from registry.access import callers
from registry.access.callers import KeyActor
from registry.access.keys import bearer


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer pb-…`. The key acts for the account that made it, within its scopes."""

    def authenticate(self, request: Request) -> tuple[KeyActor, str] | None:
        """The key's actor; None if the request has no Authorization header. Raises AuthenticationFailed."""
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        key = bearer(header.encode("utf-8", "replace"))
        actor = callers.actor_of(key.decode()) if key is not None else None
        if actor is None:
            raise exceptions.AuthenticationFailed("this API key is not known, was revoked or has ended")
        return actor, "key"

    def authenticate_header(self, request: Request) -> str:
        """The scheme that a 401 names."""
        return 'Bearer realm="patchbay"'
