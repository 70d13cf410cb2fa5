"""Records in batches: whatever comes in, each reaches the store once, in order, in messages of bounded size."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from routing.dataplane import recorder as module
from routing.dataplane.recorder import PACK_BYTES, PACK_RECORDS, Record, Recorder, pack
from tests.routing.dataplane.test_recorder import Store, record


def sized(number: int, characters: int) -> Record:
    """A record whose message is that long."""
    return replace(record(number), message="x" * characters)


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=80))
@settings(max_examples=40, deadline=None)
def test_a_message_takes_records_from_the_front_and_stays_below_its_most(lengths: list[int]) -> None:
    queue = [sized(number, length) for number, length in enumerate(lengths)]
    packed, count = pack(queue)
    ids = [row["id"] for row in msgspec.json.decode(packed)]
    assert ids == [one.id for one in queue[:count]]
    assert 1 <= count <= PACK_RECORDS
    assert len(packed) <= PACK_BYTES or count == 1


def test_a_record_larger_than_a_message_goes_alone_and_holds_up_nobody() -> None:
    queue = [sized(0, 2 * PACK_BYTES), sized(1, 10)]
    assert pack(queue)[1] == 1
    assert pack(queue[1:])[1] == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=8))
@settings(max_examples=40, deadline=None)
def test_every_record_is_delivered_or_spooled_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[int, bool]]
) -> None:
    async def run(spool: Path) -> tuple[Store, Recorder, int]:
        store, number = Store(), 0
        recorder = Recorder(store.deliver, spool)
        for count, away in rounds:
            store.away = away
            for _ in range(count):
                recorder.add(record(number))
                number += 1
            await recorder.flush()
        store.away = False
        await recorder.flush()
        await recorder.deliver_spool()
        return store, recorder, number

    store, recorder, number = asyncio.run(run(tmp_path_factory.mktemp("spool")))
    assert sorted(store.ids) == [record(one).id for one in range(number)]
    assert recorder.recorded == number == recorder.delivered + recorder.spooled
    assert (recorder.waiting, recorder.dropped) == (0, 0)


async def test_a_full_queue_counts_what_it_drops_and_takes_more_once_it_is_emptied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "QUEUE_RECORDS", 3)
    store = Store()
    recorder = Recorder(store.deliver, tmp_path / "spool")
    for number in range(5):
        recorder.add(record(number))
    assert (recorder.waiting, recorder.dropped) == (3, 2)
    await recorder.flush()
    recorder.add(record(9))
    await recorder.flush()
    assert store.ids == [record(number).id for number in (0, 1, 2, 9)]


async def test_while_the_store_is_away_it_is_told_and_is_back_after_the_next_delivery(tmp_path: Path) -> None:
    store = Store()
    recorder = Recorder(store.deliver, tmp_path / "spool")
    store.away = True
    recorder.add(record(1))
    await recorder.flush()
    assert recorder.away
    await recorder.deliver_spool()
    assert recorder.away
    store.away = False
    await recorder.deliver_spool()
    assert not recorder.away
    assert store.ids == [record(1).id]
    assert list((tmp_path / "spool").iterdir()) == []
