"""Base addresses of upstreams: people paste the address of a call, whose path is taken off; one rule for every door."""

import re
from collections.abc import Iterator
from functools import cache

from registry.protocols.compiler.catalog import PROTOCOLS
from registry.protocols.document import Document

VERSION = r"/v[0-9]+[a-z0-9]*(?:/openai)?"
"""A version in an endpoint's path, which takes the place of a protocol's own."""
VERSIONED = re.compile(rf"{VERSION}$")


def base_of(url: str, protocol: str = "") -> str:
    """`url` without a call's path and slashes at its end: any call of `protocol` and those of others that cannot be
    taken for a folder; without `protocol` any call. A version that is no protocol's own stays, as in /api/paas/v4.
    """
    head, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    path = re.sub(r"/{2,}", "/", slash + path).rstrip("/")
    calls = _calls(protocol)
    while found := calls.search(path):
        path = path[: found.start()] + (found["version"] or "")
    return head + mark + host + path


@cache
def _calls(protocol: str) -> re.Pattern[str]:
    """What the path of a call ends with."""
    known = [PROTOCOLS[protocol]] if protocol else list(PROTOCOLS.values())
    own = [path for document in known for path in _paths(document)]
    others = [path for document in PROTOCOLS.values() for path in _paths(document) if path.count("/") > 1]
    below = [
        path.removeprefix(document.base_path)
        for document in known
        if re.fullmatch(VERSION, document.base_path)
        for path in _paths(document)
    ]
    alone = [path for path in below if path.count("/") > 1]
    ends = "|".join(map(_pattern, sorted({*own, *others, *alone}, key=len, reverse=True)))
    versioned = "|".join(map(_pattern, sorted({*below}))) or "(?!)"
    return re.compile(f"(?:{ends}|(?P<version>{VERSION})(?:{versioned}))$")


def _paths(document: Document) -> Iterator[str]:
    for operation in document.operations.values():
        yield operation.path
        yield operation.stream_path or operation.path
    for probe in document.detection:
        yield probe.path


def _pattern(path: str) -> str:
    """`path` as a regular expression; the name of a model is one segment, perhaps with its version."""
    return re.escape(path).replace(re.escape("{model}"), "[^/]+(?:/versions/[^/]+)?")
