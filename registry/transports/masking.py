"""Keeps a credential out of what an upstream said: some servers repeat the request that they refuse."""

import base64
import html
from functools import partial
from urllib.parse import quote

from msgspec.json import encode

from controlplane.base.messages import mapped
from registry.canon import Failure

MASKED = "***"
SHORTEST_SECRET = 4
PIECE = 8


def masked(text: str, secret: str) -> str:
    """`text` without `secret`, whole or cut short, also as a URL, JSON, HTML or Basic authorisation spells it.

    Upstreams and we cut words anywhere, so the first eight characters are taken for the secret.
    """
    if len(secret) < SHORTEST_SECRET:
        return text
    spellings = _spellings(secret)
    kept, begun = [], 0
    while places := [(at, spelling) for spelling in spellings if (at := text.find(spelling[:PIECE], begun)) >= 0]:
        first = min(at for at, _ in places)
        length = max(_matching(text, at, spelling) for at, spelling in places if at == first)
        kept += [text[begun:first], MASKED]
        begun = first + length
    return "".join(kept) + text[begun:] if kept else text


def mask_failure(failure: Failure, secret: str) -> None:
    """Take `secret` out of everything that a failure tells."""
    failure.message = mapped(failure.message, partial(masked, secret=secret))
    failure.upstream_words = masked(failure.upstream_words, secret)
    failure.code = failure.code and masked(failure.code, secret)
    failure.parameter = failure.parameter and masked(failure.parameter, secret)
    failure.detail = {
        name: masked(value, secret) if isinstance(value, str) else value for name, value in failure.detail.items()
    }


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        quote(secret),
        quote(secret, safe=""),
        encode(secret).decode()[1:-1],
        html.escape(secret),
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(f":{secret}".encode()).decode(),
    }


def _matching(text: str, at: int, spelling: str) -> int:
    """How many characters of `spelling` stand in `text` at `at`."""
    length = 0
    while length < len(spelling) and text[at + length : at + length + 1] == spelling[length]:
        length += 1
    return length
