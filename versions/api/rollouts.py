"""REST: rollouts, what moves them, and the plans by which they go."""

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from msgspec.structs import asdict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from versions.models import Rollout, UpdateState
from versions.rollout import plans, reading, verbs
from versions.rollout.reading import RolloutState


class RolloutShape(serializers.ModelSerializer[Rollout]):
    """One rollout: how far it is, and what its guard lines read."""

    class Meta:
        model = Rollout
        fields: tuple[str, ...] = (
            *("update", "model", "state", "reason", "base", "release", "steps", "bake_seconds", "position", "sticky"),
            *(
                "guards",
                "shares",
                "lines",
                "calls",
                "saved",
                "next_at",
                "broken_at",
                "started_at",
                "step_at",
                "ended_at",
            ),
        )

    model = serializers.CharField(source="update.model.name", read_only=True)
    state = serializers.ChoiceField(UpdateState.choices, source="update.state", read_only=True)
    reason = serializers.CharField(source="update.reason", read_only=True)
    base = serializers.IntegerField(source="update.base.number", read_only=True, allow_null=True)
    release = serializers.IntegerField(source="update.release.number", read_only=True, allow_null=True)
    shares = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()
    calls = serializers.SerializerMethodField()
    saved = serializers.SerializerMethodField()
    next_at = serializers.SerializerMethodField()

    def get_shares(self, row: Rollout) -> dict[str, int]:
        """Per cents of calls by colour; empty once it is over."""
        return dict(_told(row).shares)

    def get_lines(self, row: Rollout) -> dict[str, Any]:
        """Each guard line: both colours, the limit, and kept, doubtful or broken."""
        return dict(_told(row).lines)

    def get_calls(self, row: Rollout) -> list[int]:
        """Calls that blue and green were given."""
        return list(_told(row).calls)

    def get_saved(self, row: Rollout) -> int:
        """Calls that the new release could not answer and the old one did."""
        return _told(row).saved

    def get_next_at(self, row: Rollout) -> str | None:
        """When the next step may follow."""
        moment = _told(row).next_at
        return moment.isoformat() if moment is not None else None


def _told(row: Rollout) -> RolloutState:
    """What is to be told of a row, found once."""
    found: RolloutState | None = vars(row).get("told")
    if found is None:
        found = vars(row)["told"] = reading.state_of(row)
    return found


class MoveBody(serializers.Serializer[Any]):
    """Why, for the trail; and for a start a plan other than the model's."""

    reason = serializers.CharField(default="", allow_blank=True, max_length=2000)
    plan = serializers.DictField(default=dict)


class PlanBody(serializers.Serializer[Any]):
    """A plan: a base (careful or fast) and what differs from it; of one model if it is named. {} unsets it."""

    plan = serializers.DictField()
    model = serializers.CharField(default="", allow_blank=True, max_length=200)


class PlanShape(serializers.Serializer[Any]):
    """What is set."""

    default = serializers.DictField()
    models = serializers.DictField()


class Rollouts(Endpoint):
    """GET lists rollouts."""

    verbs = {"GET": "update.read"}

    @described(
        page_of(RolloutShape), parameters=[*Pages.parameters, OpenApiParameter("state"), OpenApiParameter("model")]
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = reading.rollouts(who(request))
        for name, column in (("state", "update__state"), ("model", "update__model__name")):
            if given := request.query_params.get(name, "").replace("\x00", "")[:200]:
                rows = rows.filter(**{column: given})
        return paged(request, rows, RolloutShape)


class OneRollout(Endpoint):
    """GET reads the rollout of an update."""

    verbs = {"GET": "update.read"}

    @described(RolloutShape)
    def get(self, request: Request, update_id: uuid.UUID) -> Response:
        """How far it is."""
        return Response(RolloutShape(reading.state(who(request), update_id).rollout).data)


class MoveRollout(Endpoint):
    """POST starts, steps on, pauses, resumes, promotes, or rolls back."""

    verbs = {"POST": "rollout.control"}

    @described(RolloutShape, body=MoveBody, parameters=[OpenApiParameter("move", OpenApiTypes.STR, "path")])
    def post(self, request: Request, update_id: uuid.UUID, move: str) -> Response:
        """The rollout after the move: start, step, pause, resume, promote, roll-back."""
        given = checked(MoveBody, request.data)
        actor, told, reason = who(request), {"request_id": request_id(request)}, given["reason"]
        if move == "start":
            verbs.start(actor, update_id, given["plan"] or None, **told)
        elif move == "step":
            verbs.step_on(actor, update_id, **told)
        elif move == "pause":
            verbs.pause(actor, update_id, reason, **told)
        elif move == "resume":
            verbs.resume(actor, update_id, **told)
        elif move == "promote":
            verbs.promote(actor, update_id, reason, **told)
        elif move == "roll-back":
            verbs.roll_back(actor, update_id, reason, **told)
        else:
            raise Missing("move", Sentence("a rollout has no move {move}", move=repr(move[:40])))
        return Response(RolloutShape(verbs.found(update_id)).data)


class Plan(Endpoint):
    """GET reads what is set, PUT sets it."""

    verbs = {"GET": "update.read", "PUT": "settings.change"}

    @described(PlanShape)
    def get(self, request: Request) -> Response:
        """The installation's plan, and those of single models."""
        return Response(plans.shown(who(request)))

    @described(PlanBody, body=PlanBody)
    def put(self, request: Request) -> Response:
        """The plan as it holds now, whole."""
        given = checked(PlanBody, request.data)
        made = plans.change(who(request), given["plan"], given["model"], request_id=request_id(request))
        whole = {**asdict(made), "guards": made.guards_stored()}
        return Response({"plan": whole, "model": given["model"]})
