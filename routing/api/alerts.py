"""REST: alerts, silences, and receivers of messages."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from routing.alerts import reading, receivers, silences
from routing.alerts.models import Alert, AlertMessage, AlertReceiver, AlertState, ReceiverForm, Silence

_FILTERS = [
    OpenApiParameter("state", OpenApiTypes.STR, enum=AlertState.values, description="open ones if it is left out"),
    OpenApiParameter("q", OpenApiTypes.STR, description="part of a rule's name, a subject or a node's name"),
]


class AlertShape(serializers.ModelSerializer[Alert]):
    """One time that a rule held for a subject."""

    class Meta:
        model = Alert
        fields = (
            *("id", "rule", "kind", "subject", "state", "severity", "labels", "annotations", "expr", "value", "unit"),
            *("threshold", "since", "fired_at", "resolved_at", "end", "acknowledged_at", "acknowledged_by", "note"),
        )

    labels: Any = serializers.DictField(child=serializers.CharField(), read_only=True)
    annotations = serializers.DictField(child=serializers.CharField(), read_only=True)


class AcknowledgeBody(serializers.Serializer[Any]):
    """What the person says who looks after an alert."""

    note = serializers.CharField(max_length=500, allow_blank=True, required=False)


class MatcherShape(serializers.Serializer[Any]):
    """A condition on one label."""

    name = serializers.CharField()
    op = serializers.ChoiceField(["=", "!=", "=~", "!~"])
    value = serializers.CharField(allow_blank=True)


class SilenceBody(serializers.Serializer[Any]):
    """What is to be silent, until when and why."""

    matchers = MatcherShape(many=True)
    starts_at = serializers.DateTimeField(required=False, help_text="now, if it is left out")
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=500)


class SilenceShape(serializers.ModelSerializer[Silence]):
    """Holds back messages of alerts that match."""

    class Meta:
        model = Silence
        fields = ("id", "matchers", "starts_at", "ends_at", "reason", "created_by", "created_at")

    matchers = MatcherShape(many=True, read_only=True)


class ReceiverBody(serializers.Serializer[Any]):
    """Where messages go. What is left out has its default, or stays when it is changed."""

    name = serializers.CharField(max_length=100)
    form = serializers.ChoiceField(ReceiverForm.values, required=False)
    address = serializers.CharField(max_length=500, write_only=True)
    matchers = MatcherShape(many=True, required=False)
    group_by = serializers.ListField(child=serializers.CharField(), required=False)
    interval_s = serializers.FloatField(required=False)
    tells_resolved = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)


class ReceiverShape(serializers.ModelSerializer[AlertReceiver]):
    """A receiver, without its address beyond the origin and without secrets."""

    class Meta:
        model = AlertReceiver
        fields = (
            *("id", "name", "form", "origin", "matchers", "group_by", "interval_s", "tells_resolved", "enabled"),
            *("state_reason", "failing_since", "sent_at", "previous_until", "created_at"),
        )

    matchers = MatcherShape(many=True, read_only=True)
    group_by = serializers.ListField(child=serializers.CharField(), read_only=True)


class ReceiverSecretShape(ReceiverShape):
    """A receiver with its new secret, which is told this once."""

    class Meta(ReceiverShape.Meta):
        fields = (*ReceiverShape.Meta.fields, "secret")  # type: ignore[assignment]

    secret = serializers.SerializerMethodField()

    @extend_schema_field(OpenApiTypes.STR)
    def get_secret(self, row: AlertReceiver) -> str:
        """As Standard Webhooks writes it: whsec_ and base64."""
        return str(self.context["secret"])


class TriedShape(serializers.Serializer[Any]):
    """What came of a test: the receiver's status, and what went wrong, empty if nothing."""

    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True)


class MessageShape(serializers.ModelSerializer[AlertMessage]):
    """A message to a receiver, and how far it is."""

    class Meta:
        model = AlertMessage
        fields = (
            *("id", "event", "group", "alerts", "state", "attempts", "due_at", "status", "error", "created_at"),
            "sent_at",
        )


class Alerts(Endpoint):
    """GET lists alerts."""

    verbs = {"GET": "alert.read"}

    @described(page_of(AlertShape), parameters=[*Pages.parameters, *_FILTERS])
    def get(self, request: Request) -> Response:
        """The newest first; those that are open unless a state is asked for."""
        state = request.query_params.get("state", "")
        if state not in ("", *AlertState.values):
            raise Invalid(
                "state",
                Sentence(
                    "{given} is no state; expected one of {known}", given=repr(state[:40]), known=AlertState.values
                ),
            )
        words = request.query_params.get("q", "").replace("\x00", "")[:200]
        return paged(request, reading.listing(who(request), state, words), AlertShape)


class OneAlert(Endpoint):
    """GET reads one alert."""

    verbs = {"GET": "alert.read"}

    @described(AlertShape)
    def get(self, request: Request, alert_id: int) -> Response:
        """The alert, open or over."""
        return Response(AlertShape(reading.one(who(request), alert_id)).data)


class AcknowledgeAlert(Endpoint):
    """POST says that a person looks after an alert: nothing more is sent of it until it is over."""

    verbs = {"POST": "alert.change"}

    @described(AlertShape, body=AcknowledgeBody)
    def post(self, request: Request, alert_id: int) -> Response:
        """The alert as it is now."""
        body = checked(AcknowledgeBody, request.data)
        row = silences.acknowledge(who(request), alert_id, body.get("note", ""), request_id(request))
        return Response(AlertShape(row).data)


class Silences(Endpoint):
    """GET lists silences, POST makes one."""

    verbs = {"GET": "alert.read", "POST": "alert.change"}

    @described(page_of(SilenceShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """Those that end last first; ended ones stay for 30 days."""
        return paged(request, silences.listing(who(request)), SilenceShape)

    @described(SilenceShape, status=201, body=SilenceBody)
    def post(self, request: Request) -> Response:
        """The silence. It ends by itself."""
        body = checked(SilenceBody, request.data)
        row = silences.create(who(request), body, request_id(request))
        return Response(SilenceShape(row).data, status=201)


class OneSilence(Endpoint):
    """GET reads a silence, DELETE ends it now."""

    verbs = {"GET": "alert.read", "DELETE": "alert.change"}

    @described(SilenceShape)
    def get(self, request: Request, silence_id: int) -> Response:
        """The silence, over or not."""
        return Response(SilenceShape(silences.get(who(request), silence_id)).data)

    @described(None, status=204)
    def delete(self, request: Request, silence_id: int) -> Response:
        """It stays in the list, as ended."""
        silences.end(who(request), silence_id, request_id(request))
        return Response(status=204)


class AlertReceivers(Endpoint):
    """GET lists receivers, POST adds one."""

    verbs = {"GET": "alert.change", "POST": "alert.change"}

    @described(page_of(ReceiverShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name, without secrets."""
        return paged(request, receivers.listing(who(request)), ReceiverShape)

    @described(ReceiverSecretShape, status=201, body=ReceiverBody)
    def post(self, request: Request) -> Response:
        """The receiver with its secret, which is not shown again. It hears of what fires already."""
        row, secret = receivers.create(who(request), checked(ReceiverBody, request.data), request_id(request))
        return Response(ReceiverSecretShape(row, context={"secret": secret}).data, status=201)


class OneAlertReceiver(Endpoint):
    """GET reads, PATCH changes or switches, DELETE forgets a receiver."""

    verbs = {"GET": "alert.change", "PATCH": "alert.change", "DELETE": "alert.change"}

    @described(ReceiverShape)
    def get(self, request: Request, receiver_id: int) -> Response:
        """The receiver, without secrets."""
        return Response(ReceiverShape(receivers.get(who(request), receiver_id)).data)

    @described(ReceiverShape, body=ReceiverBody(partial=True))
    def patch(self, request: Request, receiver_id: int) -> Response:
        """The receiver as it is now."""
        reader = ReceiverBody(data=request.data, partial=True)
        reader.is_valid(raise_exception=True)
        row = receivers.change(who(request), receiver_id, reader.validated_data, request_id(request))
        return Response(ReceiverShape(row).data)

    @described(None, status=204)
    def delete(self, request: Request, receiver_id: int) -> Response:
        """Its messages go with it."""
        receivers.remove(who(request), receiver_id, request_id(request))
        return Response(status=204)


class RotateSecret(Endpoint):
    """POST gives a receiver a new secret; for 24 hours messages bear both signatures."""

    verbs = {"POST": "alert.change"}

    @described(ReceiverSecretShape)
    def post(self, request: Request, receiver_id: int) -> Response:
        """The receiver with its secret, which is not shown again."""
        row, secret = receivers.rotate(who(request), receiver_id, request_id(request))
        return Response(ReceiverSecretShape(row, context={"secret": secret}).data)


class TryReceiver(Endpoint):
    """POST sends a test now and waits for what comes of it."""

    verbs = {"POST": "alert.change"}

    @described(TriedShape)
    def post(self, request: Request, receiver_id: int) -> Response:
        """The receiver's status, or why there is none."""
        outcome = receivers.try_out(who(request), receiver_id, request_id(request))
        return Response(TriedShape({"status": outcome.status, "error": str(outcome.error)}).data)


class ReceiverMessages(Endpoint):
    """GET lists a receiver's messages."""

    verbs = {"GET": "alert.change"}

    @described(page_of(MessageShape), parameters=Pages.parameters)
    def get(self, request: Request, receiver_id: int) -> Response:
        """The newest first."""
        return paged(request, receivers.messages(who(request), receiver_id), MessageShape)
