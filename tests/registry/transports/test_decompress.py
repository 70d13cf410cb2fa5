"""Compressed answers are opened piece by piece, within bounds, and told apart from damaged ones."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.transports.decompress import GRACE, RATIO, DecompressionRefused, Decompressor


def packed(data: bytes, encoding: str) -> bytes:
    """`data` as an upstream compresses it."""
    return zlib.compress(data) if encoding == "deflate" else gzip.compress(data)


@given(
    st.binary(max_size=2000),
    st.sampled_from(["gzip", "x-gzip", "deflate"]),
    st.lists(st.integers(0, 2100), max_size=5),
)
def test_a_body_is_the_same_however_it_is_cut(data: bytes, encoding: str, cuts: list[int]) -> None:
    body = packed(data, encoding)
    places = sorted(min(cut, len(body)) for cut in cuts)
    inflate = Decompressor(encoding, 10_000)
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
    assert b"".join(map(inflate.feed, pieces)) == data
    assert inflate.complete


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "", "IDENTITY"])
def test_an_encoding_that_was_not_asked_for_is_named(encoding: str) -> None:
    with pytest.raises(DecompressionRefused, match="although identity was asked for") as caught:
        Decompressor(encoding, 100)
    assert repr(encoding) in str(caught.value)


def test_a_body_that_ends_early_is_not_complete() -> None:
    inflate = Decompressor("gzip", 1000)
    inflate.feed(gzip.compress(b"hello")[:-3])
    assert not inflate.complete


@pytest.mark.parametrize(
    "data", [b"hello", b"\x1f\x8b\x08" + b"\xff" * 40, gzip.compress(b"a" * 100, mtime=0)[:12] + b"\x00" * 30]
)
def test_damage_is_refused(data: bytes) -> None:
    with pytest.raises(DecompressionRefused, match="the upstream's compressed body is damaged"):
        Decompressor("gzip", 1000).feed(data)


def test_a_body_is_no_larger_than_its_limit() -> None:
    assert len(Decompressor("gzip", 1000).feed(gzip.compress(b"x" * 1000))) == 1000
    with pytest.raises(DecompressionRefused, match="grew from"):
        Decompressor("gzip", 999).feed(gzip.compress(b"x" * 1000))


def test_a_body_may_not_grow_beyond_reason() -> None:
    bomb = gzip.compress(b"\x00" * (4 * GRACE))
    assert len(bomb) * RATIO < 4 * GRACE
    with pytest.raises(DecompressionRefused, match=rf"grew from {len(bomb)} to more than {GRACE} bytes"):
        Decompressor("gzip", 100 * GRACE).feed(bomb)


def test_a_small_body_may_grow_much() -> None:
    assert len(Decompressor("gzip", GRACE).feed(gzip.compress(b"\x00" * GRACE))) == GRACE
