"""Live tables: frames say what the tables say, and a tab watches what it may, without a queue."""

import json
import math
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.base import streams
from controlplane.base.live import HUB
from controlplane.base.models import User
from controlplane.base.stream_frames import ABSENT, StreamColumn, StreamEncoder, StreamTable
from controlplane.base.streams import MOST_WAITING, MOST_WATCHED, LiveStream, WatchedStreams
from tests.console.test_live import Tab, cookie_of

Make = Callable[..., User]
COLUMNS = (StreamColumn("share", 100.0), StreamColumn("heat", 1.0, -60.0))
IDS: list[list[int] | list[str]] = [[], [3], [3, 9, 4], ["a", "b"]]
NUMBERS = st.floats(0, 600) | st.sampled_from([math.nan, -5.0, 1e9, 0.0])


class Reader:
    """What a page knows after some messages."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.numbers = np.zeros((0, 0), np.uint16)
        self.ids: list[int | str] = []

    def take(self, message: bytes) -> None:
        """Read one message, as static/js/stream.js does."""
        body = zlib.decompress(message)
        length = int.from_bytes(body[:4], "little")
        before, self.header = self.header.get("seq", 0), json.loads(body[4 : 4 + length])
        planes = np.frombuffer(body[4 + length :], np.uint8).astype(np.int64)
        if "ids" in self.header:
            last = 0
            self.ids = [last := last + one if isinstance(one, int) else one for one in self.header["ids"]]
            self.numbers = np.zeros((len(self.header["columns"]), len(self.ids)), np.uint16)
        low, high = np.moveaxis(planes.reshape(len(self.numbers), 2, len(self.ids)), 1, 0)
        coded = low | (high << 8)
        if "ids" in self.header:
            self.numbers = coded.astype(np.uint16)
        else:
            assert self.header["seq"] == before + 1
            self.numbers = (self.numbers + ((coded >> 1) ^ -(coded & 1))).astype(np.uint16)


def table(ids: list[int] | list[str], numbers: list[list[float]]) -> StreamTable:
    """Two columns of these numbers."""
    return StreamTable(COLUMNS, ids, np.array(numbers).reshape(2, len(ids)), [0] * len(ids), ["a"], [1.4])


@st.composite
def some_tables(draw: st.DrawFn) -> list[StreamTable]:
    """Tables that follow each other; sometimes a row comes or goes."""
    said = []
    for _ in range(draw(st.integers(1, 5))):
        ids = draw(st.sampled_from(IDS))
        cells = st.lists(NUMBERS, min_size=len(ids), max_size=len(ids))
        said.append(table(ids, [draw(cells), draw(cells)]))
    return said


@settings(max_examples=200, deadline=None)
@given(some_tables())
def test_frames_say_what_the_tables_say(tables: list[StreamTable]) -> None:
    encoder, follower = StreamEncoder("x", 7), Reader()
    for at, one in enumerate(tables):
        newcomer = Reader()
        follower.take(encoder.frame(one, 1000.0 + at))
        newcomer.take(encoder.whole())
        for reader in (follower, newcomer):
            assert reader.ids == list(one.ids)
            assert (reader.header["seq"], reader.header["ages"]) == (8 + at, [1])
            assert reader.numbers.tolist() == [
                [expected(column, value) for value in values]
                for column, values in zip(COLUMNS, np.asarray(one.values).tolist(), strict=True)
            ]


def expected(column: StreamColumn, value: float) -> int:
    """The number of one value."""
    if math.isnan(value):
        return ABSENT
    return max(0, min(ABSENT - 1, round((value - column.low) * column.steps)))


def test_a_slow_tab_has_two_frames_at_most_and_begins_anew() -> None:
    watched = WatchedStreams()
    assert watched.watch("x", b"whole 0")
    for number in range(1, 10):
        watched.offer("x", b"%d" % number, partial(b"whole %d".__mod__, number))
    waiting: Iterator[bytes | None] = iter(watched.next, None)
    found = list(waiting)
    assert len(found) <= MOST_WAITING
    assert found[0] is not None
    assert found[0].startswith(b"whole")
    assert found[-1] in (b"9", b"whole 9")


def test_a_tab_watches_so_many_streams_and_leaves_them() -> None:
    watched = WatchedStreams()
    assert [watched.watch(f"x/{number}", b"") for number in range(MOST_WATCHED + 1)] == [True] * MOST_WATCHED + [False]
    watched.leave("x/0")
    assert watched.watch("x/9", b"")
    assert not watched.offer("x/0", b"frame", lambda: b"whole")


@pytest.fixture
async def counted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """A stream that counts how often it is read, and one that nobody may watch."""
    asked: list[str] = []

    def read(parameter: str) -> StreamTable:
        asked.append(parameter)
        return table([1, 2], [[0.1, 0.2], [len(asked), math.nan]])

    for kind, verb in (("counted", "fleet.read"), ("closed", "nobody.may")):
        monkeypatch.setitem(streams.STREAMS, kind, LiveStream(kind, verb, read))
    yield asked
    await sync_to_async(connections.close_all)()


async def frame_of(tab: Tab) -> Reader:
    """The next binary frame."""
    reader = Reader()
    reader.take(await bytes_of(tab))
    return reader


async def bytes_of(tab: Tab) -> bytes:
    """The next binary message; ticks are passed over."""
    while not (message := await tab.hear_raw()).get("bytes"):
        pass
    return bytes(message["bytes"])


@pytest.mark.django_db(transaction=True)
async def test_tabs_of_a_process_get_the_same_bytes_of_one_reading(person: Make, counted: list[str]) -> None:
    cookie = await database_sync_to_async(lambda: cookie_of(person("viewer")))()
    tabs = [Tab(cookie) for _ in range(5)]
    for tab in tabs:
        await tab.open()
        await tab.say(subscribe="counted")
    said = [[await bytes_of(tab) for _ in range(3)] for tab in tabs]
    readers = [Reader() for _ in tabs]
    for reader, messages in zip(readers, said, strict=True):
        for message in messages:
            reader.take(message)
    assert [reader.numbers[0].tolist() for reader in readers] == [[10, 20]] * 5
    assert len(counted) <= HUB.desk.sequence("counted") - min(reader.header["seq"] for reader in readers) + 3
    assert len(set.intersection(*(set(messages) for messages in said))) >= 1
    for tab in tabs:
        await tab.say(unsubscribe="counted")
    while HUB.desk.sequence("counted"):
        await HUB.beat()
    for tab in tabs:
        await tab.close()


@pytest.mark.django_db(transaction=True)
async def test_a_gap_is_mended_by_a_whole_frame(person: Make, counted: list[str]) -> None:
    tab = Tab(await database_sync_to_async(lambda: cookie_of(person("viewer")))())
    await tab.open()
    await tab.say(subscribe="counted")
    first = await frame_of(tab)
    await tab.say(subscribe="counted")
    again = await frame_of(tab)
    assert ["ids" in one.header for one in (first, again)] == [True, True]
    assert again.header["seq"] >= first.header["seq"]
    await tab.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["closed", "unheard-of", "", "counted" * 60])
async def test_what_one_may_not_watch_does_not_come(person: Make, counted: list[str], name: str) -> None:
    tab = Tab(await database_sync_to_async(lambda: cookie_of(person("viewer")))())
    await tab.open()
    await tab.say(subscribe=name)
    await tab.say(subscribe="counted")
    assert (await frame_of(tab)).header["kind"] == "counted"
    assert [viewer.streams.names for viewer in HUB.viewers] == [{"counted"}]
    await tab.close()


@pytest.mark.django_db(transaction=True)
async def test_a_stream_ends_with_the_right_to_it(person: Make, counted: list[str]) -> None:
    user = await database_sync_to_async(lambda: person("viewer"))()
    tab = Tab(await database_sync_to_async(lambda: cookie_of(user))())
    await tab.open()
    await tab.say(subscribe="counted")
    await frame_of(tab)
    await database_sync_to_async(lambda: User.objects.filter(pk=user.pk).update(is_active=False))()
    await HUB.turn_out()
    await HUB.beat()
    assert [viewer.streams.names for viewer in HUB.viewers] == [set()]
    await tab.close()
