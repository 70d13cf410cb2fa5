"""The floor of the REST API: permission by verb, errors in one shape, pages."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Pages(PageNumberPagination):
    """Fifty rows a page; `page_size` up to 500."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    parameters = (OpenApiParameter("page", OpenApiTypes.INT), OpenApiParameter("page_size", OpenApiTypes.INT))


Handler = TypeVar("Handler", bound=Callable[..., Any])


class Endpoint(APIView):
    """A resource. `verbs` names the permission of each method that it answers."""

    verbs: Mapping[str, str] = {}
    http_method_names: Sequence[str] = ["get", "head", "post", "put", "patch", "delete"]


class Fault(serializers.Serializer[Any]):
    """What went wrong: a stable code, words, and details for programs."""

    code = serializers.CharField()
    message = serializers.CharField()
    detail = serializers.JSONField(allow_null=True)


class ErrorBody(serializers.Serializer[Any]):
    """Every error's body."""

    error = Fault()
    request_id = serializers.CharField()


_ERRORS = {
    400: "The input is wrong; `detail` names every error.",
    401: "No key and no session.",
    403: "The role or scope is not enough.",
    404: "There is no such thing, or it is not yours to see.",
    405: "The address does not answer this method.",
    409: "The thing is in another state.",
    412: "It was changed since it was read (If-Match).",
    413: "The body is too large.",
    415: "The body is not JSON.",
    503: "A store is away or too slow; retry.",
}


def described(
    answer: Any, *, status: int = 200, body: Any = None, parameters: Sequence[OpenApiParameter] = ()
) -> Callable[[Handler], Handler]:
    """Decorate a handler with its OpenAPI description: the answer of `status`, the request body, query parameters."""
    errors = {code: OpenApiResponse(ErrorBody, text) for code, text in _ERRORS.items()}
    answers = answer if isinstance(answer, dict) else {status: answer}
    described_by: Callable[[Handler], Handler] = extend_schema(
        request=body, responses={**answers, **errors}, parameters=list(parameters)
    )
    return described_by


def who(request: Request) -> Any:
    """The actor behind a request that VerbPermission let in: a User, a KeyActor, or None."""
    return request.user


def routes(address: str, view: Any, name: str) -> list[URLPattern]:
    """The address with and without a slash at its end; only the one without is in the OpenAPI document."""
    return [path(address, view, name=f"api-{name}"), path(f"{address}/", view, name=f"api-{name}-slash")]


def without_slash_twins(endpoints: list[tuple[str, str, str, Any]], **_: Any) -> list[tuple[str, str, str, Any]]:
    """Keep one address of each pair for the OpenAPI document."""
    return [item for item in endpoints if not item[0].endswith("/")]


def page_of(shape: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The shape of one page of a list: every list of the API answers in it."""
    counts = {name: serializers.IntegerField() for name in ("total", "page", "pages", "page_size")}
    return type(f"{shape.__name__}Page", (serializers.Serializer,), {"results": shape(many=True), **counts})


def paged(request: Request, rows: Any, shape: Callable[..., Any]) -> Response:
    """One page of a query in the shape of `page_of`. `shape`: a serializer, or what makes one of rows and many=True."""
    pages = Pages()
    found: list[Any] = pages.paginate_queryset(rows, request) or []
    assert pages.page is not None
    paginator = pages.page.paginator
    counts = {
        "total": paginator.count,
        "page": pages.page.number,
        "pages": paginator.num_pages,
        "page_size": paginator.per_page,
    }
    return Response({"results": shape(found, many=True).data, **counts})


def checked(shape: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """`data` read by `shape`. Raises DRF's ValidationError naming each field."""
    reader = shape(data=data)
    reader.is_valid(raise_exception=True)
    values: dict[str, Any] = reader.validated_data
    return values
