"""REST: what was called."""

from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, described, page_of, paged, who
from controlplane.base.web.patience import at_most
from routing.calls import search as calls
from routing.energy import of_calls
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


class CallEnergyShape(serializers.Serializer[Any]):
    """What a call used of own devices; null with a reason where it is not known."""

    joules = serializers.FloatField(allow_null=True)
    cost = serializers.FloatField(source="cost.amount", allow_null=True, default=None)
    currency = serializers.CharField(source="cost.currency", default="")
    grams = serializers.FloatField(allow_null=True, help_text="of CO2")
    measured = serializers.FloatField(help_text="the part of its time that was measured, 0 to 1")
    emulated = serializers.BooleanField(help_text="whether its devices are made up")
    why = serializers.CharField(help_text="why there are no joules; empty if there are")
    why_no_cost = serializers.CharField()
    why_no_carbon = serializers.CharField()


class CallWithEnergyShape(CallShape):
    """One call, and what it used of own devices."""

    energy: Any = serializers.SerializerMethodField()

    @extend_schema_field(CallEnergyShape)
    def get_energy(self, row: CallRecord) -> Any:
        """What it used, as far as it is settled."""
        return CallEnergyShape(of_calls.used(row)).data


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

    @described(CallWithEnergyShape)
    def get(self, request: Request, call_id: str) -> Response:
        """The call with this id, with dashes or without, or the newest with this request id."""
        return Response(CallWithEnergyShape(calls.get(who(request), call_id)).data)
