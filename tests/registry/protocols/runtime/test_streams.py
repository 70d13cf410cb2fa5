"""Streams of foreign formats become OpenAI's chunks: one envelope, one end, a failure for every other way to end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import CallContext, FailureKind, Reply, Usage
from registry.protocols.document import ErrorRule, UsagePaths
from registry.protocols.runtime.framing import NdjsonFraming, SseFraming
from registry.protocols.runtime.opening import Opening, opening
from registry.protocols.runtime.replies import chat
from registry.protocols.runtime.streams import ChatStream, ChunkStream, CompletionStream, Delta, StreamRules

CONTEXT = CallContext("public", "r1", 7)
WANTED = CallContext("public", "r1", 7, usage_wanted=True)
ERRORS = (ErrorRule("error", message=("error",)),)
USAGE = UsagePaths(prompt=("in",), completion=("out",))


def codec(state: dict[str, Any], name: str, data: Any) -> Delta:
    """A wire whose messages say what is new in plain words."""
    return Delta(
        text=data.get("t", ""),
        reasoning=data.get("r", ""),
        finish=data.get("f"),
        done=bool(data.get("done")),
        tools=tuple(data.get("tools", ())),
    )


def stream(context: CallContext = CONTEXT, kind: type[ChunkStream] = ChatStream, **rules: Any) -> ChunkStream:
    """A stream of lines of JSON."""
    return kind(context, NdjsonFraming(), StreamRules(codec, ERRORS, USAGE, **rules))


def lines(*messages: Any) -> bytes:
    """Messages as lines of JSON."""
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def told(output: bytes) -> list[Any]:
    """What a caller hears: each event's JSON, or the end mark."""
    events = [event.removeprefix(b"data: ") for event in output.split(b"\n\n") if event]
    return [event.decode() if event == b"[DONE]" else json.loads(event) for event in events]


def deltas(output: bytes) -> list[Any]:
    """The deltas and reasons of a chat's chunks."""
    return [
        (event["choices"][0]["delta"], event["choices"][0]["finish_reason"])
        for event in told(output)
        if event != "[DONE]" and event["choices"]
    ]


def test_a_chat_from_the_first_word_to_the_end() -> None:
    made = stream()
    first = made.feed(lines({"t": "Hel"}, {"t": "lo"}))
    assert deltas(first.output) == [({"role": "assistant", "content": "Hel"}, None), ({"content": "lo"}, None)]
    assert (first.tokens, first.finished, first.failure) == (2, False, None)
    last = made.feed(lines({"f": "length", "done": True}))
    assert told(last.output)[-1] == "[DONE]"
    assert deltas(last.output) == [({}, "length")]
    assert (last.finished, last.tokens) == (True, 0)
    chunk = told(first.output)[0]
    assert (chunk["id"], chunk["object"], chunk["created"], chunk["model"]) == (
        "chatcmpl-r1",
        "chat.completion.chunk",
        7,
        "public",
    )


def test_a_completion_has_chunks_of_its_own_kind() -> None:
    output = stream(kind=CompletionStream).feed(lines({"t": "a"}, {"done": True})).output
    assert [event["choices"][0]["text"] for event in told(output)[:-1]] == ["a", ""]
    assert told(output)[0]["object"] == "text_completion"
    assert told(output)[1]["choices"][0]["finish_reason"] == "stop"


def test_an_answer_without_content_still_names_its_role() -> None:
    assert deltas(stream().feed(lines({"done": True})).output) == [
        ({"role": "assistant", "content": ""}, None),
        ({}, "stop"),
    ]


def test_reasoning_and_calls_travel_beside_text() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "a", "arguments": ""}}
    output = stream().feed(lines({"r": "hm"}, {"tools": [call]})).output
    assert [delta for delta, _ in deltas(output)] == [
        {"role": "assistant", "content": "", "reasoning_content": "hm"},
        {"tool_calls": [call]},
    ]


@pytest.mark.parametrize(("context", "chunks"), [(CONTEXT, 0), (WANTED, 1)])
def test_usage_is_told_to_whom_it_is_due(context: CallContext, chunks: int) -> None:
    fragment = stream(context).feed(lines({"t": "a", "in": 3}, {"out": 5, "done": True}))
    usages = [event["usage"] for event in told(fragment.output) if event != "[DONE]" and not event["choices"]]
    assert usages == [{"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}] * chunks
    assert fragment.usage == Usage(3, 5)


def test_text_that_repeats_everything_is_told_once() -> None:
    output = (
        stream(cumulative=True)
        .feed(lines({"t": "He"}, {"t": "Hello"}, {"t": "Hello"}, {"t": "Hel"}, {"t": "Hello!"}))
        .output
    )
    assert "".join(delta.get("content", "") for delta, _ in deltas(output)) == "Hello!"


@pytest.mark.parametrize("mark", [b"[END]\n", b" [END] \n"])
def test_an_end_mark_of_the_wire_s_own(mark: bytes) -> None:
    fragment = stream(end="[END]").feed(lines({"t": "a", "f": "length"}) + mark)
    assert fragment.finished
    assert deltas(fragment.output)[-1] == ({}, "length")


@pytest.mark.parametrize(
    "data", [b"ping\n", b": note\n", b"{}\n", b'{"type":"ping"}\n', b'{"type":"heartbeat","t":"x"}\n', b"\n\n"]
)
def test_what_carries_nothing_says_nothing(data: bytes) -> None:
    fragment = stream().feed(data)
    assert (fragment.output, fragment.failure) == (b"", None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello\n", "holds a message that is not JSON"),
        (b"\xff\n", "holds a message that is not JSON"),
        (b"[" * 50_000 + b"\n", "holds a message that is not JSON"),
        (b"[1]\n", "holds a message of an unknown form (AttributeError"),
        (b'{"tools": 7}\n', "holds a message of an unknown form (TypeError"),
    ],
)
def test_a_message_that_cannot_be_read_ends_the_stream(data: bytes, words: str) -> None:
    made = stream()
    fragment = made.feed(lines({"t": "a"}) + data + lines({"t": "late"}))
    assert fragment.failure is not None
    assert (fragment.failure.kind, fragment.failure.retryable) == (FailureKind.UPSTREAM_INVALID, True)
    assert words in fragment.failure.message
    assert [delta.get("content") for delta, _ in deltas(fragment.output)] == ["a"]
    assert b"[DONE]" not in fragment.output
    assert made.feed(lines({"t": "more"})).output == made.close().output == b""


def test_an_error_in_the_stream_keeps_its_words_and_what_was_counted() -> None:
    fragment = stream().feed(lines({"t": "a", "in": 3}, {"error": "out of memory"}))
    assert fragment.failure is not None
    assert fragment.failure.message == "The upstream says: out of memory"
    assert (fragment.usage, fragment.tokens) == (Usage(3, None), 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"{}", "is no stream of this protocol"),
        (lines({"t": "a"}), "ended before its end mark, so the answer is incomplete"),
        (lines({"t": "a", "f": "stop"}), "ended before its end mark, so the answer is incomplete"),
    ],
)
def test_a_body_that_ends_before_the_stream_is_a_failure(data: bytes, words: str) -> None:
    made = stream()
    made.feed(data)
    fragment = made.close()
    assert fragment.failure is not None
    assert words in fragment.failure.message
    assert not fragment.finished


def test_a_last_line_without_its_end_counts() -> None:
    made = stream()
    made.feed(b'{"t":"a"}\n{"done":true}')
    last = made.close()
    assert (last.finished, last.failure) == (True, None)


MESSAGES = st.lists(st.fixed_dictionaries({"t": st.text(max_size=4)}), max_size=6)


@given(MESSAGES, st.data())
def test_a_stream_is_the_same_at_every_cut(messages: list[Any], data: st.DataObject) -> None:
    body = lines(*messages, {"f": "stop", "done": True})
    at = data.draw(st.integers(0, len(body)))
    cut, whole = stream(WANTED), stream(WANTED)
    fragments = [cut.feed(body[:at]), cut.feed(body[at:]), cut.close()]
    once = whole.feed(body)
    assert b"".join(fragment.output for fragment in fragments) == once.output
    assert sum(fragment.tokens for fragment in fragments) == once.tokens
    text = "".join(delta.get("content", "") for delta, _ in deltas(once.output))
    assert text == "".join(message["t"] for message in messages)


def opened(context: CallContext = CONTEXT) -> Opening:
    """A stream of events that may turn out to be a whole answer."""

    def events(made: CallContext) -> ChunkStream:
        return ChatStream(made, SseFraming(), StreamRules(codec, ERRORS, USAGE))

    def whole(status: int, headers: Any, body: bytes, made: CallContext) -> Any:
        value = json.loads(body)
        return Reply(json.dumps({**chat(made, value["text"], "stop"), "usage": {"total_tokens": 1}}).encode(), Usage(1))

    found = opening(events, whole)(context)
    assert isinstance(found, Opening)
    return found


@pytest.mark.parametrize("before", [b"", b"\n", b" \r\n", b"\xef\xbb\xbf"])
def test_events_are_known_by_their_first_letter(before: bytes) -> None:
    made = opened()
    assert made.feed(before).output == b""
    fragment = made.feed(b'data: {"t":"a"}\n\n')
    assert deltas(fragment.output) == [({"role": "assistant", "content": "a"}, None)]
    assert made.close().failure is not None


@pytest.mark.parametrize("context", [CONTEXT, WANTED])
def test_a_whole_answer_is_a_stream_of_one_chunk(context: CallContext) -> None:
    made = opened(context)
    assert made.feed(b' {"text":').output == made.feed(b' "hello"}').output == b""
    last = made.close()
    events = told(last.output)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": "hello"}
    assert (events[0]["object"], events[0]["choices"][0]["finish_reason"]) == ("chat.completion.chunk", "stop")
    assert [event["usage"] for event in events[1:-1]] == ([{"total_tokens": 1}] if context.usage_wanted else [])
    assert (events[-1], last.finished, last.usage) == ("[DONE]", True, Usage(1))
    assert made.feed(b"more").output == made.close().output == b""


def test_a_body_without_anything_is_an_empty_stream() -> None:
    failure = opened().close().failure
    assert failure is not None
    assert "is empty" in failure.message
