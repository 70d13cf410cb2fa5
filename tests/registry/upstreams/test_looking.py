"""One bounded look at an unknown upstream: its JSON, or in words what it is instead; never an exception."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.protocols.adapter import Wire
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.upstreams import looking
from registry.upstreams.looking import CAP_BYTES, Sight, at, look
from tests.registry.transports.faults import Peer, Script, serving

WIRE = Wire("GET", "/v1/models")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client that may call loopback."""
    guard = Egress(("127.0.0.0/8",))
    made = Client(lambda: guard)
    yield made
    await made.close()


async def seen(client: Client, script: Script) -> Sight:
    """What a look at a server shows."""
    async with serving(script) as server:
        return await look(client, server.target, WIRE)


def replying(body: bytes, head: bytes = b"") -> Script:
    """Answers one request."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.reply(body, head)

    return script


@pytest.mark.parametrize("value", [{"data": []}, [], "text", 7, None, {"a": {"b": [1]}}])
async def test_json_is_seen_whatever_its_label(client: Client, value: Any) -> None:
    sight = await seen(client, replying(json.dumps(value).encode(), b"content-type: text/html\r\n"))
    assert (sight.path, sight.status, sight.value, sight.trouble) == ("/v1/models", 200, value, "")
    assert sight.ms > 0


@pytest.mark.parametrize(
    ("body", "head", "trouble"),
    [
        (b"", b"", ""),
        (b"<!DOCTYPE html><p>", b"", "a web page, not JSON"),
        (b"  <html>", b"", "a web page, not JSON"),
        (b"hello", b"content-type: text/html; charset=x\r\n", "a web page, not JSON"),
        (b"hello", b"", "text that is no JSON: 'hello'"),
        (b"\xff\xfe", b"", "text that is no JSON: '\ufffd\ufffd'"),
        (b"x" * 1000, b"", "text that is no JSON: '" + "x" * 80 + "'"),
        (b"[" * 100_000, b"", "text that is no JSON: '" + "[" * 80 + "'"),
    ],
)
async def test_what_is_no_json_is_said_in_words(client: Client, body: bytes, head: bytes, trouble: str) -> None:
    sight = await seen(client, replying(body, head))
    assert (sight.status, sight.value, sight.trouble) == (200, None, trouble)


async def test_a_large_answer_is_left(client: Client) -> None:
    fits = await seen(client, replying(b'"' + b"x" * (CAP_BYTES - 2) + b'"'))
    larger = await seen(client, replying(b'"' + b"x" * (CAP_BYTES - 1) + b'"'))
    assert (len(fits.value), fits.trouble) == (CAP_BYTES - 2, "")
    assert (larger.value, larger.trouble) == (None, "sent more than 1 MiB, so it was left")


async def test_an_endless_trickle_ends_at_the_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "CAP_S", 0.3)

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await peer.send(b"1\r\n \r\n")
            await asyncio.sleep(0.01)

    sight = await seen(client, script)
    assert (sight.value, sight.trouble) == (None, "did not answer within 0.3 s")
    assert sight.ms < 3000


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"])
async def test_a_server_that_speaks_something_else_is_trouble_in_words(client: Client, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)

    sight = await seen(client, script)
    assert sight.value is None
    assert sight.trouble


async def test_an_address_that_is_not_allowed_is_not_looked_at(client: Client) -> None:
    strict = Egress(())
    guarded = Client(lambda: strict)
    async with serving(replying(b"{}")) as server:
        sight = await look(guarded, server.target, WIRE)
        assert server.accepted == 0
    await guarded.close()
    assert sight.status is None
    assert "refused" in sight.trouble


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"a": [{"b": 1}]}), ("a", [{"b": 1}]), ("a.0", {"b": 1}), ("a.0.b", 1), ("a.1", None), ("a.x", None),
        ("a.0.b.c", None), ("z", None), ("a.-1", None),
    ],
)  # fmt: skip
def test_where_a_dotted_path_leads(path: str, value: Any) -> None:
    assert at({"a": [{"b": 1}]}, path) == value


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab0", max_size=2), inner, max_size=3),
    ),
    st.text("ab0.٣", max_size=8),
)
def test_any_path_into_any_json_leads_somewhere_or_nowhere(value: Any, path: str) -> None:
    at(value, path)
