"""REST: updates and decisions on them."""

import uuid
from typing import Any

from django.utils.dateparse import parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid, Missing
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from versions import proposing
from versions.models import Update, UpdateState
from versions.review import decisions, queue
from versions.review.decisions import Digests

_FIELDS = (
    *("id", "model", "state", "verdict", "reason", "origin", "base", "release", "fingerprint", "hot_fix", "emergency"),
    *("callers_hurt", "calls_hurt", "deadline", "created_at", "moved_at", "live_at"),
)
_STATE = OpenApiParameter(
    "state",
    enum=[*queue.STATES, *UpdateState.values],
    description="a state, or moving, done, stopped, all; without it what waits for a person",
)


class UpdateShape(serializers.ModelSerializer[Update]):
    """One proposed release on its way."""

    class Meta:
        model = Update
        fields: tuple[str, ...] = _FIELDS

    model = serializers.CharField(source="model.name", read_only=True)
    base = serializers.IntegerField(source="base.number", read_only=True, allow_null=True)
    release = serializers.IntegerField(source="release.number", read_only=True, allow_null=True)


class DigestShape(serializers.Serializer[Any]):
    """What a decision is bound to."""

    old = serializers.CharField(allow_blank=True)
    new = serializers.CharField(allow_blank=True)
    plan = serializers.CharField(allow_blank=True)


class UpdateWhole(UpdateShape):
    """An update with its report, adaptation, impact and tests."""

    class Meta(UpdateShape.Meta):
        fields = (
            *UpdateShape.Meta.fields,
            "digests",
            "report",
            "plan",
            "impact",
            "tests",
            "commit",
            "approvals_needed",
        )

    digests = serializers.SerializerMethodField()
    approvals_needed = serializers.SerializerMethodField()

    def get_digests(self, row: Update) -> dict[str, str]:
        """The digests to send back with a decision."""
        return vars(decisions.digests_of(row))

    def get_approvals_needed(self, row: Update) -> int:
        """How many people it takes."""
        return decisions.needed(row)


class DecisionBody(serializers.Serializer[Any]):
    """A decision: what was seen, and why. `until` only to defer."""

    digests = DigestShape(required=False)
    findings = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    reason = serializers.CharField(default="", allow_blank=True, max_length=decisions.LONGEST_REASON)
    until = serializers.CharField(default="", allow_blank=True)


class ProposalBody(serializers.Serializer[Any]):
    """A spec to be judged, tested and rolled out instead of being saved at once."""

    model = serializers.CharField(max_length=200)
    spec = serializers.DictField()


class Updates(Endpoint):
    """GET lists updates, POST proposes one."""

    verbs = {"GET": "update.read", "POST": "update.propose"}

    @described(
        page_of(UpdateShape),
        parameters=[
            *Pages.parameters,
            _STATE,
            *(OpenApiParameter(name) for name in ("model", "verdict", "origin", "fingerprint", "q")),
        ],
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        wanted = {name: request.query_params.get(name, "").replace("\x00", "")[:200] for name in queue.FILTERS}
        rows = queue.matching(who(request), wanted).select_related("model", "base", "release").order_by("-created_at")
        return paged(request, rows.defer("report", "proposed", "tests", "impact"), UpdateShape)

    @described(UpdateShape, status=201, body=ProposalBody)
    def post(self, request: Request) -> Response:
        """The update; it is judged in a job."""
        body = checked(ProposalBody, request.data)
        update = proposing.propose_by_hand(who(request), body["model"], body["spec"])
        return Response(UpdateShape(queue.get(who(request), update.pk)).data, status=201)


class OneUpdate(Endpoint):
    """GET reads an update."""

    verbs = {"GET": "update.read"}

    @described(UpdateWhole)
    def get(self, request: Request, update_id: uuid.UUID) -> Response:
        """The update with its report."""
        return Response(UpdateWhole(queue.get(who(request), update_id)).data)


class Decide(Endpoint):
    """POST decides: approve, reject, defer, ask, reopen, emergency or looked-at."""

    verbs = {"POST": "review.approve"}

    @described(UpdateWhole, body=DecisionBody, parameters=[OpenApiParameter("decision", OpenApiTypes.STR, "path")])
    def post(self, request: Request, update_id: uuid.UUID, decision: str) -> Response:
        """The update after the decision. `digests` must be those that were read."""
        given = checked(DecisionBody, request.data)
        _decide(request, queue.get(who(request), update_id), decision, given)
        return Response(UpdateWhole(queue.get(who(request), update_id)).data)


def _decide(request: Request, update: Update, decision: str, given: dict[str, Any]) -> None:
    actor, told = who(request), {"request_id": request_id(request)}
    seen = Digests(**given.get("digests", {"old": "", "new": "", "plan": ""}))
    if decision == "approve":
        decisions.approve(actor, update.pk, seen, given["findings"], reason=given["reason"], **told)
    elif decision == "reject":
        decisions.reject(actor, update.pk, seen, given["reason"], **told)
    elif decision == "emergency":
        decisions.approve_in_emergency(actor, update.pk, seen, given["reason"], **told)
    elif decision == "looked-at":
        decisions.look_at_emergency(actor, update.pk, given["reason"], **told)
    elif decision == "ask":
        decisions.ask_owner(actor, update.pk, given["reason"], **told)
    elif decision == "reopen":
        decisions.reopen(actor, update.pk, **told)
    elif decision == "defer":
        until = parse_datetime(given["until"]) if given["until"] else None
        if until is None or until.tzinfo is None:
            raise Invalid(
                "until",
                Sentence("until is {given}; expected a time with its zone (ISO 8601)", given=repr(given["until"][:40])),
            )
        decisions.defer(actor, update.pk, until, **told)
    else:
        raise Missing("decision", Sentence("there is no decision {decision}", decision=repr(decision[:40])))
