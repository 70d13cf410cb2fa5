"""Trying an upstream before it is saved: detection and test calls, with the permission, guard and audit of a save."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
from django.db import transaction
from msgspec import Raw, structs

from controlplane.base import access
from controlplane.base.audit import chain as audit
from controlplane.base.messages import Sentence, message_of
from controlplane.base.refusals import Invalid, Missing
from controlplane.base.secrets import SecretError
from registry import guard, predict_form
from registry.access import credentials
from registry.canon import CallContext, Failure, FailureKind, Request
from registry.catalog.releases import checked_spec
from registry.detection import detect as detection
from registry.detection.detect import Detection, Evidence
from registry.models import Credential
from registry.protocols.compiler.adapters import compile_adapter
from registry.spec import Spec
from registry.transports.egress import Egress, EgressRefused, EndpointInvalid, ParsedEndpoint, parse_endpoint
from registry.transports.http import Client
from registry.transports.masking import masked
from registry.transports.response import ResponseLimits
from registry.upstreams import exchange as upstream
from registry.upstreams.binding import Upstream, bind
from registry.upstreams.exchange import Exchange

TEST_SECONDS = 30.0
ANSWER_BYTES = 1024 * 1024
"""The most of an answer that a test call shows; a call through /v1 may be answered with more."""
LOOKED = timedelta(minutes=10)
AT_ONCE = 8


class NotAllowed(Invalid):
    """An address that an admin could allow: `entry` is what the egress list lacks."""

    def __init__(self, message: str, entry: str) -> None:
        self.entry = entry
        super().__init__("egress", message, {"entry": entry})


def detect(actor: access.Actor | None, address: str, secret: str = "", *, request_id: str = "") -> Detection:
    """Which protocol answers at `address`, with evidence. Raises Forbidden, Invalid, NotAllowed.

    The same look of one actor is one audit entry for ten minutes, however often its form is sent.
    """
    access.require(actor, "model.detect")
    if secret:
        credentials.checked_secret(secret)
    try:
        endpoint = parse_endpoint(address.strip())
    except EndpointInvalid as error:
        raise Invalid("address", message_of(error)) from error
    detail = {"with_secret": bool(secret)}
    with transaction.atomic():
        if not audit.known(actor, "model.detect", "address", endpoint.origin, detail, LOOKED):
            audit.record(actor, "model.detect", "address", endpoint.origin, detail, request_id)
    return asyncio.run(_detect(guard.egress(), endpoint, address, secret))


def stored_secret(actor: access.Actor | None, name: str, address: str) -> str:
    """The secret of a stored credential, for its own origin alone. Raises Forbidden, Invalid, Missing."""
    access.require(actor, "credential.read")
    row = _credential(name)
    try:
        if row.origin != parse_endpoint(address.strip()).origin:
            raise Invalid(
                "credential",
                Sentence(
                    "the credential {name} is sent to {origin} only, not to {address}",
                    name=repr(name),
                    origin=row.origin,
                    address=repr(address),
                ),
            )
        return credentials.reveal(row)
    except (EndpointInvalid, SecretError) as error:
        raise Invalid("credential", message_of(error)) from error


def try_call(
    actor: access.Actor | None,
    document: Mapping[str, Any],
    secret: str = "",
    body: Mapping[str, Any] | None = None,
    *,
    request_id: str = "",
) -> Exchange:
    """One call of a spec that need not be saved; `body` is in neutral form, by default what a probe sends.

    A `secret` is used once and not kept; without one the spec's own credential is used. What an upstream repeats of it
    is masked. Raises Forbidden, Invalid. A call that fails is no exception: the exchange says how.
    """
    access.require(actor, "model.create")
    attempt = _attempt(document, secret, body)
    _audit([attempt], actor, request_id)
    return asyncio.run(_exchange_all(guard.egress(), [attempt]))[0]


def try_calls(
    actor: access.Actor | None, documents: Sequence[Mapping[str, Any]], secret: str = "", *, request_id: str = ""
) -> list[Exchange]:
    """A test call of each spec, as `try_call` makes one, several at once. Raises Forbidden, Invalid."""
    access.require(actor, "model.create")
    attempts = [_attempt(document, secret, None) for document in documents]
    _audit(attempts, actor, request_id)
    return asyncio.run(_exchange_all(guard.egress(), attempts))


@dataclass(frozen=True)
class Attempt:
    """A test call that is ready to be made: where it goes, what it sends (None: what a probe sends)."""

    endpoint: Upstream
    request: Request | None
    secret: str = field(default="", repr=False)


def _attempt(document: Mapping[str, Any], secret: str, body: Mapping[str, Any] | None) -> Attempt:
    spec = checked_spec(document)
    used = credentials.checked_secret(secret) if secret else _stored(spec)
    try:
        endpoint = bind(spec, compile_adapter(spec), used or None)[0]
    except ValueError as error:
        raise Invalid("endpoint", message_of(error)) from error
    return Attempt(endpoint, _request(spec, body) if body else None, used)


@transaction.atomic
def _audit(attempts: Sequence[Attempt], actor: access.Actor | None, request_id: str) -> None:
    for attempt in attempts:
        target = attempt.endpoint.target.origin
        audit.record(actor, "model.test", "model", attempt.endpoint.spec.name, {"endpoint": target}, request_id)


async def _exchange_all(egress: Egress, attempts: Sequence[Attempt]) -> list[Exchange]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def made(attempt: Attempt) -> Exchange:
        async with gate:
            return without(await _exchange(egress, attempt.endpoint, attempt.request), attempt.secret)

    return await asyncio.gather(*map(made, attempts))


def without(exchange: Exchange, secret: str) -> Exchange:
    """The exchange with every occurrence of `secret` in what the upstream said replaced; its failure has none."""
    if not secret:
        return exchange
    reply = exchange.reply
    if reply is not None:
        reply = structs.replace(reply, body=_hidden(reply.body, secret))
    return replace(
        exchange,
        response_headers=tuple((name, masked(value, secret)) for name, value in exchange.response_headers),
        response_body=_hidden(exchange.response_body, secret),
        request_body=_hidden(exchange.request_body, secret),
        reply=reply,
    )


def _hidden(body: bytes, secret: str) -> bytes:
    """A body without the secret; what is not UTF-8 stays as it is."""
    return masked(body.decode("utf-8", "surrogateescape"), secret).encode("utf-8", "surrogateescape")


async def _detect(egress: Egress, endpoint: ParsedEndpoint, address: str, secret: str) -> Detection:
    try:
        await egress.resolve(endpoint.host, endpoint.port)
    except EgressRefused as refused:
        if refused.entry:
            raise NotAllowed(message_of(refused), refused.entry) from refused
        raise Invalid("egress", message_of(refused)) from refused
    except OSError as error:
        words = Sentence(
            "the name {host} does not resolve: {strerror}", host=endpoint.host, strerror=error.strerror or error
        )
        return Detection(None, (Evidence("", None, 0.0, words),), endpoint=endpoint.origin)
    client = Client(lambda: egress)
    try:
        return await detection.detect(client, address, secret or None)
    finally:
        await client.close()


async def _exchange(egress: Egress, endpoint: Upstream, request: Request | None) -> Exchange:
    client = Client(lambda: egress, ResponseLimits(body=ANSWER_BYTES))
    context = CallContext(endpoint.spec.name, "test-call", int(time.time()))
    timeouts = upstream.client_timeouts(endpoint.spec.timeouts, TEST_SECONDS)
    try:
        if request is None:
            return await upstream.probe(client, endpoint)
        return await upstream.exchange(client, endpoint, request, context, timeouts)
    finally:
        await client.close()


def _request(spec: Spec, body: Mapping[str, Any]) -> Request:
    try:
        fields = {str(name): Raw(msgspec.json.encode(value)) for name, value in body.items()}
        return predict_form.to_request(spec, fields)
    except Failure as failure:
        raise Invalid(failure.code or FailureKind.INVALID_REQUEST, failure.message) from failure


def _credential(name: str) -> Credential:
    row = Credential.objects.filter(name=name).first()
    if row is None:
        raise Missing("credential", Sentence("there is no credential named {name}", name=repr(name)))
    return row


def _stored(spec: Spec) -> str:
    if not spec.credential:
        return ""
    row = _credential(spec.credential)
    try:
        return credentials.reveal(row)
    except SecretError as error:
        raise Invalid("credential", message_of(error)) from error
