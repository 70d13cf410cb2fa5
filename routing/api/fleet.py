"""REST: nodes, devices, and the whole fleet as a file."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.rest.parsers import StrictJSONParser, YamlParser
from controlplane.base.web.doors import request_id
from registry.serializers import ImportBody, SpecProblem
from routing.inventory import exchange, listing
from routing.inventory import verbs as inventory
from routing.inventory.fields import VENDORS
from routing.latest import Latest, latest
from routing.models import Device, DeviceState, Node, Placement, ReplicaState
from routing.serializers import LatestShape

_FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="part of a uuid, a device's model or a node's name"),
    OpenApiParameter("node", OpenApiTypes.STR, description="exact name"),
    OpenApiParameter("vendor", OpenApiTypes.STR, enum=VENDORS),
    OpenApiParameter("state", OpenApiTypes.STR, enum=DeviceState.values),
    OpenApiParameter("label", OpenApiTypes.STR, description="NAME or NAME=VALUE"),
    OpenApiParameter("model", OpenApiTypes.STR, description="a model that sits there"),
]
_APPLY = OpenApiParameter("apply", OpenApiTypes.STR, enum=["yes"], description="bring it in, instead of a dry run")


class LinkToDevice(serializers.Serializer[Any]):
    """A link to another device."""

    to = serializers.CharField(max_length=100)
    kind = serializers.CharField(max_length=100)


class NodeDraftBody(serializers.Serializer[Any]):
    """A machine. What is left out stays."""

    name = serializers.CharField(max_length=200)
    address = serializers.CharField(max_length=300, allow_blank=True, required=False)
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)
    emulated = serializers.BooleanField(required=False)


class DeviceFieldsBody(serializers.Serializer[Any]):
    """Fields of a device that people correct. What is left out stays."""

    vendor = serializers.ChoiceField(VENDORS)
    model = serializers.CharField(max_length=200)
    serial = serializers.CharField(max_length=100, allow_blank=True, required=False)
    index = serializers.IntegerField(min_value=0, allow_null=True, required=False)
    memory_bytes = serializers.IntegerField(min_value=1, allow_null=True, required=False)
    power_limit_w = serializers.FloatField(min_value=0, allow_null=True, required=False)
    links = LinkToDevice(many=True, required=False)
    labels: Any = serializers.DictField(child=serializers.CharField(allow_blank=True), required=False)


class DeviceDraftBody(DeviceFieldsBody):
    """A device of a node, or a slice of another device there."""

    uuid = serializers.CharField(max_length=100)
    node = serializers.CharField(max_length=200)
    parent: Any = serializers.CharField(max_length=100, allow_blank=True, allow_null=True, required=False)


class NodeShape(serializers.ModelSerializer[Node]):
    """A machine with how many devices it has."""

    class Meta:
        model = Node
        fields = (
            *("id", "name", "machine_id", "address", "labels", "state", "emulated", "corrected", "complaints"),
            *("seen_at", "created_at", "devices_there", "devices_gone"),
        )

    state = serializers.ChoiceField(DeviceState.choices, source="held", read_only=True)
    complaints = serializers.ListField(child=serializers.CharField(), read_only=True)
    devices_there = serializers.IntegerField(read_only=True)
    devices_gone = serializers.IntegerField(read_only=True)


class PlacementShape(serializers.ModelSerializer[Placement]):
    """A replica that holds memory of a device."""

    class Meta:
        model = Placement
        fields = ("model", "endpoint", "state", "memory_bytes")

    model = serializers.CharField(source="replica.model.name", read_only=True)
    endpoint = serializers.CharField(source="replica.endpoint", read_only=True)
    state = serializers.ChoiceField(ReplicaState.choices, source="replica.state", read_only=True)


class DeviceShape(serializers.ModelSerializer[Device]):
    """A device, what sits on it, and its latest values by series."""

    class Meta:
        model = Device
        fields = (
            *(
                "id",
                "node",
                "emulated",
                "uuid",
                "parent",
                "serial",
                "vendor",
                "model",
                "index",
                "memory_bytes",
                "used_bytes",
            ),
            *("power_limit_w", "links", "labels", "state", "available", "corrected", "gone_at", "seen_at"),
            *("created_at", "placements", "latest"),
        )

    node = serializers.CharField(source="node.name", read_only=True)
    emulated = serializers.BooleanField(source="node.emulated", read_only=True)
    parent: Any = serializers.CharField(source="parent.uuid", read_only=True, allow_null=True, default=None)
    used_bytes = serializers.IntegerField(read_only=True)
    available = serializers.SerializerMethodField(help_text="whether new work may be placed there")
    placements = PlacementShape(many=True, read_only=True)
    latest = serializers.SerializerMethodField(help_text="by series; what no source gives is absent")

    def get_available(self, row: Device) -> bool:
        """Whether the device, its parent and its node are all ready."""
        return listing.available(row)

    @extend_schema_field(serializers.DictField(child=LatestShape()))
    def get_latest(self, row: Device) -> Latest:
        """The newest value of each series."""
        found: dict[str, Latest] = self.context["latest"]
        return found.get(row.uuid, {})


class FleetChangeShape(serializers.Serializer[Any]):
    """A row that a file adds or changes."""

    kind = serializers.ChoiceField(["node", "device", "telemetry"])
    name = serializers.CharField()
    added = serializers.BooleanField()
    fields = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]


class FleetPlanShape(serializers.Serializer[Any]):
    """What a file does, or did."""

    changes = FleetChangeShape(many=True)
    unchanged = serializers.IntegerField()
    errors: Any = SpecProblem(many=True)


class Nodes(Endpoint):
    """GET lists nodes, POST adds one."""

    verbs = {"GET": "fleet.read", "POST": "fleet.change"}

    @described(page_of(NodeShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        return paged(request, listing.nodes(who(request)), NodeShape)

    @described(NodeShape, status=201, body=NodeDraftBody)
    def post(self, request: Request) -> Response:
        """The node."""
        row = inventory.add_node(who(request), _given(request), request_id(request))
        return Response(NodeShape(listing.node(who(request), row.pk)).data, status=201)


class OneNode(Endpoint):
    """GET reads, PATCH corrects, DELETE forgets."""

    verbs = {"GET": "fleet.read", "PATCH": "fleet.change", "DELETE": "fleet.change"}

    @described(NodeShape)
    def get(self, request: Request, node_id: int) -> Response:
        """The node."""
        return Response(NodeShape(listing.node(who(request), node_id)).data)

    @described(NodeShape, body=NodeDraftBody(partial=True))
    def patch(self, request: Request, node_id: int) -> Response:
        """The node as it is now. Collectors leave alone what was written here."""
        inventory.edit_node(who(request), node_id, _given(request), request_id(request))
        return self.get(request, node_id)

    @described(None, status=204)
    def delete(self, request: Request, node_id: int) -> Response:
        """Its devices go with it; nothing may sit on them."""
        inventory.remove(Node, who(request), node_id, request_id(request))
        return Response(status=204)


class NodeAction(Endpoint):
    """POST cordons, drains or uncordons a node, or trusts its collector again."""

    verbs = {"POST": "fleet.change"}

    @described(NodeShape)
    def post(self, request: Request, node_id: int, action: str) -> Response:
        """The node as it is now. `action`: cordon, drain, uncordon, trust."""
        _act(Node, request, node_id, action)
        return Response(NodeShape(listing.node(who(request), node_id)).data)


class Devices(Endpoint):
    """GET lists devices with their latest values, POST adds one."""

    verbs = {"GET": "fleet.read", "POST": "fleet.change"}

    @described(page_of(DeviceShape), parameters=[*Pages.parameters, *_FILTERS])
    def get(self, request: Request) -> Response:
        """By node and number."""
        given = request.query_params
        wanted = {name: given.get(name, "").replace("\x00", "")[:200] for name in listing.FILTERS}
        return paged(request, listing.devices(who(request), wanted), _shape)

    @described(DeviceShape, status=201, body=DeviceDraftBody)
    def post(self, request: Request) -> Response:
        """The device."""
        row = inventory.add_device(who(request), _given(request), request_id(request))
        return Response(_one(listing.device(who(request), row.pk)), status=201)


class OneDevice(Endpoint):
    """GET reads, PATCH corrects, DELETE forgets."""

    verbs = {"GET": "fleet.read", "PATCH": "fleet.change", "DELETE": "fleet.change"}

    @described(DeviceShape)
    def get(self, request: Request, device_id: int) -> Response:
        """The device with its latest values."""
        return Response(_one(listing.device(who(request), device_id)))

    @described(DeviceShape, body=DeviceFieldsBody(partial=True))
    def patch(self, request: Request, device_id: int) -> Response:
        """The device as it is now. Collectors leave alone what was written here."""
        inventory.edit_device(who(request), device_id, _given(request), request_id(request))
        return self.get(request, device_id)

    @described(None, status=204)
    def delete(self, request: Request, device_id: int) -> Response:
        """Nothing may sit on it. A collector that still reports it adds it again."""
        inventory.remove(Device, who(request), device_id, request_id(request))
        return Response(status=204)


class DeviceAction(Endpoint):
    """POST cordons, drains or uncordons one device, or trusts its collector again."""

    verbs = {"POST": "fleet.change"}

    @described(DeviceShape)
    def post(self, request: Request, device_id: int, action: str) -> Response:
        """The device as it is now. `action`: cordon, drain, uncordon, trust."""
        _act(Device, request, device_id, action)
        return Response(_one(listing.device(who(request), device_id)))


class FleetYaml(Endpoint):
    """GET gives the fleet as YAML, POST shows what a file would do, or with ?apply=yes brings it in."""

    verbs = {"GET": "fleet.read", "POST": "fleet.change"}
    parser_classes = (StrictJSONParser, YamlParser)

    @described({(200, "application/yaml"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Nodes with their devices; what is gone is left out."""
        return HttpResponse(exchange.export(who(request)), content_type="application/yaml; charset=utf-8")

    @described(FleetPlanShape, body=ImportBody, parameters=[_APPLY])
    def post(self, request: Request) -> Response:
        """What the file does. With an error in it nothing is changed."""
        given: Any = request.data
        raw = isinstance(given, dict) and isinstance(given.get("yaml"), bytes)
        body: dict[str, Any] = given if raw else checked(ImportBody, given)
        apply = request.query_params.get("apply")
        if apply is None:
            plan = exchange.plan(who(request), body["yaml"], body["file"])
        elif apply == "yes":
            plan = exchange.bring(who(request), body["yaml"], body["file"], request_id(request))
        else:
            raise Invalid("apply", Sentence("apply is {given}; expected yes", given=repr(apply[:40])))
        return Response(FleetPlanShape(asdict(plan)).data)


def _act(kind: type[inventory.Row], request: Request, row_id: int, action: str) -> None:
    if action == "trust":
        inventory.trust(kind, who(request), row_id, request_id(request))
    else:
        inventory.move(kind, who(request), row_id, action, request_id(request))


def _given(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Invalid."""
    if not isinstance(request.data, dict):
        kind = type(request.data).__name__
        raise Invalid("body", Sentence("the body is a {kind}; expected a JSON object", kind=kind))
    return dict(request.data)


def _shape(rows: Sequence[Device], many: bool) -> DeviceShape:
    """Devices with their latest values, which are read for all of them at once."""
    return DeviceShape(rows, many=many, context={"latest": latest([row.uuid for row in rows])})


def _one(row: Device) -> Any:
    return _shape([row], many=True).data[0]
