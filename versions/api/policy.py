"""REST: what updates may pass without a person."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, described, who
from controlplane.base.web.doors import request_id
from versions import update_policy
from versions.update_policy import UpdatePolicy

_MODEL = OpenApiParameter("model", description="a model's name; without it the installation's policy")


class PolicyShape(serializers.Serializer[Any]):
    """The policy in force, or what is to differ from the default. See docs/versions.md."""

    hot_fix = serializers.BooleanField(required=False)
    adapt = serializers.ListField(child=serializers.CharField(), required=False)
    replay_days = serializers.IntegerField(required=False)
    test_calls = serializers.IntegerField(required=False)
    test_seconds = serializers.IntegerField(required=False)
    replay_calls = serializers.IntegerField(required=False)
    diff = serializers.DictField(required=False)


class Policy(Endpoint):
    """GET reads the policy in force, PUT replaces what differs from the default."""

    verbs = {"GET": "settings.read", "PUT": "settings.change"}

    @described(PolicyShape, parameters=[_MODEL])
    def get(self, request: Request) -> Response:
        """What holds, for the installation or for one model."""
        return Response(_shown(update_policy.of(_model(request))))

    @described(PolicyShape, body=PolicyShape, parameters=[_MODEL])
    def put(self, request: Request) -> Response:
        """What holds now. An empty object goes back to the default."""
        if not isinstance(request.data, dict):
            raise Invalid("policy", Sentence("the policy must be a JSON object"))
        values = dict(request.data)
        told = update_policy.change(who(request), values, _model(request), request_id=request_id(request))
        return Response(_shown(told))


def _model(request: Request) -> str:
    return request.query_params.get("model", "").replace("\x00", "")[:200]


def _shown(policy: UpdatePolicy) -> dict[str, Any]:
    return {**asdict(policy), "diff": {name: value for name, value in asdict(policy.diff).items() if value is not None}}
