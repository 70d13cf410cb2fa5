"""Streams are cut into the same messages, wherever the network cuts them, and one that does not end is refused."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.canon import Failure, FailureKind
from registry.protocols.runtime import framing
from registry.protocols.runtime.framing import (
    KEEP_ALIVE,
    EventBlocks,
    FramingKind,
    LineEnds,
    Lines,
    Message,
    NdjsonFraming,
    SseFraming,
    is_field_name,
    read_event,
)

MARK = b"\xef\xbb\xbf"


def messages(kind: Callable[[], FramingKind], pieces: Sequence[bytes]) -> list[Message]:
    """Every message of a stream that arrives in `pieces`."""
    cutter = kind()
    found = [message for piece in pieces for message in cutter.feed(piece)]
    return [*found, *cutter.close()]


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """`data` whole, in single bytes, and cut once at every place."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


NDJSON = [
    (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    (b'{"a":1}\r\n{"b":2}\r\n', [b'{"a":1}', b'{"b":2}']),
    (b'{"a":1}\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
    (b"\n\n  \n[]\n\n", [b"[]"]),
    (MARK + b'{"a":1}\n' + MARK + b"x\n", [b'{"a":1}', MARK + b"x"]),
    (MARK + b"1", [b"1"]),
    (b"", []),
    (b"\n", []),
    ("é名\n".encode(), ["é名".encode()]),
]


@pytest.mark.parametrize(("data", "lines"), NDJSON)
def test_lines_of_json_are_the_same_at_every_cut(data: bytes, lines: list[bytes]) -> None:
    for pieces in cuts(data):
        assert messages(NdjsonFraming, pieces) == [("", line) for line in lines], pieces


SSE = [
    (b"data: 1\n\ndata: 2\n\n", [("", b"1"), ("", b"2")]),
    (b"data: 1\r\n\r\ndata: 2\r\n\r\n", [("", b"1"), ("", b"2")]),
    (b"data: 1\r\rdata: 2\r\r", [("", b"1"), ("", b"2")]),
    (b"data: 1\n\r\ndata: 2\r\n\n", [("", b"1"), ("", b"2")]),
    (b"data:1\n\n", [("", b"1")]),
    (b"data:  1\n\n", [("", b" 1")]),
    (b"data: 1\ndata: 2\n\n", [("", b"1\n2")]),
    (b"event: delta\ndata: 1\n\n", [("delta", b"1")]),
    (b"data: 1\nevent: delta\n\n", [("delta", b"1")]),
    (b": comment\n\ndata: 1\n\n", [("", b"1")]),
    (b"id: 7\nretry: 10\ndata: 1\n\n", [("", b"1")]),
    (b"event: ping\n\n", []),
    (b"data\n\n", [("", b"")]),
    (b"data:\n\n", [("", b"")]),
    (b"data: 1", [("", b"1")]),
    (b"data: 1\n", [("", b"1")]),
    (b"\n\n\n\ndata: 1\n\n\n\n", [("", b"1")]),
    (MARK + b"data: 1\n\n", [("", b"1")]),
    (MARK + MARK + b"data: 1\n\n", []),
    (b"", []),
    (b"\xef", []),
    (b'data: {"a":\ndata: 1}\n\n', [("", b'{"a":\n1}')]),
]


@pytest.mark.parametrize(("data", "expected"), SSE)
def test_events_are_the_same_at_every_cut(data: bytes, expected: list[Message]) -> None:
    for pieces in cuts(data):
        assert messages(SseFraming, pieces) == expected, pieces


LINES = st.lists(
    st.sampled_from([b"data: a", b"event: e", b": c", b"", b"data", b"id: 1", b"x: \xc3\xa9"]), max_size=12
)


@given(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_every_spelling_of_line_ends_and_every_cut_gives_the_same_events(
    lines: list[bytes], end: bytes, data: st.DataObject
) -> None:
    plain = b"".join(line + b"\n" for line in lines)
    stream = b"".join(line + end for line in lines)
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]
    assert messages(SseFraming, pieces) == messages(SseFraming, [plain])


@given(st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"").replace(b"\r", b""))), st.data())
def test_lines_come_out_as_they_went_in(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    at = data.draw(st.integers(0, len(stream)))
    cutter = Lines()
    assert [*cutter.feed(stream[:at]), *cutter.feed(stream[at:])] == lines
    assert cutter.rest() == b""


@given(st.binary(max_size=40), st.data())
def test_line_ends_are_spelled_one_way_at_every_cut(text: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    ends = LineEnds()
    written = ends.feed(text[:at]) + ends.feed(text[at:]) + ends.close()
    assert written == text.removeprefix(MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """The largest message, made small."""
    monkeypatch.setattr(framing, "MAX_MESSAGE", 100)
    return 100


@pytest.mark.parametrize("kind", [NdjsonFraming, SseFraming])
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_message_that_does_not_end_is_refused(
    small: int, kind: Callable[[], FramingKind], ended: bool, piece: int
) -> None:
    data = b"data: " + b"x" * small * 2 + (b"\n\n" if ended else b"")
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    with pytest.raises(Failure) as caught:
        messages(kind, pieces)
    assert (caught.value.kind, caught.value.retryable) == (FailureKind.UPSTREAM_INVALID, True)
    assert "a message of more than 100 bytes" in caught.value.message
    assert caught.value.upstream_words.startswith("data: xxx")


@pytest.mark.parametrize("kind", [NdjsonFraming, SseFraming])
def test_many_messages_may_be_larger_than_one(small: int, kind: Callable[[], FramingKind]) -> None:
    data = (b"data: " + b"x" * 50 + b"\n\n") * 20
    assert len(messages(kind, [data])) == 20


def test_messages_before_one_that_is_too_long_are_given(small: int) -> None:
    found: list[Message] = []
    with pytest.raises(Failure):
        found.extend(SseFraming().feed(b"data: 1\n\ndata: " + b"x" * 200 + b"\n\n"))
    assert found == [("", b"1")]


@pytest.mark.parametrize(
    "data",
    [b": anything", b"ping", b"[PING]", b"keepalive", b"keep-alive", b"Heartbeat", b"<<ping>>", b" ping "],
)
def test_data_that_carries_nothing_is_known(data: bytes) -> None:
    assert KEEP_ALIVE.match(data)


@pytest.mark.parametrize("data", [b'{"ping":1}', b"pinged", b"ping pong", b"1", b"[DONE]"])
def test_data_that_carries_something_is_not_taken_for_a_sign_of_life(data: bytes) -> None:
    assert not KEEP_ALIVE.match(data)


def test_the_fields_of_an_event() -> None:
    event = read_event(b"event: e\ndata: 1\nid: 7\nid: 8\n: note\n: more\ndata: 2\n<html>\nerror: bad")
    assert (event.name, event.data, event.comment, event.stray) == ("e", b"1\n2", b": note", b"<html>")
    assert event.others == {"id": b"7", "error": b"bad"}


def test_what_is_kept_of_strange_lines_is_cut() -> None:
    event = read_event(b"event: " + b"e" * 500 + b"\n:" + b"c" * 500 + b"\nid: " + b"i" * 5000 + b"\n<" + b"s" * 5000)
    sizes = (len(event.name), len(event.comment), len(event.others["id"]), len(event.stray))
    assert sizes == (100, 200, 2000, 2000)


@pytest.mark.parametrize("key", [b"data", b"id", b"x-amzn", b"last_id", b"a" * 64])
def test_names_that_a_field_may_have(key: bytes) -> None:
    assert is_field_name(key)


@pytest.mark.parametrize("key", [b"", b"<html>", b'{"a"', b"a b", b"7", b"a" * 65, "é".encode(), b"-a.b"])
def test_lines_that_are_no_fields(key: bytes) -> None:
    assert not is_field_name(key)


def test_blocks_hold_no_more_than_one_event() -> None:
    blocks = EventBlocks()
    assert list(blocks.feed(b"data: 1\n\ndata: 2\n\ndata: 3")) == [b"data: 1", b"data: 2"]
    assert bytes(blocks.held) == b"data: 3"
    assert blocks.close() == b"data: 3"
    assert blocks.close() == b""
