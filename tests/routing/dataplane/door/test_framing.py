"""The body of a request: the same bytes however they are cut, and nothing that is read in two ways."""

from itertools import pairwise

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.dataplane.door.framing import ASIDE_BYTES, LINE_BYTES, MOST_SMALL, SMALL_CHUNK, FramingError, framing_for

NEXT = b"GET / HTTP/1.1\r\n\r\n"


def taken(pieces: list[bytes], length: int | None = None) -> tuple[bytes, bytes, bool]:
    """The body, what comes after it, and whether it is whole."""
    framing, body, rest = framing_for(length), b"", b""
    for piece in pieces:
        if framing.complete:
            rest += piece
            continue
        part, after = framing.take(piece)
        body += part
        while after and not framing.complete:
            part, after = framing.take(after)
            body += part
        rest += after
    return body, rest, framing.complete


@pytest.mark.parametrize(
    "data",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"0\r\n\r\n",
        b"1\r\nh\r\n4\r\nello\r\n00\r\n\r\n",
        b"5;name=value\r\nhello\r\n0;last\r\n\r\n",
        b"5;a\r\nhello\r\n0\r\nDigest: abc\r\nA: b\r\n\r\n",
        b"A\r\n0123\r\n5678\r\n0\r\n\r\n",
        b"00005\r\nhe\r\n\n\r\n0\r\n\r\n",
    ],
)
def test_chunks_give_the_same_body_wherever_they_are_cut(data: bytes) -> None:
    whole = taken([data + NEXT])
    assert whole[1:] == (NEXT, True)
    assert whole[0] == theirs_of(data)
    for cut in range(len(data + NEXT) + 1):
        assert taken([(data + NEXT)[:cut], (data + NEXT)[cut:]]) == whole
    assert taken([bytes([byte]) for byte in data + NEXT]) == whole


def test_a_body_of_a_known_length_ends_where_it_says() -> None:
    for cut in range(9):
        assert taken([b"helloGET"[:cut], b"helloGET"[cut:]], 5) == (b"hello", b"GET", True)
    assert taken([b"hell"], 5) == (b"hell", b"", False)
    assert taken([b"GET"], 0) == (b"", b"GET", True)


@pytest.mark.parametrize(
    "data",
    [
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5 ;a\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5_0\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b";a\r\nhello\r\n0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"1000000000000000\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"4\r\nhello\r\n0\r\n\r\n",
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5;a\0b\r\nhello\r\n0\r\n\r\n",
        b"0\r\nno header\r\n\r\n",
        b"0\r\nA: b\n\r\n",
        b"0\r\nA: b\rc\r\n\r\n",
        b"0\r\n\n",
    ],
)
def test_chunks_that_can_be_read_in_two_ways_are_refused_wherever_they_are_cut(data: bytes) -> None:
    for cut in range(len(data)):
        with pytest.raises(FramingError):
            assert not taken([data[:cut], data[cut:]])[2], data


@pytest.mark.parametrize(
    "data",
    [
        b"5;" + b"a" * LINE_BYTES,
        b"0" * LINE_BYTES,
        b"0\r\nA: " + b"a" * LINE_BYTES,
        b"0\r\n" + b"A: b\r\n" * (ASIDE_BYTES // 4 + 1),
        (b"50;" + b"a" * 1000 + b"\r\n" + b"x" * 80 + b"\r\n") * (ASIDE_BYTES // 1000 + 1),
    ],
    ids=["endless extension", "endless size", "endless trailer", "trailers without end", "extensions without end"],
)
def test_what_stands_beside_the_data_is_bounded(data: bytes) -> None:
    with pytest.raises(FramingError):
        taken([data])
    with pytest.raises(FramingError):
        taken([data[at : at + 7] for at in range(0, len(data), 7)])


def test_a_body_of_tiny_chunks_is_refused_before_it_costs_seconds() -> None:
    tiny = b"1\r\na\r\n"
    assert taken([tiny * MOST_SMALL])[0] == b"a" * MOST_SMALL
    with pytest.raises(FramingError, match="chunks of fewer than"):
        taken([tiny * (MOST_SMALL + 1)])
    fair = b"%x\r\n%b\r\n" % (SMALL_CHUNK, b"a" * SMALL_CHUNK)
    assert len(taken([fair * (3 * MOST_SMALL)])[0]) == 3 * MOST_SMALL * SMALL_CHUNK


PIECES = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=20).map(lambda data: b"%x\r\n%b\r\n" % (len(data), data)),
        st.sampled_from([b"0\r\n\r\n", b"0\r\n", b"\r\n", b"5;x=y\r\nhello\r\n", b"A: b\r\n", b"\n", b"5 \r\n", b"\r"]),
    ),
    max_size=6,
)


@given(PIECES, st.lists(st.integers(0, 120), max_size=4))
def test_what_h11_and_the_door_both_accept_is_the_same_body(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    theirs = theirs_of(data)
    edges = [0, *sorted(cuts), len(data)]
    try:
        body, _, whole = taken([data[start:end] for start, end in pairwise(edges)])
    except FramingError:
        return
    if whole:
        assert body == theirs, f"h11 reads {theirs!r} in {data!r}"


def theirs_of(chunks: bytes) -> bytes | None:
    """The body as h11 reads it; None if it is not whole, or refused."""
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    body = b""
    try:
        while not isinstance(event := peer.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                return None
            body += bytes(event.data) if isinstance(event, h11.Data) else b""
    except h11.RemoteProtocolError:
        return None
    return body
