"""REST: a model's releases, aliases that call one of them, and going back to one."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from registry import serializers as payloads
from registry.catalog import lineage
from registry.catalog import verbs as catalog
from registry.models import Release, ReleaseAlias

MOST = 999_999_999


class ReleaseRow(serializers.ModelSerializer[Release]):
    """One release of a model."""

    class Meta:
        model = Release
        fields = ("number", "digest", "manifest", "address", "created_at", "spec")

    address = serializers.CharField(read_only=True)


class AliasRow(serializers.ModelSerializer[ReleaseAlias]):
    """A name that calls one release."""

    class Meta:
        model = ReleaseAlias
        fields = ("alias", "release", "updated_at")

    alias = serializers.CharField(source="name", read_only=True)
    release = serializers.IntegerField(source="release.number", read_only=True)


class AliasBody(serializers.Serializer[Any]):
    """Which name is to call which release."""

    alias = serializers.CharField(max_length=200)
    release = serializers.IntegerField(min_value=1, max_value=MOST)


class ReleaseBody(serializers.Serializer[Any]):
    """A release's number."""

    release = serializers.IntegerField(min_value=1, max_value=MOST)


class Compared(serializers.Serializer[Any]):
    """Two releases by number."""

    before = serializers.IntegerField(min_value=1, max_value=MOST)
    after = serializers.IntegerField(min_value=1, max_value=MOST)


class DifferenceShape(serializers.Serializer[Any]):
    """What differs by path: the value before and after."""

    changed = serializers.DictField()


class Releases(Endpoint):
    """GET lists a model's releases."""

    verbs = {"GET": "model.read"}

    @described(page_of(ReleaseRow), parameters=[*Pages.parameters])
    def get(self, request: Request, name: str) -> Response:
        """Newest first."""
        model = catalog.get(who(request), name)
        return paged(request, catalog.releases_of(who(request), model), ReleaseRow)


class Difference(Endpoint):
    """GET compares two releases."""

    verbs = {"GET": "model.read"}

    @described(
        DifferenceShape,
        parameters=[OpenApiParameter(name, OpenApiTypes.INT, required=True) for name in ("before", "after")],
    )
    def get(self, request: Request, name: str) -> Response:
        """What differs between two releases."""
        asked = checked(Compared, request.query_params)
        return Response({"changed": lineage.difference(who(request), name, asked["before"], asked["after"])})


class Restore(Endpoint):
    """POST goes back to a release."""

    verbs = {"POST": "model.change"}

    @described(payloads.ModelWhole, body=ReleaseBody)
    def post(self, request: Request, name: str) -> Response:
        """The model, which serves that release from the next call on."""
        number = checked(ReleaseBody, request.data)["release"]
        lineage.restore(who(request), name, number, request_id=request_id(request))
        return Response(payloads.ModelWhole(catalog.get(who(request), name)).data)


class Aliases(Endpoint):
    """GET lists aliases of releases, PUT sets or moves one, DELETE takes one away."""

    verbs = {"GET": "model.read", "PUT": "model.change", "DELETE": "model.change"}

    @described(page_of(AliasRow), parameters=[*Pages.parameters])
    def get(self, request: Request, name: str) -> Response:
        """By name."""
        return paged(request, lineage.aliases_of(who(request), name), AliasRow)

    @described(AliasRow, body=AliasBody)
    def put(self, request: Request, name: str) -> Response:
        """The alias, which calls that release from the next call on."""
        given = checked(AliasBody, request.data)
        found = lineage.set_alias(who(request), name, given["alias"], given["release"], request_id=request_id(request))
        return Response(AliasRow(found).data)

    @described(None, status=204, parameters=[OpenApiParameter("alias", required=True)])
    def delete(self, request: Request, name: str) -> Response:
        """Calls by this alias are not found any more."""
        alias = request.query_params.get("alias", "").replace("\x00", "")
        lineage.delete_alias(who(request), name, alias, request_id=request_id(request))
        return Response(status=204)
