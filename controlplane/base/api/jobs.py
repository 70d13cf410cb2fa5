"""REST: jobs."""

import uuid

from django.db.models import Q
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base import job_outcomes
from controlplane.base.jobs import verbs as jobs
from controlplane.base.rest import serializers as payloads
from controlplane.base.rest.generics import Endpoint, Pages, described, page_of, paged, who
from controlplane.base.web.doors import request_id

_OUTCOME = OpenApiParameter("outcome", enum=job_outcomes.OUTCOMES)


class Jobs(Endpoint):
    """GET lists the jobs that one may see."""

    verbs = {"GET": "job.read"}

    @described(
        page_of(payloads.JobShape),
        parameters=[*Pages.parameters, OpenApiParameter("kind"), OpenApiParameter("status"), _OUTCOME],
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = jobs.visible(who(request))
        for column, name in (("kind", "kind"), ("state", "status")):
            if given := request.query_params.get(name):
                rows = rows.filter(**{column: given.replace("\x00", "")[:32]})
        rows = rows.filter(job_outcomes.WHERE.get(request.query_params.get("outcome", ""), Q()))
        return paged(request, rows, payloads.JobShape)


class OneJob(Endpoint):
    """GET reads a job of one's own, or any with job.read_all."""

    verbs = {"GET": "job.read"}

    @described(payloads.JobWhole)
    def get(self, request: Request, job_id: uuid.UUID) -> Response:
        """The job with its progress, error and result."""
        return Response(payloads.JobWhole(jobs.get(who(request), job_id)).data)


class CancelJob(Endpoint):
    """POST stops a job."""

    verbs = {"POST": "job.cancel"}

    @described(payloads.JobShape)
    def post(self, request: Request, job_id: uuid.UUID) -> Response:
        """The job; a running one stops at its next step."""
        return Response(payloads.JobShape(jobs.cancel(who(request), job_id, request_id(request))).data)
