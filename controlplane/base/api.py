"""REST of the floor: jobs, audit, settings, people."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base import access, accounts, config, job_outcomes
from controlplane.base.audit import chain as audit
from controlplane.base.audit import history
from controlplane.base.jobs import verbs as jobs
from controlplane.base.refusals import Missing
from controlplane.base.rest import serializers as payloads
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.rest.permissions import OPEN
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


class AuditLog(Endpoint):
    """GET lists the audit entries."""

    verbs = {"GET": "audit.read"}

    @described(
        page_of(payloads.ChangeShape),
        parameters=[
            *Pages.parameters,
            *(OpenApiParameter(name) for name in ("object_type", "object_id", "verb", "actor", "since", "until")),
        ],
    )
    def get(self, request: Request) -> Response:
        """Newest first."""
        given = request.query_params
        rows = history.matching(who(request), {name: given.get(name, "") for name in ("since", "until")})
        for name in ("object_type", "object_id", "verb", "actor"):
            if given.get(name):
                rows = rows.filter(**{name: given[name].replace("\x00", "")[:200]})
        return paged(request, rows, payloads.ChangeShape)


class AuditCheck(Endpoint):
    """GET walks the audit chain."""

    verbs = {"GET": "audit.read"}

    @described(payloads.ChainState)
    def get(self, request: Request) -> Response:
        """Whether it holds, and how far."""
        holds, position, at = audit.verify()
        return Response({"holds": holds, "position": position, "checked_at": at})


class EgressSettings(Endpoint):
    """GET reads, PUT replaces the egress allow-list."""

    verbs = {"GET": "settings.read", "PUT": "settings.change"}

    @described(payloads.EgressList)
    def get(self, request: Request) -> Response:
        """The entries."""
        return Response({"entries": config.egress_allow()})

    @described(payloads.EgressList, body=payloads.EgressList)
    def put(self, request: Request) -> Response:
        """The entries as stored."""
        body = checked(payloads.EgressList, request.data)
        return Response({"entries": config.set_egress_allow(who(request), body["entries"], request_id(request))})


class Users(Endpoint):
    """GET lists accounts."""

    verbs = {"GET": "user.read"}

    @described(page_of(payloads.UserShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        return paged(request, accounts.listing(who(request)), payloads.UserShape)


class OneUser(Endpoint):
    """PATCH changes an account's role, or shuts it out."""

    verbs = {"PATCH": "user.change"}

    @described(payloads.UserShape, body=payloads.UserChange)
    def patch(self, request: Request, user_id: int) -> Response:
        """The account as it is now."""
        body = checked(payloads.UserChange, request.data)
        user = accounts.find(who(request), user_id)
        with transaction.atomic():
            if "role" in body:
                user = accounts.change_role(who(request), user_id, body["role"], request_id(request))
            if "is_active" in body:
                change = accounts.activate if body["is_active"] else accounts.deactivate
                user = change(who(request), user_id, request_id(request))
        return Response(payloads.UserShape(user).data)


class SetupLinks(Endpoint):
    """GET lists invitations, POST makes one."""

    verbs = {"GET": "user.read", "POST": "user.invite"}

    @described(page_of(payloads.LinkShape), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """Newest first, those of the last month; never the links themselves."""
        return paged(request, accounts.invitations(who(request)), payloads.LinkShape)

    @described(payloads.MadeLink, status=201, body=payloads.NewLink)
    def post(self, request: Request) -> Response:
        """The link, shown this once."""
        body = checked(payloads.NewLink, request.data)
        token = accounts.invite(who(request), body["role"], body.get("name", ""))
        address = request.build_absolute_uri(reverse("set-up", args=[token]))
        return Response({"address": address, "role": body["role"]}, status=201)


class OneSetupLink(Endpoint):
    """DELETE withdraws an invitation."""

    verbs = {"DELETE": "user.invite"}

    @described(payloads.LinkShape)
    def delete(self, request: Request, link_id: int) -> Response:
        """The invitation, withdrawn; 404 if it was used, withdrawn or has expired."""
        return Response(payloads.LinkShape(accounts.withdraw(who(request), link_id, request_id(request))).data)


class Me(Endpoint):
    """GET says who is asking and what they may do."""

    verbs = {"GET": "signed-in"}

    @described(OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Name, role, scopes and verbs."""
        actor = who(request)
        verbs = sorted(verb for verb in access.VERBS[actor.role] if access.can(actor, verb))
        scopes = sorted(getattr(actor, "scopes", ())) or None
        return Response({"username": actor.username, "role": actor.role, "scopes": scopes, "verbs": verbs})


class Nothing(Endpoint):
    """Addresses under /api/ that are none."""

    verbs = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), OPEN)
    schema = None

    def get(self, request: Request, rest: str) -> Response:
        """404 in the API's own shape."""
        raise Missing("no_such_address", f"/api/{rest[:200]} is no address of this API; see /api/docs")

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
