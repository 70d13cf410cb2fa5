"""Looking at an unknown upstream: one bounded request, its answer as data, and the finding in words."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from controlplane.base.messages import Sentence
from registry.canon import Failure
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.http import Client
from registry.transports.response import Response
from registry.transports.target import Target

CAP_S = 3.0
CAP_BYTES = 1024 * 1024
_TIMEOUTS = Timeouts(connect=CAP_S, first_byte=CAP_S, idle=CAP_S, total=CAP_S)


@dataclass(frozen=True, slots=True)
class Sight:
    """What one request showed. `value` is the answer's JSON, None if it is none; `trouble` says in words what is
    wrong.
    """

    path: str
    status: int | None
    ms: float
    value: Any = None
    trouble: str = ""


async def look(client: Client, target: Target, wire: Wire) -> Sight:
    """Send `wire` and read at most 1 MiB within 3 s. Never raises for what the upstream does."""
    begun = time.perf_counter()
    response: Response | None = None
    try:
        async with asyncio.timeout(CAP_S):
            response = await client.send(target, wire, _TIMEOUTS)
            body = await _body(response)
        value, trouble = (
            (None, Sentence("sent more than 1 MiB, so it was left")) if body is None else _read(body, response.headers)
        )
    except TimeoutError:
        value, trouble = None, Sentence("did not answer within {cap_s} s", cap_s=f"{CAP_S:g}")
    except Failure as failure:
        value, trouble = None, failure.message
    finally:
        if response is not None:
            response.close()
    return Sight(wire.path, response.status if response else None, _since(begun), value, trouble)


async def _body(response: Response) -> bytes | None:
    """The whole body, None if it is larger than 1 MiB. Raises Failure."""
    body = bytearray()
    while piece := await response.read_some():
        body += piece
        if len(body) > CAP_BYTES:
            return None
    return bytes(body)


def _since(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 1)


def _read(body: bytes, headers: Mapping[str, str]) -> tuple[Any, str]:
    """The JSON of a body, or what it is instead."""
    if not body:
        return None, ""
    try:
        return msgspec.json.decode(body), ""
    except (ValueError, RecursionError):
        pass
    start = body[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")) or "html" in headers.get("content-type", ""):
        return None, Sentence("a web page, not JSON")
    return None, Sentence("text that is no JSON: {value}", value=repr(body[:80].decode("utf-8", "replace")))


def at(value: Any, path: str) -> Any:
    """What a dotted `path` leads to in decoded JSON, None if it leads nowhere; numbers index lists, "" is the
    whole.
    """
    for step in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value
