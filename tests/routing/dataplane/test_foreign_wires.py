"""Odd upstreams of foreign formats behind the gateway: thinking, nested fields, lengths, counts and keep-alives."""

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.registry.transports.faults import Peer, Script, serving
from tests.routing.serving import gateway_for, model_row
from tests.routing.upstreams import body_of

HELLO: dict[str, Any] = {"role": "user", "content": "Name a colour."}
PAINT: dict[str, Any] = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object"}}}
THOUGHT = {"type": "thinking", "thinking": "Teal, then.", "signature": "EqQBsig=="}
SEALED = {"type": "redacted_thinking", "data": "EmwKAhgB"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "paint", "input": {"hue": "teal"}}
THINKING = {"type": "enabled", "budget_tokens": 2000}


def saying(answer: Callable[[Any], bytes], label: bytes = b"application/json", status: int = 200) -> Script:
    """Every request is answered with what `answer` makes of its body."""

    async def script(peer: Peer) -> None:
        while True:
            body = answer(body_of(await peer.request()))
            head = b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (status, label, len(body))
            await peer.send(head + body)

    return script


def message(*content: dict[str, Any], stop: str = "end_turn") -> bytes:
    """A whole message of Anthropic's."""
    usage = {"input_tokens": 40, "output_tokens": 2}
    body = {"type": "message", "role": "assistant", "content": content, "stop_reason": stop, "usage": usage}
    return json.dumps(body).encode()


def events(*found: dict[str, Any]) -> bytes:
    """Server-sent events with names."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (item["type"].encode(), json.dumps(item).encode()) for item in found)


def block(index: int, item: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """A content block from its start to its end."""
    return [
        {"type": "content_block_start", "index": index, "content_block": item},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


START: dict[str, Any] = {"type": "message_start", "message": {"usage": {"input_tokens": 40, "output_tokens": 1}}}
LAST: list[dict[str, Any]] = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]
THOUGHT_BY_PIECES = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "Teal, "},
    {"type": "thinking_delta", "thinking": "then."},
    {"type": "signature_delta", "signature": "EqQBsig=="},
)
USED = block(2, {**USE, "input": {}}, {"type": "input_json_delta", "partial_json": '{"hue": "teal"}'})


def thinker(stream: bool) -> Callable[[Any], bytes]:
    """Thinks and calls a tool; refuses the next turn if the thinking does not come back as it was."""

    def answer(body: Any) -> bytes:
        if len(body["messages"]) == 1 and stream:
            return events(START, *THOUGHT_BY_PIECES, *block(1, SEALED), *USED, *LAST)
        if len(body["messages"]) == 1:
            return message(THOUGHT, SEALED, USE, stop="tool_use")
        assert body["messages"][1]["content"] == [THOUGHT, SEALED, USE]
        return message({"type": "text", "text": "teal"})

    return answer


async def whole(api: openai.AsyncOpenAI, **fields: Any) -> dict[str, Any]:
    """The message of a whole answer, as a caller keeps it."""
    reply = await api.chat.completions.create(**fields)
    message: dict[str, Any] = reply.choices[0].message.model_dump(exclude_none=True)
    return message


async def gathered(api: openai.AsyncOpenAI, **fields: Any) -> dict[str, Any]:
    """The message of a streamed answer, its pieces joined by index as the SDK does."""
    async with api.chat.completions.stream(**fields) as stream:
        final = await stream.get_final_completion()
    return final.choices[0].message.model_dump(exclude_none=True, exclude={"parsed"})


@pytest.mark.parametrize(("ask", "streams"), [(whole, False), (gathered, True), (gathered, False)])
async def test_thinking_comes_back_as_it_went(ask: Any, streams: bool) -> None:
    label = b"text/event-stream" if streams else b"application/json"
    async with (
        serving(saying(thinker(streams), label)) as upstream,
        serving(saying(thinker(False))) as second,
        gateway_for(
            [
                model_row("m", upstream.port, protocol="anthropic"),
                model_row("next", second.port, protocol="anthropic"),
            ]
        ) as g,
    ):
        more: Any = {"tools": [PAINT], "extra_body": {"thinking": THINKING}}
        said = await ask(g.sdk(), model="m", messages=[HELLO], **more)
        assert said["reasoning_content"] == THOUGHT["thinking"]
        for call in said["tool_calls"]:
            call["function"].pop("parsed_arguments", None)
        result = {"role": "tool", "tool_call_id": "toolu_1", "content": "done"}
        for turns in ([HELLO, said, result], [HELLO, {**said, "content": ""}, result]):
            assert (await whole(g.sdk(), model="next", messages=turns, **more))["content"] == "teal"


async def test_a_nested_field_is_told_in_the_header_and_in_the_record() -> None:
    async with (
        serving(saying(lambda body: message({"type": "text", "text": "teal"}))) as upstream,
        gateway_for([model_row("m", upstream.port, protocol="anthropic")]) as g,
        g.http() as http,
    ):
        body = {"model": "m", "max_tokens": 9, "messages": [{**HELLO, "name": "Ada"}]}
        reply = await http.post("/v1/chat/completions", json=body)
        assert reply.status_code == 200
        assert reply.headers["x-patchbay-adapted"] == "messages%5B0%5D.name;action=dropped;given=Ada"
        strict = await http.post("/v1/chat/completions", json=body, headers={"x-patchbay-strict": "true"})
        assert (strict.status_code, strict.json()["error"]["param"]) == (400, "messages[0].name")
        records = await g.records(2)
        assert [item["parameter"] for item in records[0]["adapted"]] == ["messages[0].name"]


@pytest.mark.parametrize(
    ("protocol", "status", "words"),
    [
        ("anthropic", 400, "prompt is too long: 208310 tokens > 200000 maximum"),
        ("anthropic", 400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
        ("anthropic", 413, "Prompt is too long"),
        ("huggingface", 422, "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000"),
        ("huggingface", 422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048."),
        ("openai", 400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."),
        ("openai", 400, "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"),
        ("ollama", 400, "prompt too long; exceeded max context length by 12 tokens"),
        ("ollama", 500, "the input length exceeds the context length"),
        ("anthropic", 400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
        ("ollama", 400, "the request exceeds the available context size, try increasing it"),
        ("ollama", 400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
async def test_a_call_that_is_too_long_has_openais_code(protocol: str, status: int, words: str, form: str) -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    body = json.dumps(error if protocol == "anthropic" else {"error": words, "error_type": "validation"})
    async with (
        serving(saying(lambda _: (body if form == "json" else words).encode(), status=status)) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=protocol)]) as g,
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            await whole(g.sdk(), model="m", messages=[HELLO])
        assert caught.value.code == "context_length_exceeded"
        assert words in caught.value.message


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"output_tokens": 9}, (47, 9)),
        ({"cache_read_input_tokens": 0, "output_tokens": 9}, (47, 9)),
        ({"input_tokens": None, "output_tokens": 9}, (47, 9)),
        ({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 9}, (47, 9)),
        ({"input_tokens": 41, "cache_creation_input_tokens": 2, "output_tokens": 9}, (50, 9)),
        ({}, (47, 1)),
    ],
)
async def test_a_count_that_a_later_event_leaves_out_is_kept(usage: dict[str, Any], counts: tuple[int, int]) -> None:
    first = {"input_tokens": 40, "cache_read_input_tokens": 7, "output_tokens": 1}
    told = events(
        {"type": "message_start", "message": {"usage": first}},
        *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "teal"}),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
        {"type": "message_stop"},
    )
    async with (
        serving(saying(lambda _: told, b"text/event-stream")) as upstream,
        gateway_for([model_row("m", upstream.port, protocol="anthropic")]) as g,
    ):
        wanted: Any = {"include_usage": True}
        stream = await g.sdk().chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=True, stream_options=wanted
        )
        usages = [chunk.usage async for chunk in stream if chunk.usage]
        assert [(item.prompt_tokens, item.completion_tokens) for item in usages] == [counts]
        record = (await g.records())[0]
        assert (record["prompt_tokens"], record["completion_tokens"]) == counts


LINE: dict[str, Any] = {"message": {"role": "assistant", "content": "teal"}, "done": True, "done_reason": "stop"}
GENERATED = {"generated_text": "teal", "details": {"finish_reason": "length", "generated_tokens": 3}}


@pytest.mark.parametrize(
    ("protocol", "answer"),
    [
        ("ollama", LINE),
        ("ollama", {**LINE, "eval_count": 3}),
        ("ollama", {**LINE, "prompt_eval_count": 4}),
        ("ollama", {**LINE, "prompt_eval_count": None, "eval_count": 3}),
        ("huggingface", GENERATED),
        ("huggingface", {"generated_text": "teal"}),
        ("anthropic", {"content": [], "usage": {"output_tokens": 3}}),
        ("anthropic", {"content": [], "usage": {"input_tokens": 4, "output_tokens": None}}),
        ("anthropic", {"content": []}),
        ("anthropic", {"content": "teal", "usage": {"input_tokens": 4.0, "output_tokens": 2.0}}),
    ],
)
async def test_usage_holds_whole_numbers_or_is_left_out(protocol: str, answer: dict[str, Any]) -> None:
    async with (
        serving(saying(lambda _: json.dumps(answer).encode())) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=protocol)]) as g,
        g.http() as http,
    ):
        body = {"model": "m", "messages": [HELLO]}
        usage = (await http.post("/v1/chat/completions", json=body)).json().get("usage", {})
        numbers = [usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")] if usage else []
        assert all(isinstance(number, int) for number in numbers)
        assert not numbers or numbers[0] + numbers[1] == numbers[2]
        streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
        assert '"usage":null' not in (await http.post("/v1/chat/completions", json=streamed)).text


TOKEN = {"token": {"text": "teal"}, "generated_text": "teal", "details": {"finish_reason": "length"}}
SAID = [START, *block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "teal"}), *LAST]
STREAMS = {"anthropic": events(*SAID), "huggingface": b"data: " + json.dumps(TOKEN).encode() + b"\n\n"}


@pytest.mark.parametrize("protocol", STREAMS)
@pytest.mark.parametrize(
    "kept_alive",
    [
        b": keepalive\n\n",
        b"data: : keepalive\n\n",
        b"data:: OPENROUTER PROCESSING\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: ping\ndata: pong\n\n",
        b"event: heartbeat\ndata:\n\n",
        b"data: {}\n\n",
        b"data:\n\n",
        b"data: [PING]\n\n",
        b'data: {"type": "ping"}\n\n',
    ],
)
async def test_a_keep_alive_is_no_answer_wherever_it_comes(protocol: str, kept_alive: bytes) -> None:
    pieces = [piece + b"\n\n" for piece in STREAMS[protocol].split(b"\n\n") if piece]
    told = kept_alive + kept_alive.join(pieces)
    async with (
        serving(saying(lambda _: told, b"text/event-stream")) as upstream,
        gateway_for([model_row("m", upstream.port, protocol=protocol)]) as g,
    ):
        messages: Any = [HELLO]
        stream = await g.sdk().chat.completions.create(model="m", messages=messages, stream=True)
        heard = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert heard == "teal"
        assert (await g.records())[0]["status"] == 200
