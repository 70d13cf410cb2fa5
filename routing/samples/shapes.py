"""Reads an exposition fast if it looks as it did before: the same lines with other numbers.

An exporter repeats names and labels at every look. A shape remembers them, and which number goes where, so that only
numbers are converted. Whatever is not plain (another line, a value that cannot be true, two values of one thing) is
left to `readings.reading`, which says the same of any body that a shape reads.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from routing.samples.dimensions import SERIES, UNITS
from routing.samples.exposition import LONGEST, LONGEST_LINE, MetricSample, read
from routing.samples.frames import Array, SampleBlock
from routing.samples.readings import MOST_SUBJECTS, Rule, TelemetrySource, identity

LONGEST_NUMBER = 40
_ONE = rb"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,3})?"
_NUMBERS = re.compile(rb"(?:%b )*+%b" % (_ONE, _ONE))
_TIMED = re.compile(rb"( [0-9.eE+-]++) -?[0-9]{10,20}$", re.MULTILINE)
"""A number with the time that some exporters, such as Huawei's, write behind it, and that nobody reads."""
Candidate = tuple[Rule, list[int]]


@dataclass(frozen=True, slots=True)
class JoinedCell:
    """A value that more than one line may give: candidates in order, each with its places among what is taken."""

    row: int
    column: int
    candidates: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class LearnedShape:
    """Lines of an exposition without their numbers, and what each number means.

    `timed` if times stand behind numbers. `lines` are those with wanted numbers, `empty` those with nothing. `taken`
    says which number each place takes, with its scale, bounds, and whether it only counts. `rows` and `columns` are of
    the places `single`, which no other line speaks about.
    """

    prefixes: list[bytes]
    timed: bool
    lines: list[int]
    empty: list[int]
    taken: Array
    scale: Array
    low: Array
    high: Array
    counted: Array
    blanks: Array
    single: Array
    rows: Array
    columns: Array
    joined: tuple[JoinedCell, ...]
    subjects: list[str]
    gauges: list[int]
    counters: list[int]


def learned(body: bytes, source: TelemetrySource) -> LearnedShape | None:
    """The shape of a body; None if it can be read plainly alone, as one with a fault."""
    if read(body, source.rules).faults:
        return None
    lines = _TIMED.sub(rb"\1", body).split(b"\n")
    parts = [line.rpartition(b" ") for line in lines]
    if any(line and not prefix for line, (prefix, _, _) in zip(lines, parts, strict=True)):
        return None
    samples = {index: one for index, line in enumerate(lines) for one in read(line + b"\n", source.rules).samples}
    if any(parts[index][0] != one.metric.encode() and parts[index][0][-1:] != b"}" for index, one in samples.items()):
        return None  # A line with a second number, of which the first is the value.
    numbers = {index: number for number, index in enumerate(samples)}
    by_metric: dict[str, list[tuple[int, MetricSample]]] = {}
    for index, sample in samples.items():
        by_metric.setdefault(sample.metric, []).append((numbers[index], sample))
    cells: dict[tuple[str, str], list[Candidate]] = {}
    for metric, rule in ((metric, rule) for metric, rules in source.rules.items() for rule in rules):
        here: dict[str, list[int]] = {}
        if rule.apart and len({sample.labels.get(rule.apart) for _, sample in by_metric.get(metric, ())}) > 1:
            return None
        for number, sample in by_metric.get(metric, ()):
            subject = identity(sample, source)
            if subject is None:
                return None
            if rule.takes(sample.labels):
                here.setdefault(subject, []).append(number)
        for subject, places in here.items():
            cells.setdefault((subject, rule.series), []).append((rule, places))
    subjects = list(dict.fromkeys(subject for subject, _ in cells))
    if not subjects or len(subjects) > MOST_SUBJECTS:
        return None
    empty = [index for index, line in enumerate(lines) if not line]
    found = _shape([prefix for prefix, _, _ in parts], (list(samples), empty), subjects, cells, source)
    return replace(found, timed=_TIMED.search(body) is not None)


def _shape(
    prefixes: list[bytes],
    places: tuple[list[int], list[int]],
    subjects: list[str],
    cells: dict[tuple[str, str], list[Candidate]],
    source: TelemetrySource,
) -> LearnedShape:
    given = {series for _, series in cells}
    gauges = [one for name, one in SERIES.items() if name in given and one.kind == "gauge"]
    counters = [one for name, one in SERIES.items() if name in given and one.kind != "gauge"]
    column = {series.name: number for number, series in enumerate(gauges + counters)}
    row = {subject: number for number, subject in enumerate(subjects)}
    taken: list[tuple[int, Rule]] = []
    single: list[tuple[int, int, int]] = []
    joined: list[JoinedCell] = []
    for (subject, series), candidates in cells.items():
        first = len(taken)
        taken += [(number, rule) for rule, numbers in candidates for number in numbers]
        if len(taken) == first + 1:
            single.append((first, row[subject], column[series]))
            continue
        own: list[tuple[str, tuple[int, ...]]] = []
        for rule, numbers in candidates:
            own.append((rule.several, tuple(range(first, first + len(numbers)))))
            first += len(numbers)
        joined.append(JoinedCell(row[subject], column[series], tuple(own)))
    bounds = [UNITS[SERIES[rule.series].unit] for _, rule in taken]
    at = np.array(single, int).reshape(-1, 3)
    return LearnedShape(
        prefixes=prefixes, timed=False, lines=places[0], empty=places[1],
        taken=np.array([number for number, _ in taken], int),
        scale=np.array([rule.scale for _, rule in taken]),
        low=np.array([low for low, _ in bounds]), high=np.array([high for _, high in bounds]),
        counted=np.array([rule.several == "count" for _, rule in taken], bool), blanks=np.array(sorted(source.blanks)),
        single=at[:, 0], rows=at[:, 1], columns=at[:, 2], joined=tuple(joined), subjects=subjects,
        gauges=[one.position for one in gauges], counters=[one.position for one in counters],
    )  # fmt: skip


def numbers_of(body: bytes, shape: LearnedShape) -> SampleBlock | None:
    """What the body says, if it has the shape and every value can be true; else None: it is to be read plainly."""
    raw = _numbers(body, shape)
    if raw is None:
        return None
    given = raw[shape.taken]
    blank = (given[:, None] == shape.blanks).any(axis=1)
    values = np.where(shape.counted, 1.0, given * shape.scale)
    if not (blank | ((values >= shape.low) & (values <= shape.high))).all():
        return None
    values[blank] = np.nan
    found = np.full((len(shape.subjects), len(shape.gauges) + len(shape.counters)), np.nan)
    found[shape.rows, shape.columns] = values[shape.single]
    for cell in shape.joined:
        for several, places in reversed(cell.candidates):
            there = [value for value in (float(values[place]) for place in places) if value == value]
            if several == "same" and len(set(there)) > 1:
                return None
            if there:
                found[cell.row, cell.column] = sum(there) if several in ("sum", "count") else max(there)
    if np.isnan(found).all(axis=1).any():
        return None
    return SampleBlock(shape.subjects, shape.gauges, shape.counters, found)


def _numbers(body: bytes, shape: LearnedShape) -> Array | None:
    lines = (_TIMED.sub(rb"\1", body) if shape.timed else body).split(b"\n")
    if len(body) > LONGEST or len(lines) != len(shape.prefixes) or max(map(len, lines)) > LONGEST_LINE:
        return None
    parts = [line.rpartition(b" ") for line in lines]
    if [prefix for prefix, _, _ in parts] != shape.prefixes or any(lines[index] for index in shape.empty):
        return None
    words = [parts[index][2] for index in shape.lines]
    if max(map(len, words)) > LONGEST_NUMBER or not _NUMBERS.fullmatch(b" ".join(words)):
        return None
    return np.array([float(word) for word in words])
