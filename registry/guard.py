"""The egress guard of this installation: the admin's allow-list, and our own services that are never reachable."""

import functools
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from controlplane.base import config
from registry.transports.egress import Egress


def egress() -> Egress:
    """The guard in force now. One query."""
    return Egress(config.egress_allow(), own_services())


@functools.cache
def own_services() -> frozenset[tuple[str, int]]:
    """(ip, port) of PostgreSQL, Redis and the console."""
    database: dict[str, Any] = settings.DATABASES["default"]
    redis = urlsplit(settings.REDIS_URL)
    named = [
        (str(database["HOST"] or "127.0.0.1"), int(database["PORT"] or 5432)),
        (redis.hostname or "127.0.0.1", redis.port or 6379),
        ("127.0.0.1", settings.PORT),
    ]
    return frozenset((ip, port) for host, port in named for ip in _addresses(host, port))


def _addresses(host: str, port: int) -> tuple[str, ...]:
    if host.startswith("/"):
        return ()
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple({str(entry[4][0]).partition("%")[0] for entry in found})
