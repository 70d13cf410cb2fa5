"""REST: golden answers, which every candidate must give."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from registry.catalog import verbs as models
from versions.compat import golden
from versions.models import GoldenAnswer

_MODEL = OpenApiParameter("model", required=True, description="the model's name")


class GoldenRow(serializers.ModelSerializer[GoldenAnswer]):
    """A request whose answer is pinned, and how answers are compared with it."""

    class Meta:
        model = GoldenAnswer
        fields = ("id", "model", "name", "request", "expected", "owner", "created_at")

    model = serializers.CharField(source="model.name", read_only=True)
    owner = serializers.CharField(source="created_by.username", read_only=True, allow_null=True)


class NewGolden(serializers.Serializer[Any]):
    """A predict call (`inputs`, `parameters`, `task`), and one of `equals`, `contains` and `one_of`."""

    model = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200)
    request = serializers.DictField()
    expected = serializers.DictField()


class GoldenAnswers(Endpoint):
    """GET lists a model's golden answers, POST pins one."""

    verbs = {"GET": "model.read", "POST": "model.change"}

    @described(page_of(GoldenRow), parameters=[*Pages.parameters, _MODEL])
    def get(self, request: Request) -> Response:
        """By name."""
        model = models.get(who(request), request.query_params.get("model", ""))
        return paged(request, golden.of_model(who(request), model).select_related("model"), GoldenRow)

    @described(GoldenRow, status=201, body=NewGolden)
    def post(self, request: Request) -> Response:
        """The pinned answer; 409 for a name that the model has already."""
        body = checked(NewGolden, request.data)
        model = models.get(who(request), body["model"])
        row = golden.pin(
            who(request), model, body["name"], body["request"], body["expected"], request_id=request_id(request)
        )
        return Response(GoldenRow(row).data, status=201)


class OneGolden(Endpoint):
    """DELETE takes a golden answer away."""

    verbs = {"DELETE": "model.change"}

    @described(None, status=204)
    def delete(self, request: Request, golden_id: int) -> Response:
        """Candidates need not give it any more."""
        golden.unpin(who(request), golden_id, request_id=request_id(request))
        return Response(status=204)
