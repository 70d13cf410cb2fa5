"""REST: API keys and credentials."""

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.base.jobs import verbs as jobs
from controlplane.base.rest.generics import Endpoint, Pages, checked, described, page_of, paged, who
from controlplane.base.web.doors import request_id
from registry import serializers as payloads
from registry.access import callers, credentials
from registry.models import Credential

_KEY = OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)


class Keys(Endpoint):
    """GET lists the keys that one may see, POST makes one."""

    verbs = {"GET": "key.read", "POST": "key.create"}

    @described(page_of(payloads.KeyRow), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """Newest first."""
        return paged(request, callers.listing(who(request)), payloads.KeyRow)

    @described(payloads.MadeKey, status=201, body=payloads.NewKey, parameters=[_KEY])
    def post(self, request: Request) -> Response:
        """The key, shown this once; 409 for an Idempotency-Key that made one before."""
        body = checked(payloads.NewKey, request.data)
        name, scopes = body.pop("name"), body.pop("scopes")
        once = jobs.once(request.headers.get("Idempotency-Key"), name)
        limits = callers.KeyLimits(**body)
        row, secret = callers.create(who(request), name, scopes, limits, once=once, request_id=request_id(request))
        return Response({**payloads.KeyRow(row).data, "key": secret}, status=201)


class OneKey(Endpoint):
    """DELETE revokes a key for good."""

    verbs = {"DELETE": "key.revoke"}

    @described(payloads.KeyRow)
    def delete(self, request: Request, key_id: int) -> Response:
        """The key, revoked."""
        return Response(payloads.KeyRow(callers.revoke(who(request), key_id, request_id=request_id(request))).data)


class KeyReplay(Endpoint):
    """PUT says whether calls of a key may be kept, sealed, to try new releases on; only its owner may agree."""

    verbs = {"PUT": "key.create"}

    @described(payloads.KeyRow, body=payloads.Consent)
    def put(self, request: Request, key_id: int) -> Response:
        """The key. What was kept of it is deleted within a minute after consent ends."""
        agreed = checked(payloads.Consent, request.data)["agreed"]
        row = callers.let_replay(who(request), key_id, agreed, request_id=request_id(request))
        return Response(payloads.KeyRow(row).data)


class Credentials(Endpoint):
    """GET lists credentials without secrets, POST stores one."""

    verbs = {"GET": "credential.read", "POST": "credential.create"}

    @described(page_of(payloads.CredentialRow), parameters=Pages.parameters)
    def get(self, request: Request) -> Response:
        """By name."""
        rows: QuerySet[Credential] = credentials.listing(who(request))
        return paged(request, rows, payloads.CredentialRow)

    @described(payloads.CredentialRow, status=201, body=payloads.NewCredential)
    def post(self, request: Request) -> Response:
        """The credential; its secret is never shown again."""
        body = checked(payloads.NewCredential, request.data)
        row = credentials.create(who(request), **body, request_id=request_id(request))
        return Response(payloads.CredentialRow(row).data, status=201)


class OneCredential(Endpoint):
    """GET reads, PUT replaces the secret, DELETE forgets it."""

    verbs = {"GET": "credential.read", "PUT": "credential.change", "DELETE": "credential.delete"}

    @described(payloads.CredentialRow)
    def get(self, request: Request, credential_id: int) -> Response:
        """The credential without its secret."""
        return Response(payloads.CredentialRow(credentials.get(who(request), credential_id)).data)

    @described(payloads.CredentialRow, body=payloads.Secret)
    def put(self, request: Request, credential_id: int) -> Response:
        """The credential with its new hint."""
        body = checked(payloads.Secret, request.data)
        credentials.change_secret(who(request), credential_id, body["secret"], request_id=request_id(request))
        return self.get(request, credential_id)

    @described(None, status=204)
    def delete(self, request: Request, credential_id: int) -> Response:
        """Only if no model uses it (else 409)."""
        credentials.delete(who(request), credential_id, request_id=request_id(request))
        return Response(status=204)
