"""REST: the agents of GPU nodes, by their keys. What they push comes in by a door of its own."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from routing.models import AgentKey
from routing.pushed import keys
from routing.pushed.hearing import AgentNews, news


class AgentDraftBody(serializers.Serializer[Any]):
    """The node whose agent gets a key."""

    name = serializers.CharField(max_length=keys.LONGEST_NAME)


class AgentShape(serializers.Serializer[Any]):
    """An agent's key, and what was last heard of the agent."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    node: Any = serializers.CharField(source="node.name", read_only=True, allow_null=True, default=None)
    created_by: Any = serializers.CharField(source="created_by.username", read_only=True, allow_null=True, default=None)
    created_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    age_s = serializers.SerializerMethodField(help_text="seconds since its last frame; null before the first")
    tells_of = serializers.SerializerMethodField(help_text="devices of its last frame, by uuid")
    complaints = serializers.SerializerMethodField(help_text="what was wrong with its last frame")

    def get_age_s(self, row: AgentKey) -> float | None:
        """Seconds since its last frame."""
        heard = self._news(row)
        return round(heard.age_s, 1) if heard else None

    def get_tells_of(self, row: AgentKey) -> list[str]:
        """Devices of its last frame."""
        heard = self._news(row)
        return list(heard.tells_of) if heard else []

    def get_complaints(self, row: AgentKey) -> list[str]:
        """What was wrong with its last frame."""
        heard = self._news(row)
        return [str(one) for one in heard.told] if heard else []

    def _news(self, row: AgentKey) -> AgentNews | None:
        found: dict[str, AgentNews] = self.context.get("news", {})
        return found.get(row.name)


class MadeAgentShape(AgentShape):
    """A key just made; `key` is shown this once."""

    key = serializers.SerializerMethodField()

    def get_key(self, row: AgentKey) -> str:
        """The secret."""
        return str(self.context["key"])


class Agents(Endpoint):
    """GET lists agents, POST makes the key of one."""

    verbs = {"GET": "fleet.read", "POST": "fleet.change"}

    @described(page_of(AgentShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By node, with what was last heard of each."""
        return paged(request, keys.listing(who(request)), _shape)

    @described(MadeAgentShape, status=201, body=AgentDraftBody)
    def post(self, request: Request) -> Response:
        """The key, shown this once. The agent sends it as 'Authorization: Bearer …'."""
        name = checked(AgentDraftBody, request.data)["name"]
        row, secret = keys.create(who(request), name, request_id=request_id(request))
        return Response(MadeAgentShape(row, context={"key": secret}).data, status=201)


class OneAgent(Endpoint):
    """DELETE revokes an agent's key for good."""

    verbs = {"DELETE": "fleet.change"}

    @described(AgentShape)
    def delete(self, request: Request, key_id: int) -> Response:
        """The key, revoked: the agent is refused within two seconds. Its devices and their history stay."""
        return Response(AgentShape(keys.revoke(who(request), key_id, request_id=request_id(request))).data)


def _shape(rows: Sequence[AgentKey], many: bool) -> AgentShape:
    return AgentShape(rows, many=many, context={"news": news([row.name for row in rows])})
