"""Secrets at rest: AES-256-GCM envelopes bound to their row and origin, and HMAC-SHA-256 of API keys. Pure."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.base.messages import Sentence

KEY_PREFIX = "pb-"
_NONCE = 12
_WRAPPED = 32 + 16


class SecretError(Exception):
    """A ciphertext that does not belong to this master key, row and origin."""


def seal(secret: str, master_key: bytes, bound_to: str) -> bytes:
    """Encrypt `secret` under a fresh data key that is itself encrypted by the 32-byte `master_key`.

    `bound_to` (row and origin) is authenticated: the same bytes elsewhere do not open.
    Layout: nonce 12 | wrapped data key 48 | nonce 12 | ciphertext.
    """
    data_key = secrets.token_bytes(32)
    outer, inner = secrets.token_bytes(_NONCE), secrets.token_bytes(_NONCE)
    aad = bound_to.encode()
    wrapped = AESGCM(master_key).encrypt(outer, data_key, aad)
    return outer + wrapped + inner + AESGCM(data_key).encrypt(inner, secret.encode(), aad)


def unseal(sealed: bytes, master_key: bytes, bound_to: str) -> str:
    """The secret inside `sealed`. Raises SecretError if key, row or origin differ or the bytes were altered."""
    aad = bound_to.encode()
    outer, wrapped = sealed[:_NONCE], sealed[_NONCE : _NONCE + _WRAPPED]
    rest = sealed[_NONCE + _WRAPPED :]
    try:
        data_key = AESGCM(master_key).decrypt(outer, wrapped, aad)
        return AESGCM(data_key).decrypt(rest[:_NONCE], rest[_NONCE:], aad).decode()
    except (InvalidTag, ValueError) as error:
        raise SecretError(
            Sentence(
                "the stored secret for {bound_to} does not open with this master key; enter it again",
                bound_to=repr(bound_to),
            )
        ) from error


def new_api_key() -> str:
    """A fresh API key with 192 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(24)


def key_hash(key: str, pepper: bytes) -> str:
    """HMAC-SHA-256 of an API key in hex: what is stored and looked up."""
    return hmac.new(pepper, key.encode(), hashlib.sha256).hexdigest()


def token_hash(token: str) -> str:
    """SHA-256 of a one-time token in hex."""
    return hashlib.sha256(token.encode()).hexdigest()
