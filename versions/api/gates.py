"""Hooks that Flagger and Argo Rollouts ask: their engine moves traffic, our state says whether it may."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, checked, who
from controlplane.base.rest.permissions import OPEN
from registry.access import callers
from versions.rollout import gates


class FlaggerBody(serializers.Serializer[Any]):
    """What Flagger sends. `metadata.model` names the model, else the canary's name does; `metadata.key` is an API key,
    since Flagger cannot send a header.
    """

    name = serializers.CharField(max_length=253)
    namespace = serializers.CharField(default="", allow_blank=True, max_length=253)
    phase = serializers.CharField(default="", allow_blank=True, max_length=64)
    metadata = serializers.DictField(child=serializers.CharField(max_length=500), default=dict)


@extend_schema(exclude=True)
class FlaggerHook(Endpoint):
    """POST asks: 200 for yes, 403 for no. The key's scope read is needed."""

    verbs = {"POST": OPEN}

    def post(self, request: Request, hook: str) -> Response:
        """Whether Flagger may do what it is about to do."""
        gates.require_known(hook)
        given = checked(FlaggerBody, request.data)
        metadata = given["metadata"]
        actor = who(request) if getattr(request.user, "is_authenticated", False) else None
        actor = actor or callers.actor_of(metadata.get("key", ""))
        if actor is None:
            raise exceptions.NotAuthenticated("Put an API key with the scope read into the webhook's metadata as key.")
        answer = gates.ask(actor, hook, metadata.get("model") or given["name"])
        told = {"answer": answer.yes, "model": answer.model, "state": answer.state, "reason": answer.why}
        return Response(told, status=200 if answer.yes else 403)


@extend_schema(exclude=True)
class ArgoMetric(Endpoint):
    """GET gives a web metric of Argo Rollouts its numbers."""

    verbs = {"GET": "update.read"}

    def get(self, request: Request, name: str) -> Response:
        """`verdict` is 1 for good, 0 for bad, -1 while it is unsure; `lines` are the guard lines."""
        return Response(gates.measured(who(request), name))
