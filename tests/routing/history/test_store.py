"""The path of a sample: stream → store → latest values and history; once each, whatever happens on the way."""

import itertools
import time
from typing import Any

import pytest
import redis
from django.db import connection

from controlplane.base import advisory_locks, events, redis_names
from routing.history import charts, latest, partitions, rolling, store
from routing.samples import frames
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading
from routing.scraping.lease import CollectorLease, LeaseState

pytestmark = pytest.mark.django_db
NOON = 1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 43_200


def empty_history() -> None:
    """Drop what tests that commit left: these tables are no models, so nobody empties them."""
    names = [tier.table for tier in partitions.TIERS]
    with connection.cursor() as cursor:
        cursor.execute(f"truncate telemetry_source, telemetry_subject, telemetry_rolled, {', '.join(names)}")


@pytest.fixture(autouse=True)
def _empty(stores: None) -> None:
    events.store().delete(redis_names.TELEMETRY, redis_names.TELEMETRY_LATEST)
    empty_history()


def frame(at: float, sequence: int, power: float = 100.0, run: int = 1, source: str = "node-a") -> Frame:
    said = SourceReading({"GPU-1": Observed(values={"power_watts": power, "energy_joules_total": 1e9 + sequence})})
    return pack(source, run, sequence, at, said)


def points(start: float, end: float) -> list[tuple[int, float]]:
    """The chart of GPU-1's power in the finest steps, as it is asked for at its end."""
    return charts.chart("GPU-1", ["power_watts"], start, end, end, most=100_000).points("power_watts")


def rows(table: str = "telemetry_second") -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        return int(cursor.fetchone()[0])


def test_a_sample_reaches_the_latest_values_and_history() -> None:
    now = time.time()
    store.send(events.store(), [frame(now - 1, 1, 90.0), frame(now, 2, 95.5)])
    assert store.keep() == 2
    assert events.store().xlen(redis_names.TELEMETRY) == 0
    known = latest.by_subject(*latest.read(events.store()))["GPU-1"]
    assert known.source == "node-a"
    assert known.age_s < 10
    assert known.values == {"power_watts": 95.5, "energy_joules_total": 1e9 + 2}
    assert [value for _, value in points(now - 60, now + 1)] == [90.0, 95.5]


def test_what_is_sent_twice_is_counted_once() -> None:
    now = time.time()
    for _ in range(2):
        store.send(events.store(), [frame(now, 1), frame(now, 2)])
        store.keep()
    store.send(events.store(), [frame(now, 1), frame(now, 3), frame(now, 3)])
    assert store.keep() == 1
    assert rows() == 3


def test_an_agent_that_starts_anew_begins_a_run_and_an_older_run_is_over() -> None:
    now = time.time()
    assert (
        len(store.store([(now, frame(now, 50, run=1)), (now, frame(now, 0, run=2)), (now, frame(now, 51, run=1))])) == 2
    )


def test_what_was_missed_is_counted() -> None:
    now = time.time()
    store.store([(now, frame(now, 1)), (now, frame(now, 5))])
    with connection.cursor() as cursor:
        cursor.execute("select run, sequence, missed from telemetry_source")
        assert cursor.fetchall() == [(1, 5, 3)]


def test_a_store_that_was_away_catches_up() -> None:
    now = time.time()
    store.send(events.store(), [frame(now, number) for number in range(store.BATCH * 2 + 5)])
    assert store.keep() == store.BATCH * 2 + 5


@pytest.mark.parametrize("off", [-86_400, 86_400, 60])
def test_a_clock_that_is_off_counts_when_it_arrived_and_is_told(off: float) -> None:
    [(_, kept)] = store.store([(NOON, frame(NOON + off, 1))])
    assert kept.at == NOON
    assert kept.complaints == [("clock off", "", "", f"{off:+.0f} s")]


def test_a_message_that_is_no_frame_is_left_out() -> None:
    events.store().xadd(redis_names.TELEMETRY, {b"f": b"<html>"})
    events.store().xadd(redis_names.TELEMETRY, {b"x": b""})
    store.send(events.store(), [frame(time.time(), 1)])
    assert store.keep() == 1
    assert events.store().xlen(redis_names.TELEMETRY) == 0


def hours(count: int) -> None:
    """Store `count` hours, a frame each ten seconds, and sum up as they go on."""
    for start in range(int(NOON), int(NOON) + 3600 * count, 600):
        ticks = [start + offset for offset in range(0, 600, 10)]
        store.store([(at, frame(at, at, power=float(at % 3600))) for at in ticks])
        rolling.roll(start + 600)
    rolling.roll(NOON + 3600 * count + rolling.GRACE)


def test_seconds_become_ten_seconds_and_minutes_and_old_partitions_are_dropped() -> None:
    hours(2)
    assert rows("telemetry_ten_seconds") == 12
    assert rows("telemetry_minute") == 2
    assert len(partitions.names(partitions.SECOND)) <= 2
    minutes = points(NOON - 86_400, NOON + 7200)
    assert len(minutes) == 120
    assert minutes[1] == (NOON + 60, 85.0)
    tens = points(NOON, NOON + 3599)
    assert len(tens) == 360
    assert tens[7] == (NOON + 70, 70.0)


def test_history_is_summed_up_while_a_collector_works_and_is_not_dropped_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lease = CollectorLease()
    assert lease.ask() is LeaseState.TAKEN
    hours(1)
    lease.give_up()
    assert rows("telemetry_minute") == 1
    store.store([(NOON + 3700, frame(NOON + 3700, 10**12))])
    monkeypatch.setattr(rolling, "only_roller", lambda: False)
    rolling.roll(NOON + 9000)
    assert rows() == 1
    rolling.roll(NOON + 3700 + rolling.LONGEST_UNSUMMED + 600)
    assert rows() == 0


def test_every_advisory_lock_has_a_number_of_its_own() -> None:
    numbers = [number for name, number in vars(advisory_locks).items() if name.isupper()]
    assert len(numbers) == len(set(numbers)) >= 9


def test_what_is_not_summed_up_yet_is_in_the_chart() -> None:
    hours(1)
    store.store([(NOON + 3600, frame(NOON + 3600, 10**12, power=7.0))])
    assert points(NOON, NOON + 3700)[-1] == (NOON + 3600, 7.0)


def test_a_late_frame_is_summed_up_too() -> None:
    store.store([(NOON, frame(NOON, 1, power=100.0))])
    rolling.roll(NOON + 700)
    store.store([(NOON + 300, frame(NOON + 1, 2, power=200.0))])
    rolling.roll(NOON + 705)
    assert points(NOON, NOON + 3000) == [(NOON, 150.0)]


def test_thirty_days_are_kept_and_no_more() -> None:
    store.store([(NOON, frame(NOON, 1))])
    rolling.roll(NOON + 3700)
    day = 86_400
    rolling.roll(NOON + 30 * day)
    assert rows("telemetry_minute") == 1
    rolling.roll(NOON + 31 * day)
    assert partitions.names(partitions.MINUTE) == {}


def test_a_month_is_charted_from_ten_minutes() -> None:
    begin = int(NOON) // partitions.TEN_MINUTES.chunk * partitions.TEN_MINUTES.chunk
    end = begin + partitions.TEN_MINUTES.chunk
    store.store([(at, frame(at, at, power=(at - begin) / 10)) for at in range(begin, end, 300)])
    rolling.roll(end + rolling.GRACE)
    with connection.cursor() as cursor:
        cursor.execute("delete from telemetry_minute")
    month = charts.chart("GPU-1", ["power_watts"], end - 30 * 86_400, end, end)
    assert month.step == 1800
    assert month.points("power_watts") == [(begin + start, start / 10 + 75.0) for start in range(0, 36_000, 1800)]


def test_what_waits_in_redis_is_not_left_out_of_a_chunk_that_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    store.store([(at, frame(at, at)) for at in range(int(NOON), int(NOON) + 300, 10)])
    rest = [frame(at, at) for at in range(int(NOON) + 300, int(NOON) + 600, 10)]
    for one in rest:
        events.store().xadd(redis_names.TELEMETRY, {b"f": frames.encode(one)}, id=f"{int(one.at * 1000)}-0")
    back = NOON + 3000
    rolling.roll(store.stored_until(back))
    assert store.keep() == len(rest)
    rolling.roll(store.stored_until(back))
    assert rolling.rolled_until(partitions.TEN_SECONDS) == NOON + 2400
    assert len(points(NOON, NOON + 3000)) == 60
    monkeypatch.setattr(events, "store", lambda: redis.Redis(port=1, socket_timeout=0.1))
    with pytest.raises(redis.RedisError):
        store.stored_until(back)


def test_the_latest_frame_that_may_come_late_finds_the_others_of_its_chunk() -> None:
    begin = int(NOON)
    store.store([(at, frame(at, at)) for at in range(begin, begin + 600, 10)])
    late = begin + 595
    rolling.roll(late + partitions.LATE)
    store.store([(late + partitions.LATE, frame(late, late))])
    rolling.roll(late + partitions.LATE + 1)
    assert len(points(NOON, NOON + 3000)) == 60


def test_values_that_were_old_when_they_came_are_shown_as_old() -> None:
    now = time.time()
    store.send(events.store(), [frame(now - 400, 1, 90.0)])
    store.keep()
    assert latest.by_subject(*latest.read(events.store()))["GPU-1"].age_s >= 399


def test_a_frame_that_comes_while_its_chunk_is_summed_up_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    store.store([(NOON, frame(NOON, 1, power=100.0))])

    def late() -> None:
        monkeypatch.setattr(rolling, "alone", partitions.alone)
        store.store([(NOON + 300, frame(NOON + 1, 2, power=200.0))])

    monkeypatch.setattr(rolling, "alone", late)
    rolling.roll(NOON + 700)
    assert rolling.rolled_until(partitions.TEN_SECONDS) is None
    rolling.roll(NOON + 705)
    assert points(NOON, NOON + 3000) == [(NOON, 150.0)]


def test_a_source_that_is_silent_for_long_is_forgotten() -> None:
    client = events.store()
    _, now = latest.read(client)
    for source, ago in (("silent", 601.0), ("young", 10.0)):
        body: Any = latest.encode(latest.LatestFrame(now - ago, frame(now, 1, source=source)))
        client.hset(redis_names.TELEMETRY_LATEST, source, body)
    store.forget()
    assert client.hkeys(redis_names.TELEMETRY_LATEST) == [b"young"]


def test_the_store_goes_on_for_a_second_and_keeps_what_comes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    now, sent = time.time(), itertools.count(1)
    monkeypatch.setattr(time, "sleep", lambda _: store.send(events.store(), [frame(now, next(sent))]))
    store.keep_for(0.5)
    assert rows() == next(sent) - 1 > 0
