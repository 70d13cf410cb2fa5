"""Bytes of a request: the line, the headers that never change, and what a call adds."""

import pytest

from registry.protocols.adapter import Wire
from registry.transports.target import Target


def target(**more: object) -> Target:
    """A target below /v1."""
    given = {"scheme": "http", "host": "h", "port": 80, "base_path": "/v1", **more}
    return Target(**given)  # type: ignore[arg-type]


def lines(request: bytes) -> list[bytes]:
    """A request's head, line by line."""
    return request.partition(b"\r\n\r\n")[0].split(b"\r\n")


@pytest.mark.parametrize(
    ("scheme", "host", "port", "header", "origin"),
    [
        ("http", "h", 80, b"host: h", "http://h:80"),
        ("https", "h", 443, b"host: h", "https://h:443"),
        ("http", "h", 443, b"host: h:443", "http://h:443"),
        ("https", "h", 8443, b"host: h:8443", "https://h:8443"),
        ("http", "::1", 80, b"host: [::1]", "http://[::1]:80"),
        ("http", "::1", 8000, b"host: [::1]:8000", "http://[::1]:8000"),
    ],
)
def test_the_host_is_named_as_the_address_names_it(
    scheme: str, host: str, port: int, header: bytes, origin: str
) -> None:
    made = target(scheme=scheme, host=host, port=port)
    assert lines(made.head(Wire("GET", "/models")))[1] == header
    assert made.origin == origin
    assert made.pool_key == (scheme, host, port)


def test_a_get_has_no_body_and_no_type() -> None:
    assert target().head(Wire("GET", "/models")) == (
        b"GET /v1/models HTTP/1.1\r\nhost: h\r\naccept-encoding: identity\r\nuser-agent: patchbay\r\n\r\n"
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_calls_say_how_long_their_body_is(method: str) -> None:
    head = lines(target().head(Wire(method, "/x")))
    assert head[-2:] == [b"content-type: application/json", b"content-length: 0"]
    assert lines(target().head(Wire("GET", "/x", b"{}")))[-1] == b"content-length: 2"


def test_a_type_is_told_once() -> None:
    own = target(headers=((b"Content-Type", b"text/x"),))
    assert own.head(Wire("POST", "/x", b"a")).lower().count(b"content-type") == 1
    extra = target().head(Wire("POST", "/x", b"a"), b"Content-Type: text/y\r\n")
    assert extra.lower().count(b"content-type") == 1
    wire = Wire("POST", "/x", b"a", headers=((b"content-type", b"text/z"),))
    assert target().head(wire).count(b"content-type: text/z") == 1
    assert target().head(wire).lower().count(b"content-type") == 1


@pytest.mark.parametrize(
    ("wire_query", "own_query", "path"),
    [
        (b"", b"", b"/v1/x"),
        (b"a=1", b"", b"/v1/x?a=1"),
        (b"", b"key=s", b"/v1/x?key=s"),
        (b"a=1", b"key=s", b"/v1/x?a=1&key=s"),
    ],
)
def test_the_query_of_the_call_comes_before_that_of_the_credential(
    wire_query: bytes, own_query: bytes, path: bytes
) -> None:
    made, wire = target(query=own_query), Wire("GET", "/x", query=wire_query)
    assert made.path(wire) == path
    assert lines(made.head(wire))[0] == b"GET " + path + b" HTTP/1.1"


def test_headers_of_target_wire_and_call_all_travel() -> None:
    made = target(headers=((b"authorization", b"Bearer s"),))
    head = lines(made.head(Wire("GET", "/x", headers=((b"x-wire", b"1"),)), b"x-extra: 2\r\n"))
    assert head[4:] == [b"authorization: Bearer s", b"x-extra: 2", b"x-wire: 1"]


@pytest.mark.parametrize("letter", [b"\r", b"\n", b"\x00"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_no_header_holds_a_line_break(letter: bytes, place: str) -> None:
    pair = (b"x" + letter, b"v") if place == "name" else (b"x", b"v" + letter + b"evil: 1")
    with pytest.raises(ValueError, match="holds a line break; enter the credential again") as caught:
        target(headers=(pair,))
    assert "evil" not in str(caught.value)


def test_secrets_do_not_show() -> None:
    made = target(headers=((b"authorization", b"sk-canary"),), query=b"key=sk-canary", secret="sk-canary")
    assert "canary" not in repr(made)
