"""Entries of the egress allow-list: what an admin may write, read in one place for the form and for the guard."""

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from controlplane.base.messages import Sentence

Address = IPv4Address | IPv6Address
HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
"""A DNS name in lower case."""
NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)")
"""A last label that makes a host an IPv4 address to resolvers, however odd (127.1, 0x7f000001)."""
MOST_CHARS = 253


@dataclass(frozen=True, slots=True)
class EgressRule:
    """One allow entry: `public`, a network, a host or a `*.domain`; `port` None means every port."""

    text: str
    kind: str
    host: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    def allows(self, host: str, port: int, address: Address) -> bool:
        """Whether this entry opens `address`, reached under the name `host`, at `port`."""
        if self.port is not None and self.port != port:
            return False
        if self.kind == "public":
            return address.is_global
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        if address.is_loopback and host != "localhost":
            return False
        return host.endswith(self.host) if self.kind == "domain" else host == self.host


def parse_rule(entry: str) -> EgressRule:
    """Read one allow entry. Raises ValueError that names the entry and the forms that are understood."""
    text = entry.strip().lower()
    network = _network(text)
    if network is not None:
        return EgressRule(text, "network", network=network)
    host, colon, port_text = text.rpartition(":")
    if not colon or not (port_text.isascii() and port_text.isdigit()):
        host, port_text = text, ""
    if port_text and not (len(port_text) <= 5 and 1 <= int(port_text) <= 65535):
        raise ValueError(
            Sentence(
                "egress entry {entry} has port {port_text}; expected 1 to 65535",
                entry=repr(entry[:80]),
                port_text=port_text[:20],
            )
        )
    port = int(port_text) if port_text else None
    if host == "public":
        return EgressRule(text, "public", port=port)
    network = _network(host.removeprefix("[").removesuffix("]"))
    if network is not None:
        return EgressRule(text, "network", network=network, port=port)
    bare = host.removeprefix("*.")
    if len(bare) > MOST_CHARS or not HOST.fullmatch(bare) or NUMERIC.fullmatch(bare.rstrip(".").rpartition(".")[2]):
        raise ValueError(
            Sentence(
                "egress entry {entry} is not understood; expected public, 10.0.0.0/8, 10.1.2.3:8000, host, "
                "host:port or *.domain",
                entry=repr(entry[:80]),
            )
        )
    name = bare.rstrip(".")
    if bare != host:
        return EgressRule(text, "domain", host=f".{name}", port=port)
    return EgressRule(text, "host", host=name, port=port)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
