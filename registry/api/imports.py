"""REST: imports of YAML files."""

import uuid
from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.jobs import verbs as jobs
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Invalid
from controlplane.base.rest.generics import Endpoint, checked, described, who
from controlplane.base.rest.parsers import StrictJSONParser, YamlParser
from controlplane.base.rest.serializers import JobShape
from controlplane.base.web.doors import request_id
from registry import serializers as payloads
from registry.catalog import importing

_APPLY = OpenApiParameter("apply", OpenApiTypes.STR, enum=importing.MODES, description="import, instead of a dry run")
_KEY = OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)


class Imports(Endpoint):
    """POST shows what a file would do, or with ?apply= imports it in a job."""

    verbs = {"POST": "model.import"}
    parser_classes = (StrictJSONParser, YamlParser)

    @described({200: payloads.ImportPlan, 202: JobShape}, body=payloads.ImportBody, parameters=[_APPLY, _KEY])
    def post(self, request: Request) -> Response:
        """The plan of every row (200), or the job that imports (202)."""
        given: Any = request.data
        raw = isinstance(given, dict) and isinstance(given.get("yaml"), bytes)
        body: dict[str, Any] = given if raw else checked(payloads.ImportBody, given)
        mode = request.query_params.get("apply")
        if mode is None:
            plan = importing.plan(who(request), body["yaml"], body["file"])
            return Response(payloads.ImportPlan(asdict(plan)).data)
        if mode not in importing.MODES:
            raise Invalid(
                "apply",
                Sentence("apply is {mode}; expected one of {known}", mode=repr(mode[:40]), known=importing.MODES),
            )
        text = body["yaml"].decode("utf-8", "replace") if raw else body["yaml"]
        once = jobs.once(request.headers.get("Idempotency-Key"), mode, text)
        job = importing.start(
            who(request), body["yaml"], body["file"], mode, idempotency=once, request_id=request_id(request)
        )
        return Response(JobShape(job).data, status=202, headers={"Location": f"/api/jobs/{job.pk}"})


class ImportFailures(Endpoint):
    """GET gives the rows of an import that failed."""

    verbs = {"GET": "job.read"}

    @described({(200, "application/yaml"): OpenApiTypes.STR})
    def get(self, request: Request, job_id: uuid.UUID) -> HttpResponse:
        """A file to mend and import again."""
        text = importing.failed_yaml(jobs.get(who(request), job_id))
        headers = {"Content-Disposition": 'attachment; filename="failed.yaml"', "X-Content-Type-Options": "nosniff"}
        return HttpResponse(text, content_type="application/yaml; charset=utf-8", headers=headers)
