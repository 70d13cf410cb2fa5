"""A frame: everything that one source said at one tick, packed, so that it travels and is stored as one message."""

import math
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from struct import Struct
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from routing.samples.dimensions import BY_POSITION, SERIES, UNITS
from routing.samples.readings import MOST_SUBJECTS, Complaint, SourceReading

Array = NDArray[Any]


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """`run` grows with each start of the agent, `sequence` by one with each frame; `at` is Unix time, in seconds.

    `values`: float32 of `gauges` for each subject, then float64 of `counters` (and states) for each subject; NaN is
    absent. Both lists are positions of series. `complaints`: fault, metric, subject, value.
    """

    source: str
    run: int
    sequence: int
    at: float
    subjects: list[str]
    gauges: list[int]
    counters: list[int]
    values: bytes
    complaints: list[tuple[str, str, str, str]] = []


LONGEST_SUBJECT = 300


class FrameInvalid(Exception):
    """A message that is no frame, or one whose parts do not fit together."""


_FLOAT, _DOUBLE = Struct("<f"), Struct("<d")
_DECODER = msgspec.msgpack.Decoder(Frame)
encode = msgspec.msgpack.Encoder().encode
_LOW = {position: UNITS[series.unit][0] for position, series in BY_POSITION.items()}
_HIGH = {position: UNITS[series.unit][1] for position, series in BY_POSITION.items()}


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """What was read, as numbers: a row for each subject, columns of `gauges` before those of `counters` (and states).

    Both lists are positions of series; NaN is absent.
    """

    subjects: list[str]
    gauges: list[int]
    counters: list[int]
    values: Array


def block(reading: SourceReading) -> SampleBlock:
    """The numbers of a reading."""
    given = {name for one in reading.subjects.values() for name in one.values}
    gauges = [series for name, series in SERIES.items() if name in given and series.kind == "gauge"]
    counters = [series for name, series in SERIES.items() if name in given and series.kind != "gauge"]
    names = [series.name for series in gauges + counters]
    rows = [[one.values.get(name, math.nan) for name in names] for one in reading.subjects.values()]
    values = np.array(rows, float).reshape(len(rows), len(names))
    return SampleBlock(
        list(reading.subjects), [one.position for one in gauges], [one.position for one in counters], values
    )


def pack(source: str, run: int, sequence: int, at: float, reading: SourceReading) -> Frame:
    """The frame of a reading."""
    return packed(block(reading), reading.complaints, source, (run, sequence), at)


def packed(
    found: SampleBlock, complaints: Iterable[Complaint], source: str, place: tuple[int, int], at: float
) -> Frame:
    """The frame of a block. `place` is its run and sequence."""
    split = len(found.gauges)
    values = found.values[:, :split].astype("<f4").tobytes() + found.values[:, split:].astype("<f8").tobytes()
    told = [(one.fault, one.metric, one.subject, one.value) for one in complaints]
    return Frame(source, *place, at, found.subjects, found.gauges, found.counters, values, told)


def decode(body: bytes) -> Frame:
    """The frame of a message. Raises FrameInvalid."""
    try:
        frame = _DECODER.decode(body)
    except msgspec.MsgspecError as error:
        raise FrameInvalid(str(error)) from error
    subjects, positions = len(frame.subjects), frame.gauges + frame.counters
    if not frame.source or len(frame.source) > 200 or subjects > MOST_SUBJECTS or not math.isfinite(frame.at):
        raise FrameInvalid("the source's name, the time or the number of subjects cannot be")
    if not all(len(one) <= LONGEST_SUBJECT and one.isprintable() for one in [frame.source, *frame.subjects]):
        raise FrameInvalid(f"a subject is longer than {LONGEST_SUBJECT} characters, or cannot be printed")
    if (
        len(set(frame.subjects)) != subjects
        or len(set(positions)) != len(positions)
        or not set(positions) <= _LOW.keys()
    ):
        raise FrameInvalid("a subject or a series is given twice, or a series is unknown")
    if len(frame.values) != subjects * (4 * len(frame.gauges) + 8 * len(frame.counters)):
        raise FrameInvalid("the values do not fit the subjects and series")
    if not (0 <= frame.run < 2**63 and 0 <= frame.sequence < 2**63):
        raise FrameInvalid("run or sequence is not a number of 63 bits")
    return frame


def arrays(frame: Frame) -> tuple[Array, Array]:
    """Gauges and counters, a row for each subject; values that their unit rules out are NaN."""
    gauges, counters = _blocks(frame)
    return _possible(gauges, frame.gauges), _possible(counters, frame.counters)


def _blocks(frame: Frame) -> tuple[Array, Array]:
    subjects, split = len(frame.subjects), 4 * len(frame.subjects) * len(frame.gauges)
    gauges = np.frombuffer(frame.values[:split], "<f4").reshape(subjects, len(frame.gauges))
    counters = np.frombuffer(frame.values[split:], "<f8").reshape(subjects, len(frame.counters))
    return gauges, counters


def of_subjects(frame: Frame, kept: Set[str]) -> Frame:
    """The frame with those of its subjects that are in `kept`."""
    rows = [row for row, subject in enumerate(frame.subjects) if subject in kept]
    if len(rows) == len(frame.subjects):
        return frame
    blocks = zip(_blocks(frame), ("<f4", "<f8"), strict=True)
    values = b"".join(block[rows].astype(kind).tobytes() for block, kind in blocks)
    return msgspec.structs.replace(frame, subjects=[frame.subjects[row] for row in rows], values=values)


def _possible(values: Array, positions: list[int]) -> Array:
    low, high = [_LOW[one] for one in positions], [_HIGH[one] * (1 + 1e-6) for one in positions]
    return np.where((values >= low) & (values <= high), values, np.nan)


def impossible(frame: Frame) -> list[tuple[str, str, str, str]]:
    """Values that their unit rules out, as complaints. NaN is none: it is absent."""
    found: list[tuple[str, str, str, str]] = []
    for values, positions in zip(_blocks(frame), (frame.gauges, frame.counters), strict=True):
        low, high = [_LOW[one] for one in positions], [_HIGH[one] * (1 + 1e-6) for one in positions]
        for row, column in np.argwhere((values < low) | (values > high)).tolist():
            series, value = BY_POSITION[positions[column]], float(values[row, column])
            found.append((series.fault(value), series.name, frame.subjects[row], repr(value)))
    return found


def unpack(frame: Frame) -> dict[str, dict[str, float]]:
    """Each subject's values by the name of the series; what was not given is absent."""
    names = [BY_POSITION[one].name for one in frame.gauges + frame.counters]
    rows = np.concatenate(arrays(frame), axis=1).tolist()
    return {
        subject: {name: value for name, value in zip(names, row, strict=True) if value == value}
        for subject, row in zip(frame.subjects, rows, strict=True)
    }


def stored(body: bytes) -> Frame:
    """The frame of a body that `decode` let pass when it was stored, without checking it again."""
    return _DECODER.decode(body)


def columns(alike: Sequence[Frame], position: int) -> Array:
    """One series of frames that have the same subjects and series: a row for each frame, a column for each subject.

    NaN where it was not given, or where its unit rules the value out.
    """
    first = alike[0]
    subjects = len(first.subjects)
    if position not in first.gauges + first.counters:
        return np.full((len(alike), subjects), np.nan)
    gauge = position in first.gauges
    series, kind = (first.gauges, "<f4") if gauge else (first.counters, "<f8")
    begin = 0 if gauge else 4 * subjects * len(first.gauges)
    end = begin + subjects * len(series) * (4 if gauge else 8)
    body = np.frombuffer(b"".join(one.values for one in alike), np.uint8).reshape(len(alike), -1)
    block = np.ascontiguousarray(body[:, begin:end]).view(kind).reshape(len(alike), subjects, len(series))
    values = block[:, :, series.index(position)].astype(float)
    return np.where((values >= _LOW[position]) & (values <= _HIGH[position] * (1 + 1e-6)), values, np.nan)


def row(frame: Frame, subject: str, positions: Sequence[int]) -> list[float]:
    """These series of one subject; NaN where one was not given, or where its unit rules the value out."""
    if subject not in frame.subjects:
        return [math.nan] * len(positions)
    place, gauges, counters = frame.subjects.index(subject), len(frame.gauges), len(frame.counters)
    found: list[float] = []
    for position in positions:
        if position in frame.gauges:
            [value] = _FLOAT.unpack_from(frame.values, 4 * (place * gauges + frame.gauges.index(position)))
        elif position in frame.counters:
            before = 4 * len(frame.subjects) * gauges
            [value] = _DOUBLE.unpack_from(
                frame.values, before + 8 * (place * counters + frame.counters.index(position))
            )
        else:
            value = math.nan
        found.append(value if _LOW[position] <= value <= _HIGH[position] * (1 + 1e-6) else math.nan)
    return found
