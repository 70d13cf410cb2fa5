"""From specs to upstreams ready to be called: one target for each endpoint."""

import re
from dataclasses import dataclass

from registry.addresses import VERSIONED
from registry.protocols.adapter import Adapter
from registry.spec import Spec
from registry.transports.egress import parse_endpoint
from registry.transports.target import Target

VERSION = re.compile(r"/v[0-9]+")


@dataclass(frozen=True, slots=True)
class Upstream:
    """One endpoint of one model with everything that a call to it needs."""

    spec: Spec
    adapter: Adapter
    target: Target


def bind(spec: Spec, adapter: Adapter, secret: str | None = None) -> tuple[Upstream, ...]:
    """The spec's endpoints, in order, with the adapter's headers and the credential's authorisation.

    Raises EndpointInvalid for an endpoint that is no plain address and ValueError for a secret that cannot be a header.
    """
    return tuple(Upstream(spec, adapter, target(endpoint, adapter, secret)) for endpoint in spec.endpoints)


def target(endpoint: str, adapter: Adapter, secret: str | None = None) -> Target:
    """Where calls to `endpoint` go: below the protocol's base path, or below a version that the endpoint itself names.

    So https://h, https://h/v1 and https://h/api/paas/v4 all serve a protocol whose base path is /v1.
    """
    parsed = parse_endpoint(endpoint)
    path = parsed.path
    versioned = VERSION.fullmatch(adapter.base_path) and VERSIONED.search(path)
    if not versioned and not path.endswith(adapter.base_path):
        path += adapter.base_path
    headers, query = adapter.headers, b""
    if secret:
        signed, query = adapter.authorize(secret)
        headers = (*headers, *signed)
    return Target(parsed.scheme, parsed.host, parsed.port, path, headers, query, secret or "")
