"""Trying an upstream before it is saved: detection and test calls, with the permission, guard and audit of a save."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from django.db import transaction
from msgspec import Raw

from controlplane.base import access, audit
from controlplane.base.refusals import Invalid, Missing
from controlplane.base.secrets import SecretError
from registry import credentials, guard, predict_form, upstream
from registry import detect as detection
from registry.canon import CallContext, Failure, FailureKind, Request
from registry.detect import Detection
from registry.models import Credential
from registry.protocols.compiler import compile_adapter
from registry.releases import checked_spec
from registry.resolve import Upstream, bind
from registry.spec import Spec
from registry.transports.egress import Egress, EndpointInvalid, parse_endpoint
from registry.transports.http import Client
from registry.transports.masking import masked
from registry.transports.response import Limits
from registry.upstream import Exchange

TEST_SECONDS = 30.0
ANSWER_BYTES = 1024 * 1024
"""The most of an answer that a test call shows; a call through /v1 may be answered with more."""


def detect(actor: access.Actor | None, address: str, secret: str = "", *, request_id: str = "") -> Detection:
    """Which protocol answers at `address`, with evidence. Raises Forbidden, Invalid."""
    access.require(actor, "model.detect")
    if secret:
        credentials.checked_secret(secret)
    try:
        origin = parse_endpoint(address.strip()).origin
    except EndpointInvalid as error:
        raise Invalid("address", str(error)) from error
    with transaction.atomic():
        audit.record(actor, "model.detect", "address", origin, {"with_secret": bool(secret)}, request_id)
    return asyncio.run(_detect(guard.egress(), address, secret))


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
    spec = checked_spec(document)
    used = credentials.checked_secret(secret) if secret else _stored(spec)
    try:
        endpoint = bind(spec, compile_adapter(spec), used or None)[0]
    except ValueError as error:
        raise Invalid("endpoint", str(error)) from error
    request = _request(spec, body) if body else None
    with transaction.atomic():
        audit.record(actor, "model.test", "model", spec.name, {"endpoint": endpoint.target.origin}, request_id)
    return without(asyncio.run(_exchange(guard.egress(), endpoint, request)), used)


def without(exchange: Exchange, secret: str) -> Exchange:
    """The exchange with every occurrence of `secret` in what the upstream said replaced; its failure has none."""
    if not secret:
        return exchange
    reply = exchange.reply
    if reply is not None:
        reply = replace(reply, body=_hidden(reply.body, secret))
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


async def _detect(egress: Egress, address: str, secret: str) -> Detection:
    client = Client(lambda: egress)
    try:
        return await detection.detect(client, address, secret or None)
    finally:
        await client.close()


async def _exchange(egress: Egress, endpoint: Upstream, request: Request | None) -> Exchange:
    client = Client(lambda: egress, Limits(body=ANSWER_BYTES))
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


def _stored(spec: Spec) -> str:
    if not spec.credential:
        return ""
    row = Credential.objects.filter(name=spec.credential).first()
    if row is None:
        raise Missing("credential", f"there is no credential named {spec.credential!r}")
    try:
        return credentials.reveal(row)
    except SecretError as error:
        raise Invalid("credential", str(error)) from error
