"""Errors on request: every way in which a real upstream fails, so that it can be met in practice first.

A fault is asked for by the header `x-practice-fault: NAME`, by the text `[practice fault=NAME]` anywhere in the
request's body, or, for every call of an address, by a suffix of its path: /m/7~NAME.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import chain, islice, repeat

from registry.emulators.wire import ServedWire, WireAnswer, WireCall

MARK = b"[practice fault="
CUT_AFTER = 6
SLOW_S = 2.0
BOMB_BYTES = 64 * 1024 * 1024
_WORDS = "The practice fleet was asked to fail this call"


def asked(call: WireCall, suffix: str) -> str:
    """The fault that a call asks for, empty for none; unknown names are none."""
    name = suffix or call.headers.get("x-practice-fault", "")
    if not name and MARK in call.body:
        start = call.body.index(MARK) + len(MARK)
        name = call.body[start : start + 32].split(b"]", 1)[0].decode("latin-1")
    return name if name in FAULTS else ""


def spoil(name: str, answer: WireAnswer, wire: ServedWire) -> WireAnswer:
    """`answer` as it looks under the fault `name`."""
    return FAULTS[name](answer, wire)


def _status(status: int, words: str) -> Callable[[WireAnswer, ServedWire], WireAnswer]:
    return lambda answer, wire: replace(wire.refusal(status, words), tokens=answer.tokens)


def _truncated(answer: WireAnswer, wire: ServedWire) -> WireAnswer:
    """A stream that stops after six frames, or half a body under the whole one's Content-Length."""
    if answer.frames is not None:
        return replace(answer, frames=islice(answer.frames, CUT_AFTER), cut=True)
    return replace(answer, body=answer.body[: len(answer.body) // 2], length=len(answer.body))


def _midstream(answer: WireAnswer, wire: ServedWire) -> WireAnswer:
    """The wire's own error event after six frames of HTTP 200."""
    if answer.frames is None:
        return wire.refusal(500, _WORDS)
    return replace(answer, frames=chain(islice(answer.frames, CUT_AFTER), (wire.stream_error(_WORDS),)))


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(BOMB_BYTES), 6)


def _page(answer: WireAnswer, wire: ServedWire) -> WireAnswer:
    return WireAnswer(b"<!doctype html><html><body><h1>Sign in</h1></body></html>", content_type="text/html")


def _endless(answer: WireAnswer, wire: ServedWire) -> WireAnswer:
    frames: Iterator[bytes] = repeat(b" " * 65536)
    return replace(answer, frames=frames, body=b"", tokens=None)


FAULTS: Mapping[str, Callable[[WireAnswer, ServedWire], WireAnswer]] = {
    "400": _status(400, f"{_WORDS} as a bad request"),
    "401": _status(401, f"{_WORDS} with 401: this key is not known"),
    "404": _status(404, f"{_WORDS} with 404"),
    "429": _status(429, f"{_WORDS} with 429: slow down"),
    "500": _status(500, f"{_WORDS} with 500"),
    "503": _status(503, f"{_WORDS} with 503: overloaded"),
    "errorbody": lambda answer, wire: replace(wire.refusal(500, _WORDS), status=200),
    "hang": lambda answer, wire: replace(answer, hold=None),
    "slow": lambda answer, wire: replace(answer, hold=SLOW_S),
    "reset": lambda answer, wire: replace(answer, reset=True),
    "truncate": _truncated,
    "midstream": _midstream,
    "wronglength": lambda answer, wire: WireAnswer(answer.body or b"{}", length=len(answer.body) + 100),
    "shortlength": lambda answer, wire: WireAnswer(answer.body or b'{"a": 1}', length=len(answer.body) // 2 + 1),
    "garbage": lambda answer, wire: WireAnswer(b'{"choices": [{"message": \xff\xfe', content_type=answer.content_type),
    "wrongjson": lambda answer, wire: WireAnswer(b'{"weather": "fine"}'),
    "empty": lambda answer, wire: WireAnswer(b""),
    "html200": _page,
    "redirect": lambda answer, wire: WireAnswer(
        b"", 302, headers=(("location", "http://169.254.169.254/latest/meta-data/"),)
    ),
    "gzipbomb": lambda answer, wire: WireAnswer(_bomb(), headers=(("content-encoding", "gzip"),)),
    "bigheader": lambda answer, wire: replace(answer, headers=(("x-filler", "a" * 300_000),)),
    "endless": _endless,
}
