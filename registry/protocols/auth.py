"""The kinds of authentication that need nothing but the secret."""

import base64
from urllib.parse import quote

from controlplane.base.messages import Sentence
from registry.protocols.adapter import AuthScheme
from registry.protocols.document import Auth
from registry.protocols.document import AuthKind as Kind

Authorization = tuple[tuple[tuple[bytes, bytes], ...], bytes]
MINTED = frozenset({Kind.OAUTH2, Kind.SIGV4, Kind.TC3, Kind.HMAC_URL, Kind.JWT})


class SecretInvalid(ValueError):
    """A secret that cannot travel in a header. The secret is not in the message."""


def authorization(auth: Auth) -> AuthScheme:
    """The function that turns a secret into headers and query. Raises KeyError for a kind that has to mint tokens."""

    def nothing(secret: str) -> Authorization:
        return (), b""

    def bearer(secret: str) -> Authorization:
        return header_pair("authorization", "Bearer ", secret), b""

    def header(secret: str) -> Authorization:
        return header_pair(auth.name, auth.prefix, secret), b""

    def query(secret: str) -> Authorization:
        return (), f"{quote(auth.name, safe='')}={quote(secret, safe='')}".encode() if secret else b""

    def basic(secret: str) -> Authorization:
        return header_pair("authorization", "Basic ", base64.b64encode(secret.encode()).decode() if secret else ""), b""

    kinds: dict[Kind, AuthScheme] = {
        Kind.NONE: nothing,
        Kind.BEARER: bearer,
        Kind.HEADER: header,
        Kind.QUERY: query,
        Kind.BASIC: basic,
    }
    return kinds[auth.kind]


def header_pair(name: str, prefix: str, secret: str) -> tuple[tuple[bytes, bytes], ...]:
    """One header, or none for an empty secret. Raises SecretInvalid for what a header cannot hold."""
    if not secret:
        return ()
    if not secret.isascii() or not secret.isprintable():
        raise SecretInvalid(
            Sentence("the secret holds characters that an HTTP header cannot carry; paste it again without line breaks")
        )
    return ((name.lower().encode(), f"{prefix}{secret}".encode()),)
