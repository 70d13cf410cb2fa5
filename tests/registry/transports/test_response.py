"""An answer being read: pieces in order, caps on size, one end, and nothing after it."""

import asyncio
import gzip

import pytest

from registry.canon import Failure
from registry.transports.decompress import Decompressor
from registry.transports.response import Response, ResponseLimits


class Source:
    """A connection that notes what is asked of it."""

    def __init__(self) -> None:
        self.aborted = self.resumed = 0

    def abort(self) -> None:
        """Note a close."""
        self.aborted += 1

    def resume(self) -> None:
        """Note that more may come."""
        self.resumed += 1


def opened(**limits: int) -> tuple[Response, Source]:
    """An answer whose head has arrived."""
    source = Source()
    made = Response(source, ResponseLimits(**limits), "http://h:80", asyncio.get_running_loop())
    made.begin_body(None)
    return made, source


async def test_pieces_come_in_order_and_then_the_end() -> None:
    made, _ = opened()
    for piece in (b"a", b"b", b"c"):
        made.add(piece)
    assert await made.read_some() == b"abc"
    made.add(b"d")
    made.finish()
    assert [await made.read_some(), await made.read_some(), await made.read_some()] == [b"d", b"", b""]


async def test_a_reader_waits_for_bytes() -> None:
    made, _ = opened()
    waiting = asyncio.create_task(made.read_some())
    await asyncio.sleep(0)
    assert not waiting.done()
    made.add(b"a")
    made.wake()
    assert await asyncio.wait_for(waiting, 1) == b"a"


async def test_the_upstreams_cuts_are_kept_for_a_reader_that_waits_and_for_no_other() -> None:
    made, _ = opened()
    made.add(b"ab", (b"a", b"b"))
    assert (await made.read_some(), made.parts) == (b"ab", ())
    for more, parts in (((), (b"c", b"d")), ((b"ef",), ())):
        waiting = asyncio.create_task(made.read_some())
        await asyncio.sleep(0)
        made.add(b"cd", (b"c", b"d"))
        for data in more:
            made.add(data)
        made.wake()
        assert (await asyncio.wait_for(waiting, 1), made.parts) == (b"cd" + b"".join(more), parts)


async def test_no_more_than_the_mark_is_handed_over_at_once() -> None:
    made, source = opened(high_water=10)
    for _ in range(5):
        made.add(b"x" * 4)
    assert [len(await made.read_some()) for _ in range(3)] == [8, 8, 4]
    assert source.resumed >= 1


async def test_one_piece_may_be_larger_than_the_mark() -> None:
    made, _ = opened(high_water=10)
    made.add(b"x" * 100)
    assert len(await made.read_some()) == 100


async def test_a_whole_body_has_a_cap_of_its_own() -> None:
    made, source = opened(body=10, stream=1000)
    made.add(b"x" * 11)
    with pytest.raises(Failure, match="upstream http://h:80 sent more than 10 bytes, the most that is accepted"):
        await made.read()
    assert source.aborted == 1


async def test_a_stream_has_a_cap() -> None:
    made, source = opened(stream=10)
    made.add(b"x" * 10)
    assert await made.read_some() == b"x" * 10
    made.add(b"x")
    assert await made.read_some() == b"x"
    with pytest.raises(Failure, match="sent more than 10 bytes"):
        await made.read_some()
    assert source.aborted == 1


async def test_a_failure_is_told_once_and_the_first_one_stays() -> None:
    made, source = opened()
    made.fail(ValueError("first"))
    made.fail(ValueError("second"))
    for _ in range(2):
        with pytest.raises(ValueError, match="first"):
            await made.read()
    assert source.aborted == 1


async def test_bytes_that_arrived_before_a_failure_are_read_first() -> None:
    made, _ = opened()
    made.add(b"a")
    made.fail(ValueError("cut"))
    assert await made.read_some() == b"a"
    with pytest.raises(ValueError, match="cut"):
        await made.read_some()


async def test_a_whole_answer_cannot_fail_any_more() -> None:
    made, source = opened()
    made.add(b"a")
    made.finish()
    made.fail(ValueError("late"))
    made.close()
    assert await made.read() == b"a"
    assert source.aborted == 0


async def test_an_answer_that_is_left_closes_its_connection() -> None:
    made, source = opened()
    made.close()
    made.close()
    assert source.aborted == 1


async def test_a_compressed_body_is_opened() -> None:
    made, _ = opened()
    made.begin_body(Decompressor("gzip", 1000))
    data = gzip.compress(b"hello")
    made.add(data[:7])
    made.add(data[7:])
    made.finish()
    assert await made.read() == b"hello"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"hello", mtime=0)[:-2], "ended its compressed body early"),
        (b"hello", "compressed body is damaged"),
    ],
)
async def test_a_compressed_body_that_is_wrong_is_a_failure(data: bytes, words: str) -> None:
    made, _ = opened()
    made.begin_body(Decompressor("gzip", 1000))
    made.add(data)
    made.finish()
    with pytest.raises(Failure, match=words):
        await made.read()


async def test_an_empty_compressed_body_is_empty() -> None:
    made, _ = opened()
    made.begin_body(Decompressor("gzip", 1000))
    made.finish()
    assert await made.read() == b""


async def test_the_head_is_waited_for() -> None:
    source = Source()
    made = Response(source, ResponseLimits(), "http://h:80", asyncio.get_running_loop())
    waiting = asyncio.create_task(made.head())
    await asyncio.sleep(0)
    assert not waiting.done()
    made.begin_body(None)
    made.wake()
    await asyncio.wait_for(waiting, 1)
    broken = Response(source, ResponseLimits(), "http://h:80", asyncio.get_running_loop())
    broken.fail(ValueError("gone"))
    with pytest.raises(ValueError, match="gone"):
        await broken.head()
