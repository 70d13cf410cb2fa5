"""Odd upstreams of OpenAI's format behind the gateway: labels, missing content, embeddings, waits, cut streams."""

import base64
import json
import time
from email.utils import formatdate
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam

from registry.protocols.runtime.answers import retry_after
from tests.registry.transports.faults import Peer, Script, serving
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import CHUNKED, DONE, answering, chunk, completion, event, failing, streaming

MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
VECTOR = [0.5, -0.25]
PACKED = base64.b64encode(b"\x00\x00\x00\x3f\x00\x00\x80\xbe").decode()


def labelled(body: bytes, label: bytes | None, status: int = 200) -> Script:
    """Every request is answered with this body under this content type."""
    head = b"" if label is None else b"content-type: " + label + b"\r\n"

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            line = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%b\r\n" % (status, len(body), head)
            await peer.send(line + body)

    return script


LABELS = [
    *(b"text/plain; charset=utf-8", b"application/octet-stream", b"text/html", b"application/problem+json"),
    *(b"text/event-stream", b"application/x-ndjson", b"binary/octet-stream", b"nonsense", None),
]
ANSWERS: dict[tuple[str, str], Any] = {
    ("openai", "llm"): json.loads(completion()),
    ("anthropic", "llm"): {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 5, "output_tokens": 2},
    },
    ("ollama", "llm"): {"message": {"role": "assistant", "content": "hello"}, "done": True, "done_reason": "stop"},
    ("huggingface", "llm"): {"generated_text": "hello"},
}


@pytest.mark.parametrize("label", LABELS, ids=str)
@pytest.mark.parametrize("wire", ANSWERS, ids=lambda wire: wire[0])
async def test_json_is_taken_under_any_label(wire: tuple[str, str], label: bytes | None) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(ANSWERS[wire]).encode()
    async with (
        serving(labelled(body, label)) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=wire[0], type=wire[1])]) as g,
    ):
        reply = await g.sdk().chat.completions.create(model="m", messages=MESSAGES)
        assert reply.choices[0].message.content == "hello"


@pytest.mark.parametrize("label", LABELS, ids=str)
async def test_a_stream_is_taken_under_any_label(label: bytes | None) -> None:
    pieces = [event("hel"), event("lo", "stop"), DONE]
    async with (
        serving(labelled(b"".join(pieces), label)) as upstream,
        gateway_for([model_row("m", upstream.port)]) as g,
    ):
        stream = await g.sdk().chat.completions.create(model="m", messages=MESSAGES, stream=True)
        assert "".join([part.choices[0].delta.content or "" async for part in stream]) == "hello"
        assert (await g.records())[0]["status"] == 200


@pytest.mark.parametrize("wire", [wire for wire in ANSWERS if wire[0] != "huggingface"], ids=lambda wire: wire[0])
@pytest.mark.parametrize("label", [b"application/json", b"text/event-stream"])
async def test_a_whole_answer_to_a_call_that_asked_for_a_stream_is_streamed(
    wire: tuple[str, str], label: bytes
) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(ANSWERS[wire], indent=None if wire[0] == "ollama" else 1).encode()
    async with (
        serving(labelled(body, label)) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=wire[0], type=wire[1])]) as g,
    ):
        assert await _streamed(g.sdk()) == "hello"
        assert (await g.records())[0]["status"] == 200


async def test_a_whole_answer_with_tools_is_streamed_with_their_numbers_and_usage() -> None:
    tools = [{"id": f"c{n}", "type": "function", "function": {"name": "add", "arguments": "{}"}} for n in range(2)]
    whole = json.loads(completion())
    whole["choices"][0] |= {"message": {"role": "assistant", "content": None, "tool_calls": tools}}
    async with (
        serving(labelled(json.dumps(whole).encode(), b"application/json")) as upstream,
        gateway_for([model_row("m", upstream.port)]) as g,
    ):
        stream = await g.sdk().chat.completions.create(
            model="m", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        parts = [part async for part in stream]
        assert [tool.index for tool in parts[0].choices[0].delta.tool_calls or []] == [0, 1]
        assert {part.model for part in parts} == {"m"}
        assert parts[-1].usage is not None
        assert parts[-1].usage.total_tokens == 7


PAGE = b"<!doctype html><html>Sign in</html>"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "label", [b"text/html", b"application/json", b"text/event-stream", b"text/plain", None], ids=str
)
@pytest.mark.parametrize("body", [PAGE, b"", b"Bad gateway, sorry", b"{" * 9, b"[]", b'"te"', b"null"])
async def test_what_is_neither_json_nor_events_is_refused_in_words(
    body: bytes, label: bytes | None, stream: bool
) -> None:
    async with serving(labelled(body, label)) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        async with g.http() as http:
            answer = await http.post(
                "/v1/chat/completions", json={"model": "m", "messages": MESSAGES, "stream": stream}
            )
        assert (answer.status_code, answer.headers["content-type"]) == (502, "application/json")
        assert "upstream's " in answer.json()["error"]["message"]
        assert body != PAGE or "page" in answer.json()["error"]["message"] or "text/html" in answer.text
        assert (await g.records())[0]["failure"] == "upstream_invalid"


EMPTY: dict[str, tuple[str, str, list[Any]]] = {
    "/v1/chat/completions": ("llm", "choices", [None, [], {}, "x", 7, [None], ["x"], [{}], [{"message": None}]]),
    "/v1/completions": ("llm", "choices", [None, [], [{"message": {}}], [{"text": None}], [{"text": 3}]]),
    "/v1/embeddings": ("embedding", "data", [None, [], {}, [{}], [{"embedding": None}], [{"embedding": 5}]]),
    "/v1/moderations": ("moderation", "results", [None, [], [{}], [{"flagged": None}]]),
    "/v1/images/generations": ("image", "data", [None, [], "x", ["x"]]),
    "/v1/rerank": ("rerank", "results", [None, {}, "x", [1]]),
}
GIVEN: dict[str, Any] = {"messages": MESSAGES, "prompt": "x", "input": "x", "query": "x", "documents": ["x"]}
FIELDS = {
    "/v1/chat/completions": ["messages"],
    "/v1/completions": ["prompt"],
    "/v1/images/generations": ["prompt"],
    "/v1/rerank": ["query", "documents"],
}


@pytest.mark.parametrize("path", EMPTY)
async def test_an_answer_without_what_the_caller_needs_is_a_502(path: str) -> None:
    kind, field, contents = EMPTY[path]
    request = {"model": "m", **{name: GIVEN[name] for name in FIELDS.get(path, ["input"])}}
    for content in contents:
        body = json.dumps({"id": "x", "model": "up", field: content}).encode()
        async with (
            serving(answering(body)) as upstream,
            gateway_for([model_row("m", upstream.port, type=kind)]) as g,
            g.http() as http,
        ):
            answer = await http.post(path, json=request)
            assert answer.status_code == 502, (content, answer.text)
            assert field in answer.json()["error"]["message"]
            (record,) = await g.records()
            assert (record["status"], record["failure"]) == (502, "upstream_invalid")


async def test_a_ranking_of_nothing_is_an_answer() -> None:
    async with (
        serving(answering(b'{"results": []}')) as upstream,
        gateway_for([model_row("m", upstream.port, type="rerank")]) as g,
        g.http() as http,
    ):
        answer = await http.post("/v1/rerank", json={"model": "m", "query": "x", "documents": ["y"]})
        assert (answer.status_code, answer.json()) == (200, {"results": []})


@pytest.mark.parametrize("sent", [VECTOR, PACKED], ids=["numbers", "base64"])
@pytest.mark.parametrize("asked", [None, "float", "base64"])
async def test_embeddings_come_in_the_encoding_that_was_asked_for(sent: object, asked: str | None) -> None:
    body = {"object": "list", "model": "up", "data": [{"object": "embedding", "index": 0, "embedding": sent}]}
    async with (
        serving(answering(json.dumps(body).encode())) as upstream,
        gateway_for([model_row("e", upstream.port, type="embedding")]) as g,
        g.http() as http,
    ):
        given = {} if asked is None else {"encoding_format": asked}
        answer = await http.post("/v1/embeddings", json={"model": "e", "input": "x", **given})
        (row,) = answer.json()["data"]
        assert row["embedding"] == (PACKED if asked == "base64" else VECTOR)
        assert (await g.sdk().embeddings.create(model="e", input="x")).data[0].embedding == VECTOR
        predicted = await http.post("/v1/models/e/predict", json={"inputs": "x"})
        assert predicted.json()["outputs"] == [VECTOR]


@pytest.mark.parametrize("asked", ["float", "base64", "ubinary"])
async def test_vectors_that_have_no_other_form_stay_and_broken_ones_are_refused(asked: str) -> None:
    cases = {
        json.dumps([[0.5], [0.25]]): "ubinary float base64",
        json.dumps([1, 2]): "ubinary float base64",
        '"AAA"': "ubinary base64",
        '"not base64!"': "ubinary base64",
        '["x"]': "ubinary float",
    }
    for vector, taken in cases.items():
        body = b'{"data":[{"index":0,"embedding":%b}]}' % vector.encode()
        async with (
            serving(answering(body)) as upstream,
            gateway_for([model_row("e", upstream.port, type="embedding")]) as g,
            g.http() as http,
        ):
            request = {"model": "e", "input": "x", "encoding_format": asked}
            answer = await http.post("/v1/embeddings", json=request)
            assert answer.status_code == (200 if asked in taken.split() else 502), (vector, answer.text)


DATES = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"]


@pytest.mark.parametrize("form", DATES)
def test_a_wait_until_a_date_is_kept_in_every_form_of_http_dates(form: str) -> None:
    now = 1_800_000_000.0
    later = time.strftime(form, time.gmtime(now + 900))
    assert retry_after({"retry-after": later}, now) == 900
    assert retry_after({"retry-after": later, "date": formatdate(now + 600, usegmt=True)}, now) == 300
    assert retry_after({"retry-after": later}, now + 5000) == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "23"}, 23),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "999999999"}, 86_400),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_a_wait_is_a_number_or_nothing(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, 0.0) == seconds


@given(st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9}( GMT)?"))
def test_no_wait_breaks_the_answer(value: str) -> None:
    found = retry_after({"retry-after": value, "date": value}, 0.0)
    assert found is None or 0 <= found <= 86_400


async def test_a_date_to_retry_after_reaches_the_caller_in_seconds() -> None:
    date = formatdate(time.time() + 900, usegmt=True)
    async with (
        serving(failing(429, head=b"retry-after: " + date.encode() + b"\r\n")) as upstream,
        gateway_for([model_row("m", upstream.port)]) as g,
    ):
        with pytest.raises(openai.RateLimitError) as caught:
            await g.sdk().chat.completions.create(model="m", messages=MESSAGES)
        assert 600 < int(caught.value.response.headers["retry-after"]) <= 900


async def test_a_connection_that_is_cut_after_a_reason_is_a_failure_and_a_clean_end_is_whole() -> None:
    for end, whole in ((b"0\r\n\r\n", True), (b"", False), (b"5\r\nda", False)):
        async with (
            serving(
                streaming(event("he"), event("llo", "stop"), end=end) if end[:1] != b"5" else _cut(end)
            ) as upstream,
            gateway_for([model_row("m", upstream.port)]) as g,
            g.http() as http,
        ):
            body = {"model": "m", "messages": MESSAGES, "stream": True}
            answer = await http.post("/v1/chat/completions", json=body)
            assert answer.text.endswith("data: [DONE]\n\n") == whole
            assert ('"error"' in answer.text) != whole
            (record,) = await g.records()
            assert (record["status"] == 200) == whole


async def test_the_sdk_reads_streams_with_ids_comments_and_waits_between() -> None:
    pieces = [b"retry: 3000\n\n", b"id: 1\n" + event("he"), b": ping\n\n", b"event: ping\ndata: {}\n\n"]
    pieces += [b"id: 2\n" + event("llo", "stop"), b"data: : keepalive\n\n", DONE]
    async with serving(streaming(*pieces)) as upstream, gateway_for([model_row("m", upstream.port)]) as g:
        assert await _streamed(g.sdk()) == "hello"


def _cut(end: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED + chunk(event("hello", "stop")) + end)

    return script


async def _streamed(sdk: openai.AsyncOpenAI) -> str:
    stream = await sdk.chat.completions.create(model="m", messages=MESSAGES, stream=True)
    return "".join([part.choices[0].delta.content or "" async for part in stream if part.choices])
