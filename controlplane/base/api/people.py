"""REST: accounts, set-up links, and who is asking."""

from django.db import transaction
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base import access, accounts
from controlplane.base.rest import serializers as payloads
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id


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
