"""Chunks that come together mean the same as chunks that come a byte at a time, whatever their texts hold."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import DecodeError
from msgspec.json import decode

from registry.protocols.runtime.chunks import are_texts, decode_chunk, run_of, template_of
from tests.registry.protocols.runtime.test_event_streams import DONE, Heard, said

MODEL = b'"model": "theirs"'


def renamed(data: bytes) -> bytes:
    """`data` with the caller's name of the model."""
    return data.replace(MODEL, b'"model": "ours"')


def chunk(key: str, text: str, compact: bool, finish: Any = None, **more: Any) -> bytes:
    """An event in one of the shapes that servers write."""
    delta = {"tool_calls": [{"index": 0, "function": {"arguments": text}}]} if key == "arguments" else {key: text}
    choice = {"index": 0, "text": text} if key == "text" else {"index": 0, "delta": delta, "logprobs": None}
    body = {"id": "c", "model": "theirs", "choices": [{**choice, "finish_reason": finish}], **more}
    separators = (",", ":") if compact else (", ", ": ")
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=separators).encode() + b"\n\n"


KEYS = ["content", "reasoning_content", "reasoning", "text", "arguments"]
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", " ", 'say "hi"', "\\", "\\\\", 'a\\"', "line\nline", "模型", '"model":"x"', "[DONE]", "{}"]),
)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("compact", [False, True])
def test_alike_chunks_are_one_run(key: str, compact: bool) -> None:
    texts = ["one", "", 'two "2"', "drei\n", "四"]
    events = b"".join(chunk(key, text, compact) for text in texts)
    template = template_of(events, renamed)
    assert template is not None
    first, last = chunk(key, "", compact, finish="stop"), chunk(key, "", compact, usage={"prompt_tokens": 1})
    whole = first + events + last + DONE
    for parts in ((), by_event(whole), [whole], [whole[:9], whole[9:]], [b"x"] * len(whole)):
        run = run_of(template, whole, parts)
        assert run is not None
        assert (run.start, run.stop) == (len(first), len(first + events))
        assert run.output == renamed(events)
        assert run.tokens == sum(item.adds() for event in events.split(b"\n\n")[:-1] for item in choices(event))


def choices(event: bytes) -> Any:
    """The choices of an event."""
    return decode_chunk(event[6:]).choices


@pytest.mark.parametrize(
    "event",
    [
        chunk("content", "te", True, finish="stop"),
        chunk("content", "te", True, usage={"prompt_tokens": 1}),
        chunk("content", "te", True, error=None),
        chunk("content", "te", True).replace(b'"index":0', b'"index":null'),
        chunk("content", "te", True).replace(b'"choices":[', b'"choices":[{},'),
        chunk("content", "te", True).replace(b"\n\n", b"\r\n\r\n"),
        chunk("content", "te", True).replace(b"data: {", b"data: {\ndata: "),
        chunk("content", "te", True)[:-4] + b"\n\n",
        chunk("content", "te", True).replace(b'"id"', b'"\xff"'),
        chunk("content", "te", True, more="x" * 2048),
        b'data: {"content":"te"}\n\n',
        DONE,
    ],
)
def test_only_a_plain_chunk_of_one_choice_has_a_template(event: bytes) -> None:
    assert template_of(event, renamed) is None


@given(st.lists(TEXTS, min_size=1, max_size=5), st.booleans())
def test_what_is_json_is_a_text(texts: list[str], plain: bool) -> None:
    assert are_texts([json.dumps(text, ensure_ascii=plain)[1:-1].encode(errors="replace") for text in texts])


@given(st.lists(st.binary(max_size=3) | st.sampled_from([b"\\", b'"', b'\\"', b"\\\\", b",", b"\n", b"a"]), max_size=5))
def test_what_is_no_json_is_no_text(parts: list[bytes]) -> None:
    texts = [b"".join(parts[at : at + 2]) for at in range(len(parts))] or [b""]

    def is_text(text: bytes) -> bool:
        try:
            return isinstance(decode(b'"%b"' % text), str)
        except (DecodeError, UnicodeDecodeError):
            return False

    assert are_texts(texts) == all(map(is_text, texts))


@settings(max_examples=300)
@given(st.data())
def test_a_burst_means_what_its_bytes_mean(data: st.DataObject) -> None:
    key, compact = data.draw(st.sampled_from(KEYS)), data.draw(st.booleans())
    events = [chunk(key, text, compact) for text in data.draw(st.lists(TEXTS, min_size=3, max_size=12))]
    others = st.sampled_from([
        chunk(key, "", compact, "stop"), chunk(key, "x", compact, usage={"prompt_tokens": 3}), DONE, b": on\n\n", b"\n",
        said("x", None, 1), said("x", "abort"), chunk(key, "x", not compact), b"data: {\n", b"\xff", b"\r", b'"', b"\\",
        b'data: {"error": {"message": "no"}}\n\n', b'data: {"choices": [], "usage": {"prompt_tokens": 2}}\n\n',
    ])  # fmt: skip
    for _ in range(data.draw(st.integers(0, 3))):
        events.insert(data.draw(st.integers(0, len(events))), data.draw(others))
    body = bytearray(b"".join(events))
    for _ in range(data.draw(st.integers(0, 2))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.sampled_from(b'"\\\n\r{}:, xe\xff\x00'))
    places = [0, *sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=3))), len(body)]
    pieces = [bytes(body[start:stop]) for start, stop in pairwise(places)]
    slow = Heard([bytes([byte]) for byte in body])
    for quick in (Heard(pieces), Heard(pieces, parted=by_event)):
        assert quick.output == slow.output
        assert (quick.finished, quick.usage, quick.tokens) == (slow.finished, slow.usage, slow.tokens)
        assert [(one.code, one.message) for one in quick.failures] == [(one.code, one.message) for one in slow.failures]


def by_event(piece: bytes) -> list[bytes]:
    """A piece as most servers cut it: an event a part."""
    return [part for part in re.split(rb"(?<=\n\n)", piece) if part]
