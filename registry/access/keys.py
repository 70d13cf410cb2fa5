"""Callers' API keys as they arrive in a request."""

import hmac

LONGEST = 200


def bearer(authorization: bytes) -> bytes | None:
    """The key in an `Authorization: Bearer …` header; None if there is none or it cannot be a key."""
    scheme, _, key = authorization.partition(b" ")
    key = key.strip()
    if scheme.lower() != b"bearer" or not key or len(key) > LONGEST or not key.isascii():
        return None
    return key


def digest(key: bytes, pepper: bytes) -> str:
    """HMAC-SHA-256 of a key in hex, the form in which keys are stored and looked up."""
    return hmac.digest(pepper, key, "sha256").hex()
