"""REST: what was called."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.api import Endpoint, Pages, described, page_of, paged
from controlplane.base.patience import at_most
from routing.models import CallRecord

_FILTERS = ("model", "failure", "task")
SECONDS = 2.0


class CallShape(serializers.ModelSerializer[CallRecord]):
    """One call through the gateway; never its content."""

    class Meta:
        model = CallRecord
        fields = "__all__"


class Calls(Endpoint):
    """GET lists calls."""

    verbs = {"GET": "call.read"}

    @described(page_of(CallShape), parameters=[*Pages.parameters, *map(OpenApiParameter, _FILTERS)])
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = CallRecord.objects.order_by("-at")
        for name in _FILTERS:
            if given := request.query_params.get(name):
                rows = rows.filter(**{name: given.replace("\x00", "")[:200]})
        with at_most(SECONDS):
            return paged(request, rows, CallShape)
