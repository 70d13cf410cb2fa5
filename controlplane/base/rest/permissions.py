"""Permission by verb at the REST door: what a view does not declare is refused."""

from collections.abc import Mapping

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from controlplane.base import access

OPEN = "open"
SIGNED_IN = "signed-in"


class VerbPermission(BasePermission):
    """Lets a request in where its actor may do what the view declares for the method in `verbs`."""

    def has_permission(self, request: Request, view: object) -> bool:
        """Raises NotAuthenticated, MethodNotAllowed or access.Forbidden."""
        verbs: Mapping[str, str] = getattr(view, "verbs", {})
        verb = verbs.get("GET" if request.method == "HEAD" else str(request.method))
        if verb == OPEN:
            return True
        if request.user is None or not request.user.is_authenticated:
            raise exceptions.NotAuthenticated(
                "Send an API key as 'Authorization: Bearer pb-…' with the scope read or manage, or sign in."
            )
        if verb is None:
            raise exceptions.MethodNotAllowed(str(request.method))
        if verb != SIGNED_IN:
            access.require(request.user, verb)
        return True
