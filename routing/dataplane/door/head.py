"""The head of an HTTP/1.1 request: found in the bytes, bounded, read by llhttp, and held to one meaning.

llhttp (by httptools) refuses what can be read in two ways: a length twice or beside chunks, a folded line, a space
before a colon, a bare line feed, a control character (RFC 9112, sections 2.2, 5 and 6). The rest is refused here: RTSP
and ICE, which llhttp reads too, a request line that can be split in two ways, CONNECT. Whether the connection is kept
is read from the headers, because llhttp forgets it with the end of a message.
"""

import re
from typing import Any, TypeVar
from urllib.parse import unquote

import httptools
from msgspec import Struct, field
from msgspec.structs import replace

HEAD_BYTES = 32 * 1024
HEAD_LINES = 100
KEPT_HEADS, KEPT_BYTES = 2048, 4096
LENGTH_DIGITS = 15
END = b"\r\n\r\n"
HeadLines = tuple[tuple[bytes, bytes], ...]
_VARYING = re.compile(rb"\r\n([Cc]ontent-[Ll]ength|[Xx]-[Rr]equest-[Ii][Dd]): ([!-~]{1,128})(?=\r\n)")
"""Lines whose values differ from call to call and mean nothing for the rest of a head."""


class RequestUnreadable(Exception):
    """A request that is refused before it has an address. `status` and `code` are what its sender is answered."""

    def __init__(self, status: int, words: str, code: str = "invalid_http") -> None:
        self.status, self.code = status, code
        super().__init__(words)


class RequestHead(Struct, frozen=True):
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
    memo: dict[str, Any] = field(default_factory=dict)
    """What those who read the same head again and again have worked out of it."""

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return self.length is None

    def header(self, wanted: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name."""
        return next((value for name, value in self.headers if name == wanted), None)


class Heads:
    """Heads that were read before: callers send the same ones again and again, but for a length and an id."""

    def __init__(self) -> None:
        self._known: dict[bytes, RequestHead] = {}
        self._alike: dict[tuple[bytes, ...], RequestHead] = {}

    def read(self, data: bytes) -> RequestHead:
        """`read_head`, or the same from what it returned before. Raises RequestUnreadable."""
        head = self._known.get(data)
        if head is not None:
            return head
        if len(data) > KEPT_BYTES:
            return read_head(data)
        parts = _VARYING.split(data)
        key = (*parts[::3], *parts[1::3])
        values = {name.lower(): value for name, value in zip(parts[1::3], parts[2::3], strict=True)}
        length = values.get(b"content-length", b"0")
        like = self._alike.get(key) if length.isdigit() and len(length) <= LENGTH_DIGITS else None
        if like is not None:
            return _filled_in(like, values)
        head = read_head(data)
        names = [name for name, _ in head.headers if name in values]
        if len(names) == len(values):
            _keep(self._alike, key, head)
        _keep(self._known, data, head)
        return head


Key = TypeVar("Key")


def _keep(heads: dict[Key, RequestHead], key: Key, head: RequestHead) -> None:
    if len(heads) >= KEPT_HEADS:
        heads.clear()
    heads[key] = head


def _filled_in(like: RequestHead, values: dict[bytes, bytes]) -> RequestHead:
    """A head that differs from another one only in the values of these lines, each there once."""
    headers = tuple([(name, values.get(name, value)) for name, value in like.headers])
    given = values.get(b"content-length")
    return replace(like, headers=headers, length=like.length if given is None else int(given), memo={})


class _Taken:
    """What llhttp calls back with."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))


def without_empty_lines(data: bytes) -> bytes:
    """What follows the empty lines that a caller may send before a request (RFC 9112, section 2.2)."""
    at = 0
    while data.startswith(b"\r\n", at):
        at += 2
    return data[at:]


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
        words = f"HTTP version {version} is not spoken here; use HTTP/1.1."
        raise RequestUnreadable(505, words, "unsupported_http_version")
    method = parser.get_method().decode("ascii")
    if not data.startswith(b"%b %b HTTP/%b\r\n" % (parser.get_method(), taken.target, version.encode())):
        raise RequestUnreadable(400, "The request line is not a method, a target and HTTP/1.1, parted by one space.")
    headers = tuple(taken.headers)
    connection = _tokens(headers)
    return RequestHead(
        method,
        taken.target,
        _path(method, taken.target),
        version,
        headers,
        _length(headers, version),
        b"close" not in connection and (version == "1.1" or b"keep-alive" in connection),
        _one(headers, b"expect").lower() == b"100-continue" and version == "1.1",
        version == "1.1" and b"upgrade" in connection and _all(headers, b"upgrade") == [b"websocket"],
    )


def _path(method: str, target: bytes) -> str:
    """The decoded path of a request target: origin form, absolute form, or `*` of OPTIONS (RFC 9112, section 3.2)."""
    raw = target.partition(b"?")[0]
    if raw.startswith((b"http://", b"https://")):
        raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
    if method == "CONNECT" or b"#" in target or (raw[:1] != b"/" and not (raw == b"*" and method == "OPTIONS")):
        raise RequestUnreadable(400, "The request's target is no path.")
    return unquote(raw.decode("latin-1"))


def _length(headers: HeadLines, version: str) -> int | None:
    """The length of the body, None for chunks. Raises RequestUnreadable."""
    hosts = len(_all(headers, b"host"))
    if hosts > 1 or (not hosts and version == "1.1"):
        raise RequestUnreadable(400, "A request of HTTP/1.1 has exactly one Host header.")
    codings = _all(headers, b"transfer-encoding")
    given = _one(headers, b"content-length")
    if codings:
        if version == "1.0" or codings != [b"chunked"]:
            words = "The only Transfer-Encoding that is understood is chunked, in HTTP/1.1."
            raise RequestUnreadable(501, words, "unsupported_transfer_encoding")
        return None
    if given and (not given.isdigit() or len(given) > LENGTH_DIGITS):
        raise RequestUnreadable(400, "Content-Length is no number of bytes.")
    return int(given) if given else 0


def _one(headers: HeadLines, wanted: bytes) -> bytes:
    return next((value for name, value in headers if name == wanted), b"")


def _all(headers: HeadLines, wanted: bytes) -> list[bytes]:
    """Every value of a header, in lower case."""
    return [value.lower() for name, value in headers if name == wanted]


def _tokens(headers: HeadLines) -> frozenset[bytes]:
    """What the Connection headers list."""
    return frozenset(part.strip() for value in _all(headers, b"connection") for part in value.split(b","))


def _too_large() -> RequestUnreadable:
    words = f"The request's head is larger than {HEAD_BYTES} bytes or {HEAD_LINES} lines."
    return RequestUnreadable(431, words, "head_too_large")
