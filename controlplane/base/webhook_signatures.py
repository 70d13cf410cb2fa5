"""Signatures of Standard Webhooks (https://www.standardwebhooks.com), for those that come in and those that go out."""

import base64
import binascii
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
KEY_BYTES = 32


def new_secret() -> str:
    """A fresh secret as the specification writes it: 24 to 64 random bytes in base64 after `whsec_`."""
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The key's bytes: base64 after `whsec_`, as Standard Webhooks writes them, or the text as it is."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()


def signature(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    """The symmetric signature, in base64 and without its version: HMAC-SHA-256 of `id.timestamp.body`."""
    signed = f"{message_id}.{stamp}.".encode("latin-1", "replace") + body
    return base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()
