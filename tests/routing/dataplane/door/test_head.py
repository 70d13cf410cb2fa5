"""The head of a request has one meaning, or is refused."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.dataplane.door.head import HEAD_BYTES, HEAD_LINES, RequestHead, RequestUnreadable, head_end, read_head

HOST = b"Host: x\r\n"
REFUSED = {
    "bare line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "a second request behind bare line feeds": b"GET / HTTP/1.1\nHost: x\n\nGET /e HTTP/1.1\r\nHost: y\r\n\r\n",
    "one bare line feed": b"GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
    "a bare line feed before the end": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\n\r\n\r\n",
    "a bare carriage return in a value": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
    "two carriage returns": b"GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control character in a value": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n",
    "a space before a colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "a space in a name": b"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
    "a space before the first name": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n",
    "a name that is not ASCII": b"GET / HTTP/1.1\r\nHost: x\r\n\xc3\xa9: c\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a length twice": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "the same length twice": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n",
    "a length with a plus": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n",
    "a length below zero": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a length in hexadecimal": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\n",
    "a length with a space": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1 2\r\n\r\n",
    "a length behind a vertical tab": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \x0b5\r\n\r\n",
    "an empty length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n",
    "a length over 64 bits": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a length of 16 digits": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999999\r\n\r\n",
    "chunks beside a length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a length beside chunks": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "xchunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "chunks of gzip": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "gzip of chunks": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "chunked in quotes": b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "chunked"\r\n\r\n',
    "no coding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.10": b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "http in lower case": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "RTSP": b"OPTIONS * RTSP/1.0\r\nHost: x\r\n\r\n",
    "RTSP for a call": b"GET /v1/models RTSP/1.0\r\nHost: x\r\n\r\n",
    "ICE": b"SOURCE /x ICE/1.0\r\nHost: x\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two Hosts in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT to a path": b"CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT to an address": b"CONNECT http://x:80/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a target that is not ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a fragment": b"GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target with a space": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a target without a path": b"GET ?x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a star for GET": b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    "another scheme": b"GET ftp://x/y HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab for a space": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space at the end": b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    "a space at the beginning": b" GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method of one's own": b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n",
}


def read(data: bytes) -> RequestHead:
    end = head_end(data)
    assert end > 0
    return read_head(data[:end])


@pytest.mark.parametrize("shape", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(shape: str) -> None:
    with pytest.raises(RequestUnreadable) as refused:
        read(REFUSED[shape])
    assert refused.value.status in (400, 501, 505)
    assert refused.value.code.startswith(("invalid_http", "unsupported_"))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", "/"),
        (b"/v1/models?a=/b", "/v1/models"),
        (b"/%76%31/models", "/v1/models"),
        (b"//x/y", "//x/y"),
        (b"http://x/y?z", "/y"),
        (b"https://x", "/"),
        (b"http://x?z", "/"),
        (b"/%e4%b8%80", "/一"),
    ],
)
def test_a_target_is_a_decoded_path_and_travels_as_it_was_sent(target: bytes, path: str) -> None:
    head = read(b"GET %b HTTP/1.1\r\n%b\r\n" % (target, HOST))
    assert (head.path, head.target) == (path, target)


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "close", False),
        ("1.1", "Keep-Alive, CLOSE", False),
        ("1.1", "keep-alive", True),
        ("1.0", "", False),
        ("1.0", "keep-alive", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_a_connection_is_kept_as_its_caller_asks(version: str, connection: str, kept: bool) -> None:
    line = f"Connection: {connection}\r\n" if connection else ""
    for rest in ("", "Content-Length: 5\r\n"):
        head = read(f"POST / HTTP/{version}\r\nHost: x\r\n{line}{rest}\r\n".encode())
        assert head.keep_alive is kept


@pytest.mark.parametrize(
    ("lines", "websocket"),
    [
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", True),
        ("Connection: keep-alive, upgrade\r\nUpgrade: WebSocket\r\n", True),
        ("Upgrade: websocket\r\n", False),
        ("Connection: Upgrade\r\nUpgrade: h2c\r\n", False),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", False),
        ("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", False),
    ],
)
def test_only_a_websocket_and_nothing_else_is_an_upgrade(lines: str, websocket: bool) -> None:
    assert read(f"GET /live HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()).upgrade is websocket


def test_heads_up_to_the_bounds_are_read() -> None:
    wide = b"GET / HTTP/1.1\r\n%bA: " % HOST
    assert read(wide + b"a" * (HEAD_BYTES - len(wide) - 4) + b"\r\n\r\n").method == "GET"
    assert len(read(b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * (HEAD_LINES - 1) + b"\r\n").headers) == HEAD_LINES


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * HEAD_BYTES,
        b"GET /" + b"a" * HEAD_BYTES,
        b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * HEAD_LINES,
        b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * (HEAD_LINES + 1) + b"\r\n",
        b"A" * HEAD_BYTES,
    ],
    ids=["endless header", "endless target", "endless lines", "too many lines", "no line at all"],
)
def test_a_head_beyond_the_bounds_is_refused_before_it_ends(data: bytes) -> None:
    with pytest.raises(RequestUnreadable) as refused:
        read_head(data[: head_end(data)])
    assert (refused.value.status, refused.value.code) == (431, "head_too_large")


def test_the_end_of_a_head_is_found_wherever_the_bytes_are_cut() -> None:
    whole = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
    for cut in range(len(whole)):
        assert head_end(whole[:cut]) == -1
        assert head_end(whole + b"hello", seen=cut) == len(whole)


TOKEN = st.text("abcXYZ09-_!~", min_size=1, max_size=8)
VALUE = st.text(st.characters(min_codepoint=9, max_codepoint=255), max_size=12)
NAMES = st.one_of(
    TOKEN,
    st.sampled_from(["Content-Length", "Transfer-Encoding", "Connection", "Host", "Upgrade", "Expect", "X Y", "a\0"]),
)
VALUES = st.one_of(
    VALUE,
    st.sampled_from(["5", "05", "+5", "5, 5", "chunked", "Chunked", " chunked ", "close", "x\r\n y"]),
)
LINES = st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", " :", ":\t"]), VALUES), max_size=4)
ENDS = st.sampled_from(["\r\n"] * 6 + ["\n", "\r"])


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "get", "G\0"]),
    target=st.one_of(
        st.sampled_from(["/", "/v1/models?x=1", "*", "http://h/p", "//", "/%00", "/é", "/ x", ""]),
        st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=8).map("/".__add__),
    ),
    version=st.sampled_from(["HTTP/1.1"] * 5 + ["HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "RTSP/1.0"]),
    lines=LINES,
    end=ENDS,
    hosts=st.sampled_from([1, 1, 1, 0, 2]),
)
def test_what_h11_and_the_door_both_accept_means_the_same(
    method: str, target: str, version: str, lines: list[tuple[str, str, str]], end: str, hosts: int
) -> None:
    told = ["Host: h"] * hosts + [name + colon + value for name, colon, value in lines]
    data = (end.join([f"{method} {target} {version}", *told]) + "\r\n\r\n").encode("latin-1")
    ours, theirs = ours_of(data), theirs_of(data)
    if theirs is None or ours is None:
        assert ours is None or theirs is not None, f"h11 refuses what the door accepts: {data!r}"
        return
    assert ours.method.encode() == theirs.method
    assert ours.target == theirs.target
    assert ours.version.encode() == theirs.http_version
    assert list(ours.headers) == [(name, value) for name, value in theirs.headers] or ours.chunked


def ours_of(data: bytes) -> RequestHead | None:
    try:
        end = head_end(data)
        return read_head(data[:end]) if end == len(data) else None
    except RequestUnreadable:
        return None


def theirs_of(data: bytes) -> h11.Request | None:
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(data)
    try:
        event = peer.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None
