"""REST: what was called."""

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, described, page_of, paged, who
from controlplane.base.web.patience import at_most
from routing.calls import search as calls
from routing.models import CallRecord
from routing.outcomes import OUTCOMES, WHERE

_FILTERS = ("model", "failure", "task")
_OUTCOME = OpenApiParameter("outcome", enum=OUTCOMES)
SECONDS = 2.0


class CallShape(serializers.ModelSerializer[CallRecord]):
    """One call through the gateway; never its content."""

    class Meta:
        model = CallRecord
        fields = "__all__"

    outcome = serializers.ChoiceField(OUTCOMES, read_only=True)
    request_id = serializers.CharField(source="told_id", read_only=True)


class Calls(Endpoint):
    """GET lists calls."""

    verbs = {"GET": "call.read"}

    @described(
        page_of(CallShape), parameters=[*Pages.parameters, *map(OpenApiParameter, (*_FILTERS, "request_id")), _OUTCOME]
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = CallRecord.objects.order_by("-at")
        for name in _FILTERS:
            if given := request.query_params.get(name):
                rows = rows.filter(**{name: given.replace("\x00", "")[:200]})
        if given := request.query_params.get("request_id"):
            rows = rows.filter(calls.with_id(given.replace("\x00", "")[:200]))
        rows = rows.filter(WHERE.get(request.query_params.get("outcome", ""), Q()))
        with at_most(SECONDS):
            return paged(request, rows, CallShape)


class OneCall(Endpoint):
    """GET reads a call."""

    verbs = {"GET": "call.read"}

    @described(CallShape)
    def get(self, request: Request, call_id: str) -> Response:
        """The call with this id, with dashes or without, or the newest with this request id."""
        return Response(CallShape(calls.get(who(request), call_id)).data)
