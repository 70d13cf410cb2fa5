"""A streamed message of Anthropic's says what the whole one says, whatever its content blocks are."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import CallContext, Fragment, Task
from registry.protocols.codecs.anthropic_answers import MOST_HELD, MOST_OPEN
from registry.protocols.compiler.adapters import compile_adapter
from registry.specfile.file import read

CONTEXT = CallContext("m", "r", 1, usage_wanted=True)
CHAT = compile_adapter(read({"name": "m", "type": "llm", "protocol": "anthropic", "endpoint": "http://h"})).operations[
    Task.CHAT
]
WORDS = st.text("aé \n", max_size=6)
INPUTS = st.dictionaries(st.sampled_from(["hue", "x"]), WORDS, max_size=2)
BLOCKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, WORDS),
    st.builds(lambda number, given: {"type": "tool_use", "id": f"t{number}", "name": "paint", "input": given},
              st.integers(0, 99), INPUTS),
    st.builds(lambda text, sign: {"type": "thinking", "thinking": text, "signature": sign}, WORDS, WORDS),
    st.builds(lambda data: {"type": "redacted_thinking", "data": data}, WORDS),
    st.builds(lambda given: {"type": "server_tool_use", "id": "s", "name": "web_search", "input": given}, INPUTS),
    st.just({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
    st.just({"type": "hologram", "text": "of nothing"}),
)  # fmt: skip


def event(kind: str, **fields: Any) -> bytes:
    """One named event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


class Sender:
    """Sends a message's blocks as some server may."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def pieces(self, text: str) -> list[str]:
        """A text in two pieces."""
        cut = self.draw(st.integers(0, len(text)))
        return [text[:cut], text[cut:]]

    def block(self, index: int, item: dict[str, Any]) -> list[bytes]:
        """A block's events: all of it at its start, or little by little; its end may be missing."""
        started, deltas = item, []
        if self.draw(st.booleans()):
            started, deltas = self.empty(item), self.deltas(item)
        found = [event("content_block_start", index=index, content_block=started)]
        found += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        ended = [event("content_block_stop", index=index)] if self.draw(st.integers(0, 5)) else []
        return found + ended

    def empty(self, item: dict[str, Any]) -> dict[str, Any]:
        """A block before its content."""
        blank: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "input": {}}
        return {key: blank.get(key, value) for key, value in item.items()}

    def deltas(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        """A block's content."""
        kind = item["type"]
        if kind == "text":
            cited: dict[str, Any] = {"type": "citations_delta", "citation": {}}
            return [cited, *({"type": "text_delta", "text": piece} for piece in self.pieces(item["text"]))]
        if kind in ("tool_use", "server_tool_use"):
            text = json.dumps(item["input"]) if item["input"] else ""
            return [{"type": "input_json_delta", "partial_json": piece} for piece in self.pieces(text)]
        if kind == "thinking":
            told = [{"type": "thinking_delta", "thinking": piece} for piece in self.pieces(item["thinking"])]
            return told + [{"type": "signature_delta", "signature": piece} for piece in self.pieces(item["signature"])]
        return [{"type": "hologram_delta", "text": "more of nothing"}]

    def mixed(self, blocks: list[dict[str, Any]]) -> bytes:
        """All blocks; tool calls and unknown ones may be told in turns."""
        waiting = [self.block(index, item) for index, item in enumerate(blocks)]
        turns = self.draw(st.booleans()) and all("input" in item for item in blocks)
        found: list[bytes] = []
        while any(waiting):
            left = [index for index, events in enumerate(waiting) if events]
            index = self.draw(st.sampled_from(left)) if turns else left[0]
            found.append(waiting[index].pop(0))
        return b"".join(found)


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """A message's blocks, and a stream of them."""
    blocks = draw(st.lists(BLOCKS, max_size=5))
    start = event("message_start", message={"usage": {"input_tokens": 9, "output_tokens": 1}})
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4})
    return blocks, start + Sender(draw).mixed(blocks) + end + event("message_stop")


def chunks(fragments: list[Fragment]) -> Iterator[dict[str, Any]]:
    """The chunks that a caller gets."""
    for line in b"".join(item.output for item in fragments).split(b"\n\n"):
        if line and line != b"data: [DONE]":
            yield json.loads(line.removeprefix(b"data: "))


def heard(stream: bytes, step: int) -> dict[str, Any]:
    """The message that a caller puts together."""
    assert CHAT.decoder is not None
    decoder = CHAT.decoder(CONTEXT)
    fragments = [decoder.feed(stream[at : at + step]) for at in range(0, len(stream), step)] + [decoder.close()]
    assert [item.failure for item in fragments if item.failure] == []
    found: dict[str, Any] = {"content": "", "reasoning_content": "", "thinking_blocks": [], "tool_calls": []}
    for chunk in chunks(fragments):
        for choice in chunk["choices"]:
            add(found, choice["delta"])
            found["finish"] = choice["finish_reason"]
        found["usage"] = chunk.get("usage")
    return found


def add(found: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add what one chunk says to a message."""
    found["content"] += delta.get("content", "")
    found["reasoning_content"] += delta.get("reasoning_content", "")
    for block in delta.get("thinking_blocks", []):
        assert block.pop("index") == len(found["thinking_blocks"])
        found["thinking_blocks"].append(block)
    for call in delta.get("tool_calls", []):
        number = call.pop("index")
        if number == len(found["tool_calls"]):
            found["tool_calls"].append(call)
        else:
            found["tool_calls"][number]["function"]["arguments"] += call["function"]["arguments"]


@given(messages(), st.integers(1, 80))
def test_a_stream_says_what_the_whole_message_says(case: tuple[list[dict[str, Any]], bytes], step: int) -> None:
    blocks, stream = case
    body = {"content": blocks, "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 4}}
    whole = json.loads(CHAT.decode(200, {}, json.dumps(body).encode(), CONTEXT).body)
    message = whole["choices"][0]["message"]
    found = heard(stream, step)
    assert found["content"] == (message["content"] or "")
    assert found["reasoning_content"] == message.get("reasoning_content", "")
    assert found["thinking_blocks"] == message.get("thinking_blocks", [])
    assert sorted(map(told, found["tool_calls"])) == sorted(map(told, message.get("tool_calls", [])))
    assert found["finish"] == whole["choices"][0]["finish_reason"]
    assert found["usage"] == whole["usage"]


def told(call: dict[str, Any]) -> tuple[str, str]:
    """A call's id and arguments, however these are spaced."""
    return call["id"], json.dumps(json.loads(call["function"]["arguments"]), sort_keys=True)


def failing(*events: bytes) -> str:
    """How a stream fails."""
    assert CHAT.decoder is not None
    decoder = CHAT.decoder(CONTEXT)
    failures = [fragment.failure for fragment in map(decoder.feed, events) if fragment.failure]
    assert len(failures) == 1
    return failures[0].message


def test_what_a_stream_makes_us_keep_is_bounded() -> None:
    calls = [{"type": "tool_use", "id": f"t{at}", "name": "n"} for at in range(MOST_OPEN + 1)]
    starts = [event("content_block_start", index=at, content_block=call) for at, call in enumerate(calls)]
    assert "content blocks at a time" in failing(*starts)
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    start = event("content_block_start", index=0, content_block=thinking)
    piece = event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "x" * 100_000})
    assert "characters of thinking" in failing(start, *[piece] * (MOST_HELD // 100_000 + 1))
    whole = {"type": "tool_use", "id": "t", "name": "n", "input": {"x": "y" * (MOST_HELD + 1)}}
    assert "at a block's start" in failing(event("content_block_start", index=0, content_block=whole))


@pytest.mark.parametrize(
    "body",
    [
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        {"error": {"message": "Overloaded"}},
        {"type": "error", "message": "Overloaded"},
    ],
)
def test_an_error_event_fails_the_stream_in_any_form(body: dict[str, Any]) -> None:
    assert "Overloaded" in failing(f"event: error\ndata: {json.dumps(body)}\n\n".encode())


def test_text_of_a_block_that_never_started_is_heard() -> None:
    delta = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "teal"})
    stray = event("content_block_delta", index=3, delta={"type": "input_json_delta", "partial_json": "{}"})
    found = heard(delta + stray + event("message_stop"), 1000)
    assert (found["content"], found["tool_calls"]) == ("teal", [])
