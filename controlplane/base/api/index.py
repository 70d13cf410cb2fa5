"""REST: where the API describes itself, and addresses that are none."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from controlplane.base.rest.generics import Endpoint
from controlplane.base.rest.permissions import OPEN


class Nothing(Endpoint):
    """Addresses under /api/ that are none."""

    verbs = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), OPEN)
    schema = None

    def get(self, request: Request, rest: str) -> Response:
        """404 in the API's own shape."""
        raise Missing(
            "no_such_address", Sentence("/api/{rest} is no address of this API; see /api/docs", rest=rest[:200])
        )

    post = put = patch = delete = get


class Index(Endpoint):
    """GET says where this API describes itself."""

    verbs = {"GET": OPEN}
    schema = None

    def get(self, request: Request) -> Response:
        """Addresses to go on from."""
        found = {
            name: request.build_absolute_uri(f"/api/{name}")
            for name in ("docs", "schema", "me", "models", "calls", "jobs")
        }
        return Response({"name": "Patchbay", **found, "calls_go_to": request.build_absolute_uri("/v1/")})


class Schema(SpectacularAPIView):
    """GET gives the OpenAPI document of this API: shown by a browser, or with `?download` kept as a file."""

    verbs: Mapping[str, str] = {"GET": OPEN}

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """YAML."""
        document: Any = super()
        response: Response = document.get(request, *args, **kwargs)
        shown = "attachment" if "download" in request.query_params else "inline"
        response["Content-Disposition"] = f'{shown}; filename="patchbay-openapi.yaml"'
        if shown == "inline" and "text/html" in request.headers.get("Accept", ""):
            response.content_type = "text/yaml; charset=utf-8"
        return response
