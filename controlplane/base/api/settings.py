"""REST: settings of the installation."""

from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base import config
from controlplane.base.rest import serializers as payloads
from controlplane.base.rest.generics import Endpoint, checked, described, who
from controlplane.base.web.doors import request_id


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
