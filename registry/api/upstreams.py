"""REST: upstreams that are not saved yet, and what the catalogue knows of wires and specs."""

import base64
from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from msgspec import structs
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from controlplane.base.rest.generics import Endpoint, checked, described, who
from controlplane.base.web.doors import request_id
from registry import serializers as payloads
from registry.detection import trying
from registry.protocols.compiler.catalog import PROTOCOLS
from registry.specfile.schema import SCHEMA
from registry.upstreams.exchange import Exchange


class Detect(Endpoint):
    """POST finds out which protocol answers at an address."""

    verbs = {"POST": "model.detect"}

    @described(OpenApiTypes.OBJECT, body=payloads.DetectBody)
    def post(self, request: Request) -> Response:
        """The protocol, the evidence, the upstream's models and specs to start from."""
        body = checked(payloads.DetectBody, request.data)
        found = trying.detect(who(request), body["address"], body["secret"], request_id=request_id(request))
        return Response(msgspec.to_builtins(found, enc_hook=str))


class TestCall(Endpoint):
    """POST makes one call of a spec that need not be saved."""

    verbs = {"POST": "model.create"}

    @described(OpenApiTypes.OBJECT, body=payloads.TryBody)
    def post(self, request: Request) -> Response:
        """The exact request (secrets masked), the raw answer, the mapped answer or the failure."""
        body = checked(payloads.TryBody, request.data)
        found = trying.try_call(
            who(request), body["spec"], body["secret"], body["body"], request_id=request_id(request)
        )
        return Response(shown(found))


class Protocols(Endpoint):
    """GET lists the wire formats."""

    verbs = {"GET": "model.read"}

    @described(payloads.ProtocolRow(many=True))
    def get(self, request: Request) -> Response:
        """Every protocol by name."""
        return Response(payloads.ProtocolRow(list(PROTOCOLS.values()), many=True).data)


class OneProtocol(Endpoint):
    """GET reads one wire format's whole document."""

    verbs = {"GET": "model.read"}

    @described(OpenApiTypes.OBJECT)
    def get(self, request: Request, name: str) -> Response:
        """The document as JSON."""
        if name not in PROTOCOLS:
            raise Missing(
                "protocol",
                Sentence("there is no protocol {name}; known: {known}", name=repr(name[:60]), known=list(PROTOCOLS)),
            )
        return Response(msgspec.to_builtins(PROTOCOLS[name]))


class SpecSchema(Endpoint):
    """GET gives the JSON Schema of a model spec."""

    verbs = {"GET": "open"}

    @described(OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """JSON Schema 2020-12."""
        return Response(SCHEMA)


def shown(found: Exchange) -> dict[str, Any]:
    """An exchange as JSON; bodies that are not UTF-8 are given in base64."""
    failure = found.failure
    return {
        "request": {
            "line": found.request_line,
            "headers": dict(found.request_headers),
            "body": _text(found.request_body),
        },
        "response": {
            "status": found.status,
            "headers": dict(found.response_headers),
            "body": _text(found.response_body),
        },
        "reply": _text(found.reply.body) if found.reply is not None else None,
        "failure": {"kind": failure.kind, "message": failure.message, "words": failure.upstream_words}
        if failure
        else None,
        "adapted": [structs.asdict(change) for change in found.adapted],
        "duration_ms": found.duration_ms,
    }


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode()
