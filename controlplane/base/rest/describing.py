"""What our OpenAPI document says beside drf-spectacular's own: what an address is for, and who may use it."""

from typing import Any

from drf_spectacular.openapi import AutoSchema

from controlplane.base import access
from controlplane.base.rest.permissions import OPEN, SIGNED_IN

ROLE, SCOPES = "x-role", "x-key-scopes"
ANYONE = "anyone"


class Described(AutoSchema):
    """An operation with its view's sentence as summary, the lowest role and the scopes of keys that open it."""

    def get_summary(self) -> str:
        """The first line of the view's docstring."""
        return (type(self.view).__doc__ or "").strip().partition("\n")[0]

    def get_extensions(self) -> dict[str, Any]:
        """`x-role` and `x-key-scopes`."""
        view: Any = self.view
        verb = view.verbs.get(self.method, "")
        return {ROLE: lowest_role(verb), SCOPES: scopes(verb)}


def lowest_role(verb: str) -> str:
    """The first role that has `verb`, or "anyone"."""
    if verb == OPEN:
        return ANYONE
    if verb == SIGNED_IN:
        return access.ROLES[0]
    return next(role for role in access.ROLES if verb in access.VERBS[role])


def scopes(verb: str) -> list[str]:
    """The scopes that each open `verb` to an API key."""
    return [scope for scope, verbs in access.SCOPES.items() if verb in (OPEN, SIGNED_IN) or verb in verbs]
