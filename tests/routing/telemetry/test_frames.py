"""Frames and chunks carry what was read, and nothing that cannot be."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.samples import chunks
from routing.samples.dimensions import SERIES
from routing.samples.frames import Frame, FrameInvalid, columns, decode, encode, pack, row, stored, unpack
from routing.samples.readings import Complaint, Observed, SourceReading

values = st.dictionaries(st.sampled_from(sorted(SERIES)), st.floats(0, 1), max_size=8)
readings = st.dictionaries(st.text(min_size=1, max_size=6).filter(str.isprintable), values, max_size=5)


def reading(given: dict[str, dict[str, float]]) -> SourceReading:
    return SourceReading({name: Observed(values=one) for name, one in given.items()})


@given(readings)
def test_what_was_read_comes_back_and_the_rest_is_absent(given: dict[str, dict[str, float]]) -> None:
    frame = decode(encode(pack("node-a", 1, 2, 3.0, reading(given))))
    found = unpack(frame)
    assert {name: set(one) for name, one in found.items()} == {name: set(one) for name, one in given.items()}
    for name, one in given.items():
        assert found[name] == pytest.approx(one, rel=1e-6)


def test_a_frame_carries_complaints() -> None:
    said = SourceReading({}, (Complaint("negative", "m", "GPU-1", "-1"),))
    assert decode(encode(pack("n", 1, 1, 1.0, said))).complaints == [("negative", "m", "GPU-1", "-1")]


@given(st.binary(max_size=60))
def test_other_bytes_are_no_frame(body: bytes) -> None:
    with pytest.raises(FrameInvalid):
        decode(body)


@pytest.mark.parametrize(
    "change",
    [
        {"values": b"1234"}, {"subjects": ["a", "a"]}, {"gauges": [0, 0]}, {"gauges": [99_999]}, {"source": ""},
        {"at": math.nan}, {"run": -1}, {"sequence": 2**64 - 1},
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_no_frame(change: dict[str, object]) -> None:
    frame = pack("n", 1, 1, 1.0, reading({"a": {"power_watts": 1.0}, "b": {"utilization_ratio": 0.5}}))
    with pytest.raises(FrameInvalid):
        decode(encode(msgspec.structs.replace(frame, **change)))


def test_a_value_that_an_agent_makes_up_is_absent() -> None:
    frame = Frame("n", 1, 1, 1.0, ["a"], [SERIES["utilization_ratio"].position], [], np.array([9.0], "<f4").tobytes())
    assert unpack(decode(encode(frame))) == {"a": {}}


def test_ten_seconds_are_the_mean_of_gauges_and_the_last_of_counters() -> None:
    ticks = [
        (1000.0 + second, pack("n", 1, second, 0.0, reading({"a": {"power_watts": second, "last_error": second}})))
        for second in range(20)
    ]
    found = chunks.of_frames(ticks, 1000.0, 10.0)["a"]
    power, error = (chunks.COLUMNS[SERIES[name].position] for name in ("power_watts", "last_error"))
    assert found[:2, power].tolist() == [4.5, 14.5]
    assert found[:2, error].tolist() == [9, 19]
    assert np.isnan(found[2:]).all()


@given(st.lists(st.one_of(st.none(), st.floats(0, 500)), min_size=360, max_size=360))
def test_minutes_are_the_mean_of_what_there_is(given: list[float | None]) -> None:
    column = chunks.COLUMNS[SERIES["power_watts"].position]
    finer = np.full((360, len(chunks.COLUMNS)), np.nan)
    finer[:, column] = [math.nan if one is None else one for one in given]
    found = chunks.coarser(finer)[:, column]
    for minute in range(60):
        there = [one for one in given[minute * 6 : minute * 6 + 6] if one is not None]
        assert found[minute] == pytest.approx(sum(there) / len(there)) if there else np.isnan(found[minute])


def test_a_chunk_is_read_back_without_what_was_never_measured() -> None:
    points = np.full((60, len(chunks.COLUMNS)), np.nan)
    power = SERIES["power_watts"].position
    points[3, chunks.COLUMNS[power]] = 250.0
    body = chunks.packed(points)
    assert np.array_equal(chunks.points(body), points, equal_nan=True)
    assert chunks.columns(body, [power])[3, 0] == 250.0
    assert np.isnan(chunks.columns(body, [SERIES["last_error"].position])).all()
    assert len(body) < 300


@given(readings)
def test_one_series_of_frames_that_are_alike_is_read_alone(given: dict[str, dict[str, float]]) -> None:
    frame = stored(encode(pack("node-a", 1, 2, 3.0, reading(given))))
    for series in SERIES.values():
        told = [one.get(series.name, math.nan) for one in unpack(frame).values()]
        for one in columns([frame, frame], series.position).tolist():
            assert one == pytest.approx(told, nan_ok=True)


@given(readings)
def test_a_row_is_what_unpack_gives_of_one_subject(given: dict[str, dict[str, float]]) -> None:
    frame = pack("node-a", 1, 2, 3.0, reading(given))
    names = sorted(SERIES)
    for subject, told in unpack(frame).items():
        found = row(frame, subject, [SERIES[name].position for name in names])
        assert {name: value for name, value in zip(names, found, strict=True) if value == value} == told
    assert np.isnan(row(frame, "nobody at all", [0, 1])).all()
