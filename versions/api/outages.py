"""REST: the ledger of outages."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base import access
from controlplane.base.rest.generics import Endpoint, Pages, described, page_of, paged, who
from versions.models import Outage


class OutageShape(serializers.ModelSerializer[Outage]):
    """Caller errors above the objective within hours after a change of that model."""

    class Meta:
        model = Outage
        exclude = ("id",)


class Outages(Endpoint):
    """GET lists outages."""

    verbs = {"GET": "update.read"}

    @described(page_of(OutageShape), parameters=[*Pages.parameters])
    def get(self, request: Request) -> Response:
        """Newest first."""
        access.require(who(request), "update.read")
        return paged(request, Outage.objects.order_by("-began_at"), OutageShape)
