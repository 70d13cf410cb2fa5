"""H3: an upstream that repeats its request does not hand our credential to callers, records or pages."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import Failure, FailureKind
from registry.transports.masking import MASKED, mask_failure, masked
from routing.dataplane.builder import Builder
from routing.dataplane.snapshot import Snapshot, StoredCredential
from tests.registry.transports.faults import Peer, Script, serving
from tests.routing.serving import gateway_for, model_row, snapshot
from tests.routing.upstreams import CHUNKED, chunk, event

SECRET = 'sk-canary-7/+"<9f2e4d'

Answer = Callable[[str], tuple[int, str, bytes]]


def error(words: str) -> bytes:
    return json.dumps({"error": {"message": words, "type": "invalid_request_error", "code": words[:90]}}).encode()


ANSWERS: dict[str, Answer] = {
    "its head in a 400": lambda head: (400, "application/json", error(f"cannot read {head}")),
    "its head in a 401": lambda head: (401, "application/json", error(f"wrong key: {head}")),
    "its head in a page of 500": lambda head: (500, "text/html", f"<pre>{head}</pre>".encode()),
    "its head in plain words": lambda head: (422, "text/plain", head.encode()),
    "an error with status 200": lambda head: (200, "application/json", error(head)),
    "no JSON": lambda head: (200, "application/json", b"{" + head.encode()),
    "no field choices": lambda head: (200, "application/json", json.dumps({"seen": head}).encode()),
    "the key after many words": lambda head: (400, "application/json", error("x" * 286 + SECRET)),
    "the key as a URL spells it": lambda head: (400, "application/json", error(quote(SECRET, safe=""))),
    "the key in Base64": lambda head: (400, "application/json", error(base64.b64encode(SECRET.encode()).decode())),
}


def repeating(answer: Answer) -> Script:
    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            status, kind, body = answer(request.partition(b"\r\n\r\n")[0].decode())
            head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
            await peer.send(head.encode() + body)

    return script


async def in_a_stream(peer: Peer) -> None:
    request = (await peer.request()).decode()
    await peer.send(CHUNKED + chunk(event("te")))
    await peer.send(chunk(b"data: " + error(f"lost: {request}") + b"\n\n") + b"0\r\n\r\n")


async def in_garbage_of_a_stream(peer: Peer) -> None:
    request = (await peer.request()).decode()
    await peer.send(CHUNKED + chunk(event("te")) + chunk(f"data: {request}\n\n".encode()) + b"0\r\n\r\n")


async def in_a_redirect(peer: Peer) -> None:
    await peer.request()
    await peer.send(f"HTTP/1.1 302 F\r\nlocation: /x?key={quote(SECRET)}\r\ncontent-length: 0\r\n\r\n".encode())


SCRIPTS: dict[str, Script] = {
    **{name: repeating(answer) for name, answer in ANSWERS.items()},
    "an event of a stream": in_a_stream,
    "garbage of a stream": in_garbage_of_a_stream,
    "a redirect": in_a_redirect,
}


def traces(text: str) -> list[str]:
    """Pieces of the credential of six characters that stand in `text`."""
    spelled = (SECRET, quote(SECRET, safe=""), json.dumps(SECRET)[1:-1], base64.b64encode(SECRET.encode()).decode())
    return [word[at : at + 6] for word in spelled for at in range(len(word) - 5) if word[at : at + 6] in text]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("told", SCRIPTS)
async def test_h3_what_an_upstream_repeats_of_our_credential_is_masked(told: str, stream: bool) -> None:
    async with serving(SCRIPTS[told]) as server, gateway_for([]) as g:
        row = with_credential(server.port)
        g.gateway.serve(Builder(lambda sealed: SECRET).build(row))
        async with g.http() as http:
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
            answer = await http.post("/v1/chat/completions", json=body)
        assert answer.status_code >= 400 or '"error"' in answer.text
        assert traces(answer.text) == []
        assert traces(str(answer.headers)) == []
        (recorded,) = await g.records(1)
        assert recorded["message"]
        assert traces(json.dumps(recorded)) == []
        assert traces(recorded["message"]) == []


def with_credential(port: int) -> Snapshot:
    """Rows of one model, called with a credential."""
    model = msgspec.structs.replace(model_row("m", port), credential_id=5)
    credential = StoredCredential(5, "c", f"http://127.0.0.1:{port}", "credential 5", b"")
    return msgspec.structs.replace(snapshot([model]), credentials=(credential,))


@given(st.text(min_size=8, max_size=60), st.text(max_size=40), st.text(max_size=40), st.data())
def test_h3_no_cut_of_the_words_leaves_a_piece(secret: str, before: str, after: str, data: st.DataObject) -> None:
    text = f"{before}{secret}{after}"
    cut = text[: data.draw(st.integers(0, len(text)))]
    assert secret[:8] not in masked(cut, secret) or secret[:8] in MASKED


def test_h3_every_field_of_a_failure_is_masked() -> None:
    failure = Failure(
        FailureKind.UPSTREAM_REFUSED, f"a {SECRET}", parameter=SECRET, code=SECRET, upstream_words=f"{SECRET} b",
        detail={"offer": SECRET, "count": 3},
    )  # fmt: skip
    mask_failure(failure, SECRET)
    assert (failure.message, failure.parameter, failure.code) == ("a ***", "***", "***")
    assert (failure.upstream_words, failure.detail) == ("*** b", {"offer": "***", "count": 3})
