"""The head of an HTTP/1.1 request: found in the bytes, bounded, read by llhttp, and held to one meaning.

llhttp (by httptools) refuses what can be read in two ways: a length twice or beside chunks, a folded line, a space
before a colon, a bare line feed, a control character (RFC 9112, sections 2.2, 5 and 6). The rest is refused here.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httptools

HEAD_BYTES = 32 * 1024
HEAD_LINES = 100
END = b"\r\n\r\n"
HeadLines = tuple[tuple[bytes, bytes], ...]


class RequestUnreadable(Exception):
    """A request that is refused before it has an address. `status` is what its sender is answered."""

    def __init__(self, status: int, words: str) -> None:
        self.status = status
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's head. Header names are lower case; `path` is percent-decoded, `target` is as it was sent.

    `length` is the body's, None if the body comes in chunks (`chunked`); a request without a body has length 0.
    """

    method: str
    target: bytes
    path: str
    version: str
    headers: HeadLines
    length: int | None
    keep_alive: bool
    expects_continue: bool = False
    upgrade: bool = False

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.length is None

    def header(self, wanted: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name."""
        return next((value for name, value in self.headers if name == wanted), None)


class _Taken:
    """What llhttp calls back with."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))


def head_end(data: bytes | bytearray, seen: int = 0) -> int:
    """Where the head at the start of `data` ends, the empty line included; -1 if more must come.

    The first `seen` bytes have been looked at before. Raises RequestUnreadable for a head that is too large, or that
    has a line which ends with a bare line feed.
    """
    at = data.find(END, max(0, seen - len(END) + 1), HEAD_BYTES)
    if at >= 0:
        return at + len(END)
    if len(data) >= HEAD_BYTES or data.count(b"\n", 0, HEAD_BYTES) > HEAD_LINES:
        raise _too_large()
    if data.count(b"\n") != data.count(b"\r\n"):
        raise RequestUnreadable(400, "A line of the request's head ends without a carriage return.")
    return -1


def read_head(data: bytes) -> RequestHead:
    """Read a whole head, its empty line included. Raises RequestUnreadable."""
    if data.count(b"\n") > HEAD_LINES + 2:
        raise _too_large()
    taken = _Taken()
    parser: Any = httptools.HttpRequestParser(taken)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError as error:
        raise RequestUnreadable(400, "The request's method is not known.") from error
    except httptools.HttpParserError as error:
        raise RequestUnreadable(400, f"This is no HTTP/1.1 request: {error}.") from error
    version = parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise RequestUnreadable(505, f"HTTP version {version} is not spoken here; use HTTP/1.1.")
    method = parser.get_method().decode("ascii")
    headers = tuple(taken.headers)
    return RequestHead(
        method,
        taken.target,
        _path(method, taken.target),
        version,
        headers,
        _length(headers, version),
        parser.should_keep_alive(),
        _one(headers, b"expect").lower() == b"100-continue" and version == "1.1",
        _upgrades(headers, version),
    )


def _path(method: str, target: bytes) -> str:
    """The decoded path of a request target: origin form, absolute form, or `*` of OPTIONS (RFC 9112, section 3.2)."""
    raw = target.partition(b"?")[0]
    if raw.startswith((b"http://", b"https://")):
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    if not raw.startswith(b"/") and not (raw == b"*" and method == "OPTIONS"):
        raise RequestUnreadable(400, "The request's target is no path.")
    return unquote(raw.decode("latin-1"))


def _length(headers: HeadLines, version: str) -> int | None:
    """The length of the body, None for chunks. Raises RequestUnreadable."""
    if sum(name == b"host" for name, _ in headers) != 1 and version == "1.1":
        raise RequestUnreadable(400, "A request of HTTP/1.1 has exactly one Host header.")
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    given = _one(headers, b"content-length")
    if codings:
        if version == "1.0" or [coding.lower() for coding in codings] != [b"chunked"]:
            raise RequestUnreadable(501, "The only Transfer-Encoding that is understood is chunked, in HTTP/1.1.")
        return None
    if given and (not given.isdigit() or len(given) > 15):
        raise RequestUnreadable(400, "Content-Length is no number of bytes.")
    return int(given) if given else 0


def _one(headers: HeadLines, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def _upgrades(headers: HeadLines, version: str) -> bool:
    """Whether the request asks for a websocket, the one upgrade that is known."""
    tokens = (part.strip() for name, value in headers if name == b"connection" for part in value.lower().split(b","))
    return version == "1.1" and _one(headers, b"upgrade").lower() == b"websocket" and b"upgrade" in set(tokens)


def _too_large() -> RequestUnreadable:
    return RequestUnreadable(431, f"The request's head is larger than {HEAD_BYTES} bytes or {HEAD_LINES} lines.")
