"""REST: models."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, who
from controlplane.base.rest.serializers import JobShape
from controlplane.base.web.doors import request_id
from registry import serializers as payloads
from registry.catalog import verbs as catalog
from registry.catalog.verbs import ModelFilter
from registry.models import Model

_FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="words looked for in name, endpoint and owner"),
    *(
        OpenApiParameter(name, OpenApiTypes.STR, many=True, description=f"{words}; repeat it to accept several")
        for name, words in {
            "type": "exact type",
            "protocol": "exact protocol",
            "state": "probing, ready, unreachable or disabled",
            "tag": "a tag that the model carries",
            "owner": "exact owner",
        }.items()
    ),
    OpenApiParameter("sort", OpenApiTypes.STR, description="a column, - in front for descending"),
]
_IF_MATCH = OpenApiParameter(
    "If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="the ETag that was read"
)


class Models(Endpoint):
    """GET lists, POST saves a new one (a spec in the YAML file's shape)."""

    verbs = {"GET": "model.read", "POST": "model.create"}

    @described(payloads.ModelPage, parameters=[*_FILTERS, *Pages.parameters])
    def get(self, request: Request) -> Response:
        """One page of matching models."""
        given = request.query_params
        chosen = {name: tuple(value for value in given.getlist(name) if value) for name in catalog.FACETS}
        wanted = ModelFilter(given.get("q", ""), **chosen)
        size = whole(given.get("page_size", "50"), "page_size")
        listing = catalog.search(
            who(request), wanted, given.get("sort", "name"), whole(given.get("page", "1"), "page"), size
        )
        return Response(payloads.ModelPage(listing).data)

    @described(payloads.ModelWhole, status=201, body=OpenApiTypes.OBJECT)
    def post(self, request: Request) -> Response:
        """Save a model; it is probed at once."""
        model = catalog.create(who(request), document(request), request_id=request_id(request))
        return _whole(model, 201)


class OneModel(Endpoint):
    """GET reads, PUT saves a new release, DELETE removes."""

    verbs = {"GET": "model.read", "PUT": "model.change", "DELETE": "model.delete"}

    @described(payloads.ModelWhole)
    def get(self, request: Request, name: str) -> Response:
        """The model and its spec; the ETag is the release's digest."""
        return _whole(catalog.get(who(request), name))

    @described(payloads.ModelWhole, body=OpenApiTypes.OBJECT, parameters=[_IF_MATCH])
    def put(self, request: Request, name: str) -> Response:
        """Save a new release; with If-Match only if nobody else did meanwhile (412)."""
        given = request.headers.get("If-Match", "").strip()
        expected = None if given in ("", "*") else given.removeprefix("W/").strip('"')
        model = catalog.change(who(request), name, document(request), expected, request_id=request_id(request))
        return _whole(model)

    @described(None, status=204)
    def delete(self, request: Request, name: str) -> Response:
        """Remove the model and its releases."""
        catalog.delete(who(request), [catalog.get(who(request), name).pk], request_id=request_id(request))
        return Response(status=204)


class ProbeModel(Endpoint):
    """POST proves one model by a real call."""

    verbs = {"POST": "model.probe"}

    @described(JobShape, status=202)
    def post(self, request: Request, name: str) -> Response:
        """The job that probes."""
        found = catalog.get(who(request), name)
        job = catalog.probe(who(request), [found.pk], request_id=request_id(request))
        return Response(JobShape(job).data, status=202, headers={"Location": f"/api/jobs/{job.pk}"})


class EnableModel(Endpoint):
    """POST lets a disabled model be called again."""

    verbs = {"POST": "model.change"}

    @described(payloads.ModelWhole)
    def post(self, request: Request, name: str) -> Response:
        """The model, being probed."""
        found = catalog.get(who(request), name)
        catalog.enable(who(request), [found.pk], request_id=request_id(request))
        return _whole(catalog.get(who(request), found.pk))


class DisableModel(Endpoint):
    """POST refuses calls to a model."""

    verbs = {"POST": "model.change"}

    @described(payloads.ModelWhole)
    def post(self, request: Request, name: str) -> Response:
        """The model, disabled."""
        found = catalog.get(who(request), name)
        catalog.disable(who(request), [found.pk], request_id=request_id(request))
        return _whole(catalog.get(who(request), found.pk))


class TagModels(Endpoint):
    """POST adds tags to many models and removes others."""

    verbs = {"POST": "model.change"}

    @described(payloads.Changed, body=payloads.Tags)
    def post(self, request: Request) -> Response:
        """How many changed."""
        body = checked(payloads.Tags, request.data)
        ids = catalog.ids_of(who(request), body["names"])
        count = catalog.tag(who(request), ids, body["add"], body["remove"], request_id=request_id(request))
        return Response({"changed": count})


class ExportModels(Endpoint):
    """GET gives every model as YAML."""

    verbs = {"GET": "model.read"}

    @described(
        {(200, "application/yaml"): OpenApiTypes.STR},
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, many=True)],
    )
    def get(self, request: Request) -> HttpResponse:
        """A file that imports unchanged; `name` (repeatable) picks models."""
        names = request.query_params.getlist("name")
        ids = catalog.ids_of(who(request), names[:5000]) if names else None
        return yaml_file(catalog.export_yaml(who(request), ids), "models.yaml")


def yaml_file(text: str, name: str) -> HttpResponse:
    """`text` as a download."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type="application/yaml; charset=utf-8", headers=headers)


def document(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises Invalid."""
    if not isinstance(request.data, dict):
        kind = type(request.data).__name__
        raise Invalid(
            "body", Sentence("the body is a {kind}; expected a JSON object: a spec in the YAML file's shape", kind=kind)
        )
    return dict(request.data)


def whole(text: str, name: str) -> int:
    """A query parameter as a number. Raises Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid(name, Sentence("{name} is {given}; expected a whole number", name=name, given=repr(text[:40])))
    return int(text)


def _whole(model: Model, status: int = 200) -> Response:
    digest = model.release.digest if model.release else ""
    return Response(payloads.ModelWhole(model).data, status=status, headers={"ETag": f'"{digest}"'})
