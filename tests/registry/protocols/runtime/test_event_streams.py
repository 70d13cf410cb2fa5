"""OpenAI's own streams: the grammar of server-sent events, keep-alives, and when an answer is whole."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import ANSWER_BYTES, CallContext, Failure, FailureKind
from registry.protocols.compiler.adapters import compile_adapter
from registry.protocols.runtime.framing import MAX_MESSAGE, SseFraming
from registry.spec import TASKS_BY_TYPE
from registry.specfile.file import read

OPERATION = compile_adapter(
    read({"name": "m", "type": "llm", "protocol": "openai", "endpoint": "http://h"})
).operations[TASKS_BY_TYPE["llm"][0]]
DONE = b"data: [DONE]\n\n"


def said(text: str | None = None, finish: Any = None, index: int = 0, **more: Any) -> bytes:
    """A chunk as an event."""
    choice = {"index": index, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "model": "theirs", "choices": [choice], **more}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


class Heard:
    """What a caller hears of a stream, of whose pieces `parted` says how the upstream cut them."""

    def __init__(
        self, pieces: list[bytes], parted: Callable[[bytes], Sequence[bytes]] = lambda piece: (), **context: Any
    ) -> None:
        assert OPERATION.decoder is not None
        stream = OPERATION.decoder(CallContext("public-1", "req-1", 1, **context))
        fragments = [*(stream.feed(piece, parted(piece)) for piece in pieces), stream.close()]
        self.output = b"".join(item.output for item in fragments)
        self.failures: list[Failure] = [item.failure for item in fragments if item.failure is not None]
        self.finished = any(item.finished for item in fragments)
        self.usage = next((item.usage for item in fragments if item.usage is not None), None)
        self.tokens = sum(item.tokens for item in fragments)

    @property
    def chunks(self) -> list[Any]:
        """The data of its events."""
        lines = [line for line in self.output.split(b"\n") if line.startswith(b"data: ") and line != DONE.strip()]
        return [json.loads(line[6:]) for line in lines]

    @property
    def text(self) -> str:
        """The content of all choices."""
        return "".join(item["delta"].get("content", "") for chunk in self.chunks for item in chunk["choices"])

    @property
    def whole(self) -> bool:
        """Whether the answer came whole, and says so."""
        assert self.finished == (not self.failures) == self.output.endswith(DONE)
        return self.finished

    @property
    def told(self) -> str:
        """What it failed with."""
        (failure,) = self.failures
        assert failure.kind in (FailureKind.UPSTREAM_INVALID, FailureKind.UPSTREAM_ERROR)
        return failure.message


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_any_line_end_and_one_byte_order_mark_are_understood_cut_anywhere(end: bytes, mark: bytes) -> None:
    body = mark + (said("te") + b": on\n" + said("al ä", "stop") + DONE).replace(b"\n", end)
    whole = Heard([body])
    assert (whole.text, whole.whole) == ("teal ä", True)
    assert b"\r" not in whole.output
    for cut in range(1, len(body)):
        assert Heard([body[:cut], body[cut:]]).output == whole.output
    assert Heard([body[at : at + 1] for at in range(len(body))]).output == whole.output


FIELDS = st.sampled_from(
    [
        said("te")[:-1],
        said("al", "stop")[:-1],
        said("né")[:-1],
        b"data:" + said("x")[6:-1],
        b"data: {\ndata:  \ndata:}\n",
        b"data\n",
        b"data:\n",
        b"data: : ping\n",
        b": WAIT\n",
        b"id: 1\n",
        b"id: a\x00b\n",
        b"retry: 3000\n",
        b"event: message\n",
        b"unknown: x\n",
        b"unknown\n",
        b"data: [DONE]\n",
        b"\n",
        b"\n\n",
        b"<html>\n",
        b"data: {\n",
        b"\xef\xbb\xbf",
    ]
)


@given(
    st.lists(FIELDS, max_size=12),
    st.lists(st.sampled_from([b"\n", b"\r", b"\r\n"]), min_size=1, max_size=5),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_any_cutting_gives_the_same_result(fields: list[bytes], ends: list[bytes], cuts: list[int]) -> None:
    lines = b"".join(fields).split(b"\n")
    body = b"".join(line + ends[number % len(ends)] for number, line in enumerate(lines))
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:stop] for start, stop in pairwise(places)]
    one, many = Heard([body]), Heard(pieces)
    assert (many.output, many.finished, many.tokens, many.usage) == (one.output, one.finished, one.tokens, one.usage)
    assert [failure.message for failure in many.failures] == [failure.message for failure in one.failures]
    assert one.whole in (True, False)
    framing = SseFraming()
    cut = [message for piece in pieces for message in framing.feed(piece)] + list(framing.close())
    framing = SseFraming()
    assert cut == [*framing.feed(body), *framing.close()]


@pytest.mark.parametrize(
    "line",
    [b"unknown: x", b"unknown", b"id: 7", b"retry: 10", b"meta: {}", b"event: message", b"x-y:", b":", b"data", b"id"],
)
def test_other_fields_are_left_out(line: bytes) -> None:
    for body in (said("te") + line + b"\n\n" + said("al", "stop"), said("te") + line + b"\n" + said("al", "stop")):
        heard = Heard([body + DONE])
        assert (heard.text, heard.whole) == ("teal", True)
        assert not any(line.startswith((b"id", b"retry", b"event", b"meta")) for line in heard.output.split(b"\n"))


KEEP_ALIVES = [
    *(b"data: : keepalive", b"data:: ping", b"data: ping", b"data: [PING]", b"data: keep-alive", b'data: "ping"'),
    *(b"data:", b"data: ", b"data", b"data: null", b'data: ""', b"data: {}", b"data: []", b"data: HEARTBEAT"),
    *(b"event: ping\ndata: {}", b'event: ping\ndata: {"type": "ping"}', b'data: {"type":"ping"}', b"event: ping"),
    *(b'data: {"choices":null}', b'data: {"id":"c","object":"chat.completion.chunk","model":"theirs","choices":[]}'),
    *(b": keep-alive", b":", b": a\n: b"),
]


@pytest.mark.parametrize("line", KEEP_ALIVES)
def test_a_keep_alive_becomes_a_comment(line: bytes) -> None:
    for body in (
        line + b"\n\n" + said("te") + said("al", "stop") + DONE,
        said("te") + line + b"\n\n" + said("al", "stop"),
    ):
        heard = Heard([body])
        assert (heard.text, heard.whole, len(heard.chunks)) == ("teal", True, 2)
        assert heard.output.count(b"\n\n") == 4, "the caller's connection must live too"
        assert all(part.startswith((b":", b"data: {", b"data: [DONE]")) for part in heard.output.split(b"\n\n")[:-1])


@pytest.mark.parametrize(
    "data",
    [
        b"data: Internal Server Error",
        b"data: pinging the GPU failed",
        b"data: [1]",
        b"data: 7",
        b"data: true",
        b'data: {"choices":[{"delta":{"content":}}]}',
        b'data: {"choices":[{"delta":' + b"[" * 200_000 + b"]" * 200_000 + b"}]}",
        b'data: {"choices":{"0":{}}}',
        b'data: {"choices":["te"]}',
        b'data: {"choices":"te"}',
        b'data: {"choices":[{"delta":"te"}]}',
        b'data: {"choices":[{"delta":["te"]}]}',
        b"<html>",
        b'{"choices": []}',
        b"Service unavailable, sorry",
        b"event: error\ndata: overloaded",
        b'event: error\ndata: {"message": "overloaded"}',
        b'error: {"message": "overloaded"}',
        b'data: {"error": {"message": "overloaded"}}',
        b'data: {"choices":[],"error":"overloaded"}',
        b'data: {"object": "error", "message": "overloaded"}',
        b'data: {"detail": "overloaded"}',
    ],
    ids=lambda data: data[:40].decode(),
)
def test_what_is_no_chunk_is_a_failure_even_before_a_clean_end(data: bytes) -> None:
    heard = Heard([said("te") + data + b"\n\n" + said("al", "stop") + DONE])
    assert (heard.text, heard.whole) == ("te", False)
    assert heard.told
    if b"overloaded" in data:
        assert "overloaded" in heard.told + heard.failures[0].upstream_words


REAL = ["stop", "length", "tool_calls", "content_filter", "function_call", "eos", "end_turn"]
NONE: list[Any] = [None, "", " ", "null", "None", False, 0, [], {}]


@pytest.mark.parametrize("reason", REAL)
def test_a_clean_end_after_a_reason_is_whole(reason: str) -> None:
    heard = Heard([said("te"), said("al", reason)])
    assert (heard.text, heard.whole) == ("teal", True)
    later = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}
    usage = b"data: " + json.dumps(later).encode() + b"\n\n"
    assert Heard([said("te", reason) + said() + usage]).whole


@pytest.mark.parametrize("reason", NONE, ids=repr)
def test_a_clean_end_without_a_reason_is_incomplete(reason: Any) -> None:
    heard = Heard([said("The answer is", reason), said(" about to", reason)])
    assert not heard.whole
    assert "ended before a finish_reason" in heard.told
    assert Heard([said("te", reason), DONE]).whole, "[DONE] is the upstream's own end mark"


@pytest.mark.parametrize("reason", ["error", "abort"])
def test_an_answer_that_broke_off_is_a_failure(reason: str) -> None:
    heard = Heard([said("te"), said("", reason), DONE])
    assert (heard.text, heard.whole) == ("te", False)
    assert reason in heard.told


def test_each_of_several_choices_needs_its_own_end() -> None:
    zero, one = said("a", "stop"), said("b", "stop", 1)
    assert Heard([zero, one], choices=2).whole
    assert not Heard([zero, said("b", None, 1)], choices=2).whole
    assert not Heard([said("b", None, 1), zero]).whole
    assert not Heard([zero], choices=2).whole
    assert Heard([zero, DONE], choices=2).whole


def test_a_cut_inside_an_event_is_incomplete_though_a_reason_was_told() -> None:
    body = said("te", "stop")
    for cut in range(1, len(body) - 2):
        assert not Heard([said("x", "stop"), body[:cut]]).whole, body[:cut]
    assert Heard([said("x", "stop"), body[:-2]]).whole


@pytest.mark.parametrize("body", [DONE, b'data: {"choices":[]}\n\n' + DONE, b": x\n\n" + DONE, b"data: {}\n\n" + DONE])
def test_a_stream_without_any_choice_is_no_answer(body: bytes) -> None:
    heard = Heard([body])
    assert not heard.whole
    assert "no choices" in heard.told


def test_usage_goes_to_whom_it_is_due_and_missing_counts_keep_their_value() -> None:
    counts = [{"prompt_tokens": 4, "completion_tokens": 1}, {"completion_tokens": 2}]
    pieces = [said("te", None, usage=counts[0]), said("al", "stop", usage=None)]
    pieces += [b"data: " + json.dumps({"usage": counts[1]}).encode() + b"\n\n", DONE]
    without, wanted = Heard(pieces), Heard(pieces, usage_wanted=True)
    assert without.usage == wanted.usage
    assert without.usage is not None
    assert (without.usage.prompt_tokens, without.usage.completion_tokens) == (4, 2)
    assert len(without.chunks) == 2
    assert wanted.chunks[-1] == {"usage": counts[1], "choices": []}


def test_only_what_adds_to_an_answer_counts_as_a_token_also_beside_an_error_field() -> None:
    pieces = [said("", None, error=None), said("te", None, error=None), said(None, "stop", error=None), DONE]
    assert (Heard(pieces).tokens, Heard(pieces).text) == (1, "te")


def test_what_is_no_utf_8_is_replaced_as_the_grammar_says() -> None:
    heard = Heard([said("te").replace(b'"te"', b'"t\xff"'), said("al", "stop"), DONE])
    assert (heard.text, heard.whole) == ("t\ufffdal", True)


def test_one_event_may_be_as_large_as_a_whole_answer() -> None:
    assert MAX_MESSAGE == ANSWER_BYTES == 32 * 1024 * 1024
    body = said("te") + said("al", images=[{"url": "A" * 20_000_000}]) + said(None, "stop") + DONE
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    heard = Heard(pieces)
    assert (heard.text, heard.whole) == ("teal", True)
    assert len(heard.output) > 20_000_000
    endless = Heard([b"data: " + b"x" * 65_536] + [b"x" * 65_536] * 520)
    assert "more than 33,554,432 bytes" in endless.told


EVENTS = st.one_of(
    st.builds(said, st.sampled_from([None, "", "a", "模型", 'an "error"', "abort"]), st.none(), st.integers(0, 2)),
    st.builds(said, st.none(), st.sampled_from(["stop", "abort", "error", " Length ", "none", 7]), st.integers(0, 1)),
    st.builds(said, st.just("u"), usage=st.just({"prompt_tokens": 3, "completion_tokens": 2})),
    st.sampled_from([
        b'data: {"error": {"message": "no"}}\n\n', b": ping\n\n", b"data: {}\n\n", b"data: [1]\n\n", b"data: {\n\n",
        b'data: {"choices": []}\n\n', b'data: {"choices": [{"delta": {}}]}\r\n\r\n', b"data: {}x\n\n",
        b"event: error\n\n",
        b'data: {"choices": [\n\n', b'data: {"delta": {}}]}\n\n', b'data: {"model": "theirs", "choices": 1}\n\n',
        b'data: {"a": {}\n\n', b'data: {"b": {}}}\n\n', DONE,
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
    ]),
)  # fmt: skip


@given(st.lists(EVENTS, max_size=8), st.integers(0, 3))
def test_events_that_come_together_are_heard_as_if_each_byte_came_by_itself(events: list[bytes], together: int) -> None:
    whole = b"".join(events)
    pieces = (
        [whole] if not together else [b"".join(events[at : at + together]) for at in range(0, len(events), together)]
    )
    quick, slow = Heard(pieces), Heard([bytes([byte]) for byte in whole])
    assert (quick.finished, quick.usage) == (slow.finished, slow.usage)
    assert [failure.code for failure in quick.failures] == [failure.code for failure in slow.failures]
    assert [failure.message for failure in quick.failures] == [failure.message for failure in slow.failures]
    assert quick.output == slow.output
