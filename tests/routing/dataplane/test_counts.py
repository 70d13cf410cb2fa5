"""The gateways of one data folder count as one, and no counter falls when one of them is started again."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.dataplane import counts as module
from routing.dataplane.counts import FRESH_SECONDS, Counts, SharedCounts, added
from routing.dataplane.measures import Histogram

names = st.sampled_from(["", "a", "b/c"])
counts = st.builds(
    Counts,
    at=st.just(100.0),
    calls=st.lists(
        st.tuples(names, st.just("chat"), st.sampled_from([200, 502]), st.just(""), st.integers(1, 9)),
        max_size=4,
        unique_by=lambda row: row[:4],
    ),
    durations=st.dictionaries(
        names, st.tuples(st.lists(st.integers(0, 5), min_size=15, max_size=15), st.floats(0, 1e6))
    ),
    tokens=st.lists(st.tuples(names, st.just("prompt"), st.integers(1, 99)), max_size=3, unique_by=lambda row: row[:2]),
    records=st.dictionaries(st.sampled_from(["recorded", "dropped"]), st.integers(0, 9)),
    moment=st.dictionaries(st.just("outstanding"), st.integers(0, 9)),
)


def total(parts: list[Counts], of: Callable[[Counts], int]) -> int:
    return sum(map(of, parts))


@given(st.lists(counts, max_size=4))
def test_a_sum_loses_nothing(parts: list[Counts]) -> None:
    whole = added(parts, 100.0)
    assert sum(row[-1] for row in whole.calls) == total(parts, lambda part: sum(row[-1] for row in part.calls))
    assert sum(row[-1] for row in whole.tokens) == total(parts, lambda part: sum(row[-1] for row in part.tokens))
    assert sum(whole.records.values()) == total(parts, lambda part: sum(part.records.values()))
    seen = sum(sum(buckets) for buckets, _ in whole.durations.values())
    assert seen == total(parts, lambda part: sum(sum(buckets) for buckets, _ in part.durations.values()))
    assert sum(whole.moment.values()) == total(parts, lambda part: sum(part.moment.values()))


def test_a_gateway_that_is_started_again_goes_on_from_what_it_had_counted(tmp_path: Path) -> None:
    first = SharedCounts(tmp_path, 0, lambda: Counts(100.0, [("m", "chat", 200, "", 5)], records={"recorded": 5}))
    first.write()
    again = SharedCounts(tmp_path, 0, lambda: Counts(200.0, [("m", "chat", 200, "", 1)], records={"recorded": 1}))
    assert again.own().calls == [("m", "chat", 200, "", 6)]
    again.write()
    again.write()
    assert SharedCounts(tmp_path, 0, Counts).own().records == {"recorded": 6}


def test_whoever_is_asked_tells_the_counts_of_all_and_values_of_the_moment_of_those_alive(tmp_path: Path) -> None:
    SharedCounts(tmp_path, 1, lambda: Counts(1.0, tokens=[("m", "prompt", 7)], moment={"outstanding": 3})).write()
    shared = SharedCounts(tmp_path, 0, lambda: Counts(1.0 + 2 * FRESH_SECONDS, tokens=[("m", "prompt", 1)]))
    told = shared.all()
    assert told.tokens == [("m", "prompt", 8)]
    assert told.moment == {}, "a file that nobody writes any more says nothing of now"


def test_a_file_of_another_version_or_half_a_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "counts-1.json").write_bytes(b'{"calls": [["m"')
    short = Counts(1.0, durations={"m": ([1, 2], 3.0)})
    (tmp_path / "counts-2.json").write_bytes(msgspec.json.encode(short))
    assert len(Histogram().counts) != 2
    assert SharedCounts(tmp_path, 0, Counts).all().durations == {}


async def test_nothing_is_written_while_nothing_happens_and_a_value_of_the_moment_stays_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.01)
    now, calls, moment = 1.0, 0, {"outstanding": 0}

    def live() -> Counts:
        nonlocal now
        now += 1.0
        return Counts(now, [("m", "chat", 200, "", calls)], moment=dict(moment))

    def written() -> Counts:
        return msgspec.json.decode((tmp_path / "counts-0.json").read_bytes(), type=Counts)

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)

    task = asyncio.create_task(SharedCounts(tmp_path, 0, live).run())
    await until((tmp_path / "counts-0.json").exists)
    first = written()
    looked = now
    await until(lambda: now > looked + 10)
    assert written() == first
    calls = 1
    await until(lambda: written().calls == [("m", "chat", 200, "", 1)])
    moment["outstanding"] = 1
    await until(lambda: written().moment == {"outstanding": 1})
    fresh = written().at
    await until(lambda: written().at > fresh + 3)
    moment["outstanding"] = 0
    await until(lambda: written().moment == {"outstanding": 0})
    task.cancel()


def test_each_gateway_tells_the_revision_that_it_serves(tmp_path: Path) -> None:
    serving = {0: 7, 1: 8, 5: 3}

    def served(number: int) -> Counts:
        return Counts(revision=serving[number])

    shared = {number: SharedCounts(tmp_path, number, partial(served, number)) for number in serving}
    for one in shared.values():
        one.write()
    assert shared[0].revisions(2) == [7, 8]
    assert shared[1].revisions(2) == [8, 7]
    serving[0] = 8
    assert not shared[0]._same()
    shared[0].write()
    assert shared[1].revisions(3) == [8, 8]
    again = SharedCounts(tmp_path, 0, lambda: Counts(revision=9))
    again.write()
    assert shared[1].revisions(2) == [8, 9]
