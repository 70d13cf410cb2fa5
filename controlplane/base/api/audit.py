"""REST: the audit log."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.audit import chain as audit
from controlplane.base.audit import history
from controlplane.base.rest import serializers as payloads
from controlplane.base.rest.generics import Endpoint, Pages, described, page_of, paged, who


class AuditLog(Endpoint):
    """GET lists the audit entries."""

    verbs = {"GET": "audit.read"}

    @described(
        page_of(payloads.ChangeShape),
        parameters=[
            *Pages.parameters,
            *(OpenApiParameter(name) for name in ("object_type", "object_id", "verb", "actor", "since", "until")),
        ],
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        given = request.query_params
        rows = history.matching(who(request), {name: given.get(name, "") for name in ("since", "until")})
        for name in ("object_type", "object_id", "verb", "actor"):
            if given.get(name):
                rows = rows.filter(**{name: given[name].replace("\x00", "")[:200]})
        return paged(request, rows, payloads.ChangeShape)


class AuditCheck(Endpoint):
    """GET walks the audit chain."""

    verbs = {"GET": "audit.read"}

    @described(payloads.ChainState)
    def get(self, request: Request) -> Response:
        """Whether it holds, and how far."""
        holds, position, at = audit.verify()
        return Response({"holds": holds, "position": position, "checked_at": at})
