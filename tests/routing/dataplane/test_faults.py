"""Calls while upstreams fail: failover before the first byte, an honest end after it, callers that leave."""

import asyncio
import json
import time
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.registry.transports.faults import FaultServer, Peer, Script, serving
from tests.routing.serving import Running, gateway_for, model_row
from tests.routing.upstreams import CHUNKED, DONE, JSON, answering, chunk, completion, event, failing, streaming

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
BODY = {"model": "m", "messages": MESSAGES}
QUICK: dict[str, Any] = {"timeouts": {"connect": 0.5, "first_byte": 0.5, "idle": 0.5, "total": 3}}


async def hang(peer: Peer) -> None:
    await peer.request()
    await peer.reader.read()
    raise ConnectionResetError


def raw(answer: bytes, *, close: bool = True) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        if not close:
            await peer.reader.read()

    return script


async def post(g: Running, **extra: object) -> httpx.Response:
    async with g.http() as http:
        return await http.post("/v1/chat/completions", json={**BODY, **extra})


HTML = b"<html><body>Welcome</body></html>"
BAD_ANSWERS: dict[str, Script | None] = {
    "refused": None,
    "500": failing(500),
    "503": failing(503, b"upstream down"),
    "429": failing(429),
    "reset": lambda peer: _reset(peer),
    "truncated": raw(b"HTTP/1.1 200 OK\r\n" + JSON + b"content-length: 999\r\n\r\n{"),
    "garbage": raw(b"HTTP/1.1 200 OK\r\n" + JSON + b"content-length: 3\r\n\r\n{{{"),
    "html": raw(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%b" % (len(HTML), HTML)),
    "error in 200": raw(b"HTTP/1.1 200 OK\r\n" + JSON + b'content-length: 27\r\n\r\n{"error":{"message":"nope"}}'[:-1]),
    "not utf-8": raw(b"HTTP/1.1 200 OK\r\n" + JSON + b'content-length: 13\r\n\r\n{"choices":"\xff'),
    "redirect": raw(b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"),
    "hang": hang,
}


async def _reset(peer: Peer) -> None:
    await peer.request()
    peer.reset()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", BAD_ANSWERS)
async def test_a_fault_before_the_first_byte_is_an_error_never_a_success(fault: str, stream: bool) -> None:
    async with serving(BAD_ANSWERS[fault] or hang) as bad:
        port = 9 if BAD_ANSWERS[fault] is None else bad.port
        async with gateway_for([model_row("m", port, **QUICK)]) as g:
            answer = await post(g, stream=stream)
            assert answer.status_code in (429, 502, 504), answer.text
            assert answer.headers["content-type"] == "application/json"
            assert answer.json()["error"]["message"]
            (record,) = await g.records()
            assert (record["status"], bool(record["failure"])) == (answer.status_code, True)


@pytest.mark.parametrize("status", [400, 401, 402, 404, 409, 413, 422, 429, 500, 529])
async def test_every_failure_of_an_upstream_names_the_model(status: int) -> None:
    async with serving(failing(status)) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        answer = await post(g)
        assert answer.json()["error"]["message"] == "Model 'm': the upstream says: boom"
        (record,) = await g.records()
        assert record["message"].startswith("Model 'm': ")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [name for name in BAD_ANSWERS if name != "redirect"])
async def test_another_replica_answers_instead(fault: str, stream: bool) -> None:
    good_script = streaming(event("hello", "stop"), DONE) if stream else answering()
    async with serving(BAD_ANSWERS[fault] or hang) as bad, serving(good_script) as good:
        port = 9 if BAD_ANSWERS[fault] is None else bad.port
        async with gateway_for([model_row("m", port, good.port, **QUICK)]) as g:
            for _ in range(4):
                answer = await post(g, stream=stream)
                assert answer.status_code == 200, answer.text
                assert "hello" in answer.text
            assert max(record["attempts"] for record in await g.records(4)) == 2


async def test_a_replica_that_keeps_failing_is_left_alone() -> None:
    calls = 0

    async def bad(peer: Peer) -> None:
        nonlocal calls
        while True:
            await peer.request()
            calls += 1
            await peer.send(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")

    async with (
        serving(bad) as broken,
        serving(answering()) as good,
        gateway_for([model_row("m", broken.port, good.port)]) as g,
    ):
        for _ in range(30):
            assert (await post(g)).status_code == 200
        assert calls == 5
        assert len(g.breakers.open()) == 1


async def test_retries_do_not_feed_an_outage() -> None:
    calls = 0

    async def bad(peer: Peer) -> None:
        nonlocal calls
        while True:
            await peer.request()
            calls += 1
            await peer.send(b"HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n")

    async with serving(bad) as one:
        endpoints = [f"http://127.0.0.1:{one.port}/{number}" for number in range(4)]
        async with gateway_for([model_row("m", endpoint=endpoints)]) as g, g.http() as http:
            for _ in range(100):
                assert (await http.post("/v1/chat/completions", json=BODY)).status_code == 502
    assert calls <= 100 * 1.2 + 10


STREAM_ENDS = {
    "no end mark": streaming(event("hel"), event("lo")),
    "cut": streaming(event("hel"), end=b""),
    "silence": None,
    "garbage": streaming(event("hel"), b"<html>\n\n", DONE),
    "no JSON": streaming(event("hel"), b"data: Internal Server Error\n\n", event("", "stop"), DONE),
    "error event": streaming(event("hel"), b'data: {"error":{"message":"GPU on fire"}}\n\n'),
}


@pytest.mark.parametrize("fault", STREAM_ENDS)
async def test_after_the_first_byte_a_fault_is_an_error_event_without_done(fault: str) -> None:
    async def silence(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(event("hel")))
        await peer.reader.read()

    script = STREAM_ENDS[fault] or silence
    async with (
        serving(script) as bad,
        serving(script) as spare,
        gateway_for([model_row("m", bad.port, spare.port, **QUICK)]) as g,
    ):
        answer = await post(g, stream=True)
        lines = [line for line in answer.text.split("\n\n") if line]
        assert answer.status_code == 200
        assert "data: [DONE]" not in lines
        assert json.loads(lines[-1].removeprefix("data: "))["error"]["message"]
        assert "hel" in lines[0]
        assert bad.accepted + spare.accepted == 1
        (record,) = await g.records()
        assert record["failure"].startswith("upstream_")
        assert record["status"] >= 500
        assert record["usage_basis"] == "partial"
        stream = await g.sdk().chat.completions.create(model="m", messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError):
            [chunk async for chunk in stream]


@pytest.mark.parametrize("keep_alive", [b": connected\n\n", b"data: : ping\n\n", b"event: ping\ndata: {}\n\n"])
async def test_early_keep_alives_do_not_begin_an_answer_and_later_ones_reach_the_caller(
    keep_alive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_later = streaming(keep_alive, b'data: {"error":{"message":"GPU on fire"}}\n\n')
    good_script = streaming(keep_alive, event("hello", "stop"), DONE)
    async with (
        serving(failing_later) as bad,
        serving(good_script) as good,
        gateway_for([model_row("m", bad.port, good.port, **QUICK), model_row("n", bad.port, **QUICK)]) as g,
    ):
        for _ in range(3):
            answer = await post(g, stream=True)
            assert (answer.status_code, "hello" in answer.text) == (200, True)
        alone = await post(g, stream=True, model="n")
        assert (alone.status_code, "GPU on fire" in alone.text) == (502, True)
        monkeypatch.setattr("routing.dataplane.forwarding.COMMENTS_AFTER_MS", 0.0)
        late = await post(g, stream=True, model="n")
        assert (late.status_code, late.text[:1]) == (200, ":")


async def leave(g: Running, upstream: FaultServer, stream: bool, after_bytes: bool) -> float:
    """Call, wait until the upstream has it (and perhaps a first byte came), leave; seconds until the upstream knows."""
    reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
    body = json.dumps({**BODY, "stream": stream}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer pb-test-key\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
    if after_bytes:
        await reader.readuntil(b"hel")
    while not upstream.accepted:
        await asyncio.sleep(0.01)
    begun = time.monotonic()
    writer.transport.abort()
    await asyncio.wait_for(upstream.left.wait(), 20)
    return time.monotonic() - begun


@pytest.mark.parametrize(("stream", "after_bytes"), [(False, False), (True, False), (True, True)])
async def test_a_caller_that_leaves_frees_the_upstream_within_a_second(stream: bool, after_bytes: bool) -> None:
    async def slow(peer: Peer) -> None:
        await peer.request()
        if after_bytes:
            await peer.send(CHUNKED + chunk(event("hel")))
        await peer.reader.read()
        raise ConnectionResetError

    async with serving(slow) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        assert await leave(g, upstream, stream, after_bytes) < 1.0
        (record,) = await g.records()
        assert (record["status"], record["failure"], record["usage_basis"]) == (499, "cancelled", "partial")
        assert record["completion_tokens"] == (1 if after_bytes else 0)
        assert g.breakers.open() == ()
        assert g.client.connections == 0


async def test_a_slow_reader_holds_back_the_upstream_and_memory_stays_small() -> None:
    written = 0

    async def fast(peer: Peer) -> None:
        nonlocal written
        await peer.request()
        await peer.send(CHUNKED)
        piece = chunk(event("x" * 30_000))
        while True:
            await peer.send(piece)
            written += len(piece)

    async with serving(fast) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port, limit=4096)
        body = json.dumps({**BODY, "stream": True}).encode()
        head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer pb-test-key\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await reader.readuntil(b"data: ")
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.3)
        assert written < 40_000_000
        writer.transport.abort()
        await asyncio.wait_for(upstream.left.wait(), 20)


async def test_one_write_per_read_and_the_first_token_is_not_held_back() -> None:
    gate = asyncio.Event()

    async def gated(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(event("first")))
        await gate.wait()
        await peer.send(chunk(event("second", "stop")) + chunk(DONE) + b"0\r\n\r\n")
        await peer.reader.read()

    async with serving(gated) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        stream = await g.sdk().chat.completions.create(model="m", messages=MESSAGES, stream=True)
        chunks = stream.__aiter__()
        assert (await asyncio.wait_for(chunks.__anext__(), 2)).choices[0].delta.content == "first"
        gate.set()
        assert (await chunks.__anext__()).choices[0].delta.content == "second"
        with pytest.raises(StopAsyncIteration):
            await chunks.__anext__()
        assert g.client.connections == 1


async def test_an_unreachable_model_is_tried_and_says_so_when_it_fails() -> None:
    async with serving(answering()) as upstream:
        rows = [model_row("m", upstream.port, state="unreachable"), model_row("dead", 9, state="unreachable")]
        async with gateway_for(rows) as g:
            assert (await post(g)).status_code == 200
            dead = await post(g, model="dead")
            assert dead.status_code == 502
            assert "its last probe failed too: connection refused" in dead.json()["error"]["message"]


async def test_an_upstream_that_closes_after_each_answer_is_no_error() -> None:
    async def once(peer: Peer) -> None:
        await peer.request()
        await peer.reply(completion(), JSON)

    async with serving(once) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        for _ in range(20):
            assert (await post(g)).status_code == 200
