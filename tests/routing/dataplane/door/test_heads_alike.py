"""Heads that differ in a length or an id are read from one another: as if each had been read alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.dataplane.door import head as heads
from routing.dataplane.door.head import Heads, RequestHead, RequestUnreadable, read_head

NAMES = st.sampled_from(
    ["Content-Length", "content-length", "CONTENT-LENGTH", "X-Request-Id", "x-request-id", "A", "Transfer-Encoding"]
)
VALUES = st.sampled_from(["5", "05", "12", "+5", "5, 5", "1" * 15, "1" * 16, "", "a-1", "b c", "é", "chunked", "\t7"])
LINES = st.lists(st.tuples(NAMES, st.sampled_from([": ", ":", ":\t", ":  "]), VALUES), max_size=4)


def told(lines: list[tuple[str, str, str]]) -> bytes:
    texts = ["POST /v1/x HTTP/1.1", "Host: h", *(name + colon + value for name, colon, value in lines)]
    return ("\r\n".join(texts) + "\r\n\r\n").encode("latin-1")


def alone(data: bytes) -> RequestHead | str:
    try:
        return read_head(data)
    except RequestUnreadable as error:
        return str(error)


def kept(known: Heads, data: bytes) -> RequestHead | str:
    try:
        return known.read(data)
    except RequestUnreadable as error:
        return str(error)


@given(st.lists(LINES, min_size=2, max_size=6), st.lists(VALUES, min_size=4, max_size=4))
def test_what_was_read_before_changes_no_head(several: list[list[tuple[str, str, str]]], others: list[str]) -> None:
    known = Heads()
    for lines in several:
        changed = [(name, colon, other) for (name, colon, _), other in zip(lines, others, strict=False)]
        for data in (told(lines), told(changed), told(lines)):
            assert kept(known, data) == alone(data)


def test_a_caller_whose_bodies_differ_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def counting(data: bytes) -> RequestHead:
        read.append(data)
        return read_head(data)

    monkeypatch.setattr(heads, "read_head", counting)
    known = Heads()
    for number in range(50):
        found = known.read(told([("Content-Length", ": ", str(number)), ("X-Request-Id", ": ", f"call-{number}")]))
        assert (found.length, found.header(b"x-request-id")) == (number, f"call-{number}".encode())
        assert not found.memo
        found.memo["call"] = number
    assert len(read) == 1
