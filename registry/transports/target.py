"""Where bytes go, ready to be written: a parsed endpoint with the request head's unchanging part already in bytes."""

from dataclasses import dataclass, field

from controlplane.base.messages import Sentence
from registry.protocols.adapter import Wire


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed endpoint, the headers that never change and the query its auth adds. Headers and query hold secrets.

    `secret` is the credential itself: what an upstream repeats of it is masked. `origin` is scheme://host:port.
    """

    scheme: str
    host: str
    port: int
    base_path: str
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    query: bytes = field(default=b"", repr=False)
    secret: str = field(default="", repr=False)
    origin: str = field(init=False, repr=False, compare=False)
    pool_key: tuple[str, str, int] = field(init=False, repr=False, compare=False)
    _head: bytes = field(init=False, repr=False, compare=False)
    _typed: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the part of every request's head that stays the same."""
        default_port = 443 if self.scheme == "https" else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        object.__setattr__(self, "origin", f"{self.scheme}://{host}:{self.port}")
        if self.port != default_port:
            host = f"{host}:{self.port}"
        lines = [b"host: " + host.encode(), b"accept-encoding: identity", b"user-agent: patchbay"]
        lines.extend(name + b": " + value for name, value in self.headers)
        for line in lines:
            if b"\r" in line or b"\n" in line or b"\x00" in line:
                raise ValueError(
                    Sentence("a header for {origin} holds a line break; enter the credential again", origin=self.origin)
                )
        object.__setattr__(self, "pool_key", (self.scheme, self.host, self.port))
        object.__setattr__(self, "_head", b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n")
        object.__setattr__(self, "_typed", any(name.lower() == b"content-type" for name, _ in self.headers))

    def path(self, wire: Wire) -> bytes:
        """The request path and query for `wire`."""
        query = wire.query + (b"&" if wire.query and self.query else b"") + self.query
        path = (self.base_path + wire.path).encode()
        return path + b"?" + query if query else path

    def head(self, wire: Wire, extra: bytes = b"") -> bytes:
        """The head of the HTTP/1.1 request for `wire`. `extra` is complete header lines, each ending in CRLF."""
        path = (self.base_path + wire.path).encode() if not (wire.query or self.query) else self.path(wire)
        if wire.headers:
            extra += b"".join(name + b": " + value + b"\r\n" for name, value in wire.headers)
        if wire.body or wire.method != "GET":
            if not self._typed and b"content-type:" not in extra.lower():
                extra += b"content-type: application/json\r\n"
            extra += b"content-length: %d\r\n" % len(wire.body)
        return b"%b %b%b%b\r\n" % (wire.method.encode(), path, self._head, extra)
