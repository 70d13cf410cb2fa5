"""A shape reads fast and says what the plain reader says; what it cannot vouch for it leaves to the plain reader."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.samples import frames, shapes
from routing.samples.readings import TelemetrySource, reading
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES

FOLDER = Path(__file__).parent / "expositions"
SOURCES = DEVICE_SOURCES | ENGINE_SOURCES
FILES = sorted(FOLDER.glob("*.txt"))
NUMBER = re.compile(rb" [0-9.eE+-]+( [0-9]{13})?$", re.MULTILINE)


def of(path: Path) -> tuple[bytes, TelemetrySource]:
    return path.read_bytes(), SOURCES[path.name.partition("-")[0]]


def plainly(body: bytes, source: TelemetrySource) -> dict[str, dict[str, float]]:
    """What the plain reader says, which has nothing to complain of."""
    found = reading(body, source)
    assert not found.complaints
    return frames.unpack(frames.pack("s", 1, 1, 1.0, found))


def by_shape(body: bytes, shape: shapes.LearnedShape) -> dict[str, dict[str, float]] | None:
    found = shapes.numbers_of(body, shape)
    return None if found is None else frames.unpack(frames.packed(found, (), "s", (1, 1), 1.0))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shape_reads_the_same_lines_with_other_numbers(path: Path) -> None:
    body, source = of(path)
    shape = shapes.learned(body, source)
    assert shape is not None
    assert by_shape(body, shape) == plainly(body, source)
    other = NUMBER.sub(rb" 0.25\1", body)
    assert by_shape(other, shape) == plainly(other, source) is not None


words = st.one_of(
    st.sampled_from(["0", "1", "-1", "100", "101", "1e3", "1E+3", ".5", "5.", "0x1", "1_0", "-0"]),
    st.sampled_from(["NaN", "+Inf", "inf", "1e400", "1e-400", "2147483632", "140737488355328"]),
    st.floats(0, 1).map(repr),
    st.floats(allow_nan=False).map(repr),
    st.integers(0, 10**6).map(str),
    st.just("1" * 50),
    st.just("1 1700000000000"),
    st.just("1\r"),
    st.just("1 "),
    st.just(""),
)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_a_shape_says_is_what_the_plain_reader_says_without_a_complaint(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(FILES))
    body, source = of(path)
    shape = shapes.learned(body, source)
    assert shape is not None
    lines = body.split(b"\n")
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["number", "drop", "twice", "garbage"]))
        head, space, _ = lines[index].rpartition(b" ")
        if change == "number":
            lines[index] = head + space + data.draw(words).encode()
        elif change == "drop" and len(lines) > 1:
            del lines[index]
        elif change == "twice":
            lines.insert(index, lines[index])
        else:
            lines[index] = data.draw(st.binary(max_size=20))
    changed = b"\n".join(lines)
    said = by_shape(changed, shape)
    if said is not None:
        assert said == plainly(changed, source)
    anew = shapes.learned(changed, source)
    if anew is not None and (again := by_shape(changed, anew)) is not None:
        assert again == plainly(changed, source)


def test_ranks_are_joined_and_older_names_count_where_newer_ones_are_blank() -> None:
    source = SOURCES["dcgm"]
    line = 'DCGM_FI_DEV_CLOCK{}{{gpu="0",UUID="GPU-1"}} {}\n'
    body = "".join(line.format(name, number) for name, number in (("S_EVENT_REASONS", 4), ("_THROTTLE_REASONS", 1)))
    shape = shapes.learned(body.encode(), source)
    assert shape is not None
    for newer, expected in (("8", 8.0), ("9223372036854775794", 1.0)):
        changed = body.replace(" 4\n", f" {newer}\n").encode()
        assert by_shape(changed, shape) == plainly(changed, source) == {"GPU-1": {"throttle_reasons": expected}}
    rank = 'vllm:num_requests_running{{engine="{0}",model_name="m"}} {1}\n'
    ranks = (rank.format(0, 1) + rank.format(1, 2)).encode()
    joined = shapes.learned(ranks, SOURCES["vllm"])
    assert joined is not None
    assert by_shape(ranks.replace(b" 2\n", b" 40\n"), joined) == {"m": {"requests_running": 41.0}}


@pytest.mark.parametrize("value", ["NaN", "-1", "101", "Infinity", "1e400", "1_0"])
def test_a_value_that_cannot_be_true_is_left_to_the_plain_reader(value: str) -> None:
    body = b'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1"} 40\n'
    shape = shapes.learned(body, SOURCES["dcgm"])
    assert shape is not None
    changed = body.replace(b" 40", f" {value}".encode())
    assert shapes.numbers_of(changed, shape) is None
    assert reading(changed, SOURCES["dcgm"]).complaints
