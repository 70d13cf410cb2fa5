"""The egress guard: which addresses upstream calls may go to.

An address is parsed once, resolved, and every resolved IP is checked against an allow-list that an admin owns and a
deny-list that nobody can open (cloud metadata, link-local, multicast, our own stores). The checked IP is connected to.
"""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from controlplane.base.egress_rules import HOST, NUMERIC, Address, EgressRule, parse_rule
from controlplane.base.messages import Sentence

DENIED = {
    "169.254.0.0/16": Sentence("link-local and cloud metadata"),
    "100.100.100.200/32": Sentence("cloud metadata"),
    "0.0.0.0/8": Sentence("this network"),
    "224.0.0.0/4": Sentence("multicast"),
    "240.0.0.0/4": Sentence("reserved and broadcast"),
    "fd00:ec2::254/128": Sentence("cloud metadata"),
    "fe80::/10": Sentence("link-local"),
    "ff00::/8": Sentence("multicast"),
    "::/128": Sentence("unspecified"),
}
NOT_ALLOWED = Sentence(
    "{where}:{port} is refused: no allow entry covers it."
    " An admin can add it under Settings > Egress, for example {entry}"
)
_DENIED = tuple((ipaddress.ip_network(network), why) for network, why in DENIED.items())
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")


class EndpointInvalid(ValueError):
    """An endpoint that is not a plain http or https address. The message names it and what is expected."""


class EgressRefused(Exception):
    """An address that upstream calls may not go to. The message names host, address, rule and the way out.

    `entry` is the allow entry that would open it; empty if nothing can.
    """

    def __init__(self, message: str, entry: str = "") -> None:
        self.entry = entry
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class ParsedEndpoint:
    """A parsed endpoint. `host` is lower case, an IPv6 address without brackets; `path` has no trailing slash."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """scheme://host:port, the thing that a credential is bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@lru_cache(4096)
def parse_endpoint(url: str) -> ParsedEndpoint:
    """Read `http(s)://host[:port][/path]`. Raises EndpointInvalid for all else (user info, query, odd IPs)."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise EndpointInvalid(
            Sentence("an endpoint may not hold a user name or password; store the secret as a credential")
        )
    shown = repr(url[:200])
    if not url.isascii() or any(char <= " " or char in '\\"<>^`{|}\x7f' for char in url):
        raise EndpointInvalid(
            Sentence(
                "endpoint {shown} holds a space, control or non-ASCII character; write the host in punycode",
                shown=shown,
            )
        )
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".")
    except ValueError as error:
        raise EndpointInvalid(Sentence("endpoint {shown} cannot be read: {error}", shown=shown, error=error)) from error
    if parts.scheme not in ("http", "https"):
        raise EndpointInvalid(Sentence("endpoint {shown} must start with http:// or https://", shown=shown))
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise EndpointInvalid(
            Sentence("endpoint {shown} may not hold a query or fragment; give scheme, host, port and path", shown=shown)
        )
    if port == 0:
        raise EndpointInvalid(Sentence("endpoint {shown} has port 0; expected 1 to 65535", shown=shown))
    if not _PATH.fullmatch(parts.path) or "/../" in f"{parts.path}/" or "/./" in f"{parts.path}/":
        raise EndpointInvalid(
            Sentence("the path of endpoint {shown} holds a character or step that is not plain", shown=shown)
        )
    return ParsedEndpoint(parts.scheme, _host(host, shown), port or _default_port(parts.scheme), parts.path.rstrip("/"))


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _host(host: str, shown: str) -> str:
    """`host` if it is a DNS name or a canonical IP address. Raises EndpointInvalid for 127.1 and its kin."""
    if ":" in host:
        try:
            return str(IPv6Address(host)) if "%" not in host else _refuse_zone(shown)
        except ValueError as error:
            raise EndpointInvalid(
                Sentence("endpoint {shown} holds no valid IPv6 address: {error}", shown=shown, error=error)
            ) from error
    if NUMERIC.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except ValueError as error:
            raise EndpointInvalid(
                Sentence("endpoint {shown}: write the IPv4 address as four decimal numbers", shown=shown)
            ) from error
    if len(host) > 253 or not HOST.fullmatch(host):
        raise EndpointInvalid(
            Sentence("endpoint {shown} has no valid host; expected a DNS name or an IP address", shown=shown)
        )
    return host


def _refuse_zone(shown: str) -> str:
    raise EndpointInvalid(
        Sentence("endpoint {shown} names a network zone; link-local addresses are not allowed", shown=shown)
    )


def unwrap(address: Address) -> Address:
    """The IPv4 address inside an IPv4-mapped, IPv4-compatible, NAT64 or 6to4 form; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is not None:
        return inner
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 0xFFFF):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def opening(host: str, port: int, address: Address) -> str:
    """The narrowest allow entry that opens `address` at `port`, reached as `host`: by name if names may open it."""
    named = host != str(address) and ":" not in host and not NUMERIC.fullmatch(host.rpartition(".")[2])
    if named and (host == "localhost" or not address.is_loopback):
        return f"{host}:{port}"
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Egress:
    """The guard for one allow-list. `own` holds (ip, port) of our own stores and console, which are never reachable."""

    allow: tuple[str, ...]
    own: frozenset[tuple[str, int]] = frozenset()
    rules: tuple[EgressRule, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Read the allow entries once."""
        object.__setattr__(self, "rules", tuple(parse_rule(entry) for entry in self.allow))

    def check(self, host: str, port: int, ip: str) -> None:
        """Raise EgressRefused unless `ip`, which `host` resolved to, may be reached at `port`."""
        address = unwrap(ipaddress.ip_address(ip.partition("%")[0]))
        where = host if host == ip else f"{host} ({ip})"
        for network, why in _DENIED:
            if address.version == network.version and address in network:
                raise EgressRefused(
                    Sentence(
                        "{where}:{port} is refused: {network} ({why}) can never be reached",
                        where=where,
                        port=str(port),
                        network=str(network),
                        why=why,
                    )
                )
        for own_ip, own_port in self.own:
            own = ipaddress.ip_address(own_ip)
            if port == own_port and (address == own or (address.is_loopback and own.is_loopback)):
                raise EgressRefused(
                    Sentence(
                        "{where}:{port} is refused: it is one of Patchbay's own services", where=where, port=str(port)
                    )
                )
        if not any(rule.allows(host, port, address) for rule in self.rules):
            entry = opening(host, port, address)
            raise EgressRefused(NOT_ALLOWED.given(where=where, port=str(port), entry=entry), entry)

    async def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Every IP of `host`, all of them checked. Raises EgressRefused, or OSError if the name does not resolve."""
        addresses = await self._look_up(host, port)
        for ip in addresses:
            self.check(host, port, ip)
        return addresses

    async def _look_up(self, host: str, port: int) -> tuple[str, ...]:
        try:
            return (str(ipaddress.ip_address(host)),)
        except ValueError:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
