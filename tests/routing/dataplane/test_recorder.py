"""Call records reach Redis, or the disk, or a count: never nothing."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from registry.canon import Adaptation
from routing.dataplane import recorder as module
from routing.dataplane.recorder import DeliveryFailed, Record, Recorder


class Store:
    """A stand-in for Redis that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.messages: list[bytes] = []

    async def deliver(self, packed: bytes) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise DeliveryFailed("connection refused")
        self.messages.append(packed)

    @property
    def ids(self) -> list[str]:
        return [row["id"] for message in self.messages for row in msgspec.json.decode(message)]


def record(number: int) -> Record:
    adapted = (Adaptation("temperature", "clamped", 3.0, 2.0),)
    return Record(
        id=f"{number:032x}",
        at=datetime.now(UTC),
        model="m",
        task="chat",
        api_key_id=1,
        endpoint="http://h:80",
        status=200,
        failure="",
        message="",
        stream=False,
        attempts=1,
        duration_ms=1.5,
        first_byte_ms=1.0,
        prompt_tokens=3,
        completion_tokens=4,
        usage_basis="reported",
        adapted=adapted,
        revision=7,
    )


async def test_records_are_packed_in_one_message_with_the_columns_of_call_record(tmp_path: Path) -> None:
    store = Store()
    recorder = Recorder(store.deliver, tmp_path / "spool")
    for number in range(10):
        recorder.add(record(number))
    await recorder.flush()
    assert len(store.messages) == 1
    row = msgspec.json.decode(store.messages[0])[0]
    assert row["adapted"] == [{"parameter": "temperature", "action": "clamped", "given": 3.0, "sent": 2.0}]
    assert datetime.fromisoformat(row["at"]).tzinfo is not None
    assert (recorder.recorded, recorder.delivered, recorder.waiting) == (10, 10, 0)


async def test_while_redis_is_away_records_wait_on_disk_and_are_delivered_by_any_later_process(tmp_path: Path) -> None:
    store = Store()
    store.away = True
    first = Recorder(store.deliver, tmp_path / "spool")
    for number in range(1200):
        first.add(record(number))
    await first.flush()
    assert (first.spooled, first.waiting, store.messages) == (1200, 0, [])
    assert oct((tmp_path / "spool").stat().st_mode & 0o777) == "0o700"
    store.away = False
    second = Recorder(store.deliver, tmp_path / "spool")
    await second.deliver_spool()
    assert sorted(store.ids) == [f"{number:032x}" for number in range(1200)]
    assert list((tmp_path / "spool").iterdir()) == []


async def test_two_processes_do_not_deliver_one_spool_file_twice(tmp_path: Path) -> None:
    store = Store()
    store.away = True
    recorder = Recorder(store.deliver, tmp_path)
    recorder.add(record(1))
    await recorder.flush()
    store.away = False
    await asyncio.gather(*(Recorder(store.deliver, tmp_path).deliver_spool() for _ in range(5)))
    assert len(store.ids) == 1


async def test_a_full_disk_keeps_records_in_memory_and_counts_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_RECORDS", 5)
    monkeypatch.setattr(module, "SPOOL_BYTES", 10)
    store = Store()
    store.away = True
    recorder = Recorder(store.deliver, tmp_path)
    for number in range(8):
        recorder.add(record(number))
        await recorder.flush()
    assert (recorder.waiting, recorder.dropped, recorder.recorded) == (5, 3, 5)
    store.away = False
    await recorder.flush()
    assert len(store.ids) == 5


async def test_stopping_in_the_middle_of_a_delivery_loses_nothing(tmp_path: Path) -> None:
    entered, release = asyncio.Event(), asyncio.Event()
    store = Store()

    async def slow(packed: bytes) -> None:
        entered.set()
        await release.wait()

    recorder = Recorder(slow, tmp_path)
    recorder.add(record(1))
    task = asyncio.create_task(recorder.run())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    recorder._deliver = store.deliver
    await recorder.flush()
    assert store.ids == [f"{1:032x}"]


async def test_flushes_that_overlap_deliver_each_record_once(tmp_path: Path) -> None:
    store = Store()
    recorder = Recorder(store.deliver, tmp_path)
    flushes = []
    for number in range(1, 40):
        recorder.add(record(number))
        flushes.append(asyncio.create_task(recorder.flush()))
        await asyncio.sleep(0)
    await asyncio.gather(*flushes)
    assert store.ids == [f"{number:032x}" for number in range(1, 40)]
    assert (recorder.delivered, recorder.waiting) == (39, 0)


async def test_an_unfinished_spool_file_is_never_delivered(tmp_path: Path) -> None:
    (tmp_path / "1-1.draft").write_bytes(b"[{")
    store = Store()
    await Recorder(store.deliver, tmp_path).deliver_spool()
    assert store.messages == []
    assert os.listdir(tmp_path) == ["1-1.draft"]


async def test_a_record_after_a_long_rest_is_delivered_at_once_and_others_spool_without_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPOOL_SECONDS", 0.3)
    store = Store()
    recorder = Recorder(store.deliver, tmp_path)
    task = asyncio.create_task(recorder.run())
    (tmp_path / "1-1.calls").write_bytes(b'[{"id": "left by another process"}]')
    async with asyncio.timeout(20):
        while store.ids != ["left by another process"]:
            await asyncio.sleep(0.01)
        monkeypatch.setattr(module, "SPOOL_SECONDS", 60.0)
        await asyncio.sleep(0.4)
        recorder.add(record(1))
        while len(store.ids) < 2:
            await asyncio.sleep(0.01)
    task.cancel()


async def test_what_could_be_kept_nowhere_is_tried_again_without_a_new_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SPOOL_BYTES", 10)
    monkeypatch.setattr(module, "AWAY_SECONDS", 0.05)
    store = Store()
    store.away = True
    recorder = Recorder(store.deliver, tmp_path)
    task = asyncio.create_task(recorder.run())
    recorder.add(record(1))
    async with asyncio.timeout(20):
        while not recorder.away:
            await asyncio.sleep(0.01)
        store.away = False
        while not store.ids:
            await asyncio.sleep(0.01)
    task.cancel()
