"""REST: telemetry endpoints, and what each said at the last look."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from routing.inventory import endpoints
from routing.models import EndpointState, TelemetryEndpoint


class TelemetryDraftBody(serializers.Serializer[Any]):
    """An address that a collector scrapes. What is left out has its default, or stays when it is changed."""

    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(endpoints.KINDS)
    url = serializers.CharField(max_length=500, help_text="with the path, such as http://10.0.0.1:9400/metrics")
    interval_s = serializers.FloatField(
        min_value=endpoints.LEAST_SECONDS, max_value=endpoints.MOST_SECONDS, allow_null=True, required=False
    )
    node = serializers.CharField(max_length=200, allow_blank=True, required=False)
    enabled = serializers.BooleanField(required=False)
    emulated = serializers.BooleanField(required=False)
    credential = serializers.CharField(max_length=200, allow_blank=True, required=False)
    serves = serializers.DictField(child=serializers.CharField(max_length=100), required=False)


class TelemetryEndpointShape(serializers.ModelSerializer[TelemetryEndpoint]):
    """An endpoint, and how the last look at it went."""

    class Meta:
        model = TelemetryEndpoint
        fields = (
            *("id", "name", "kind", "url", "interval_s", "node", "enabled", "emulated", "credential", "serves"),
            *("created_at", "changed_at", "state", "looked_at", "complaints", "tells_of", "nodes"),
        )

    kind = serializers.ChoiceField(endpoints.KINDS, read_only=True)
    credential = serializers.SerializerMethodField()
    serves = serializers.DictField(child=serializers.CharField(), read_only=True)
    state = serializers.ChoiceField(EndpointState.choices, read_only=True)
    complaints = serializers.ListField(child=serializers.CharField(), read_only=True)
    tells_of = serializers.ListField(child=serializers.CharField(), read_only=True)
    nodes = serializers.ListField(child=serializers.CharField(), read_only=True)

    def get_credential(self, row: TelemetryEndpoint) -> str:
        """Its name, empty without one."""
        return row.credential.name if row.credential else ""


class TelemetryEndpoints(Endpoint):
    """GET lists telemetry endpoints, POST adds one."""

    verbs = {"GET": "fleet.read", "POST": "fleet.change"}

    @described(page_of(TelemetryEndpointShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        return paged(request, endpoints.listing(who(request)), TelemetryEndpointShape)

    @described(TelemetryEndpointShape, status=201, body=TelemetryDraftBody)
    def post(self, request: Request) -> Response:
        """The endpoint; it is scraped within two seconds."""
        row = endpoints.add(who(request), checked(TelemetryDraftBody, request.data), request_id(request))
        return Response(TelemetryEndpointShape(endpoints.get(who(request), row.pk)).data, status=201)


class OneTelemetryEndpoint(Endpoint):
    """GET reads, PATCH changes, DELETE forgets."""

    verbs = {"GET": "fleet.read", "PATCH": "fleet.change", "DELETE": "fleet.change"}

    @described(TelemetryEndpointShape)
    def get(self, request: Request, endpoint_id: int) -> Response:
        """The endpoint."""
        return Response(TelemetryEndpointShape(endpoints.get(who(request), endpoint_id)).data)

    @described(TelemetryEndpointShape, body=TelemetryDraftBody(partial=True))
    def patch(self, request: Request, endpoint_id: int) -> Response:
        """The endpoint as it is now."""
        reader = TelemetryDraftBody(data=request.data, partial=True)
        reader.is_valid(raise_exception=True)
        endpoints.edit(who(request), endpoint_id, reader.validated_data, request_id(request))
        return self.get(request, endpoint_id)

    @described(None, status=204)
    def delete(self, request: Request, endpoint_id: int) -> Response:
        """Its devices and their history stay."""
        endpoints.remove(who(request), endpoint_id, request_id(request))
        return Response(status=204)
