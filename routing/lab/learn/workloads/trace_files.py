"""Files of calls, read with distrust: plain or gzip, CSV with a header or one JSON object a line, into checked columns.

Nothing here trusts its input: sizes are capped, and what cannot be read is a TraceError that says where and what to do.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

MOST_ROWS = 5_000_000
"""Most lines of one file, its header among them."""
MOST_BYTES = 1 << 30
"""Most bytes of one file, unpacked."""
MOST_LINE = 1 << 20
"""Most bytes of one line."""
MOST_MODELS = 10_000
CHUNK = 1 << 18
BLOCK = 512
"""Rows that are text at the same time: few enough to stay in a core's cache, which halves the time."""
GZIP_MAGIC = b"\x1f\x8b"
SHOWN = 60
"""Most characters of a wrong value that an error repeats."""


class TraceError(ValueError):
    """A trace that cannot be read: the file, the place in it, what stands there, what was expected and what to do."""

    def __init__(
        self,
        file: Path,
        expected: str,
        remedy: str,
        line: int | None = None,
        column: str | None = None,
        found: str | None = None,
    ) -> None:
        self.file, self.expected, self.remedy = file, expected, remedy
        self.line, self.column, self.found = line, column, found
        place = [file.name] + [f"line {line}"] * (line is not None) + [f"column {column}"] * (column is not None)
        said = "" if found is None else f"found {found[:SHOWN]!r}; "
        super().__init__(f"{', '.join(place)}: {said}expected {expected}; {remedy}")


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a file: the line on which each ends, and the wanted columns as text ('' for nothing)."""

    file: Path
    lines: Sequence[int]
    columns: Mapping[str, Sequence[str]]

    def error(self, row: int, column: str, expected: str, remedy: str) -> TraceError:
        """What is wrong with one value of these rows."""
        found = self.columns[column][row]
        return TraceError(self.file, expected, remedy, self.lines[row], column, found)


Parser = Callable[[Block, str], NDArray[Any]]
REPAIR = "correct the value or remove the line"


def number(most: float, least: float = 0.0, optional: bool = False) -> Parser:
    """A parser of numbers from `least` to `most`; an empty value is NaN if it is optional."""
    expected = f"a number from {least:g} to {most:,.0f}" + (" or nothing" if optional else "")

    def parsed(block: Block, column: str) -> NDArray[np.float64]:
        texts = block.columns[column]
        values = _floats(texts)
        wrong = ~((values >= least) & (values <= most))
        if optional:
            wrong &= np.array([bool(text) for text in texts])
        if wrong.any():
            raise block.error(int(wrong.argmax()), column, expected, REPAIR)
        return values

    return parsed


def moment(block: Block, column: str) -> NDArray[np.float64]:
    """A parser of ISO 8601 times, without a zone UTC: seconds since 1970."""
    values = np.array([_epoch(text) for text in block.columns[column]])
    wrong = np.isnan(values)
    if wrong.any():
        expected = "an ISO time such as 2026-11-26T14:38:00"
        raise block.error(int(wrong.argmax()), column, expected, "write all times of a file in one form")
    return values


def clock(first: str, most: float) -> Parser:
    """The parser for times of which the first is this: of seconds from 0 to `most`, or of ISO times."""
    try:
        float(first)
    except ValueError:
        return moment
    return number(most)


def word(block: Block, column: str) -> NDArray[Any]:
    """A parser of names; one may be empty."""
    known: dict[str, str] = {}
    texts = block.columns[column]
    return np.fromiter(map(known.setdefault, texts, texts), object, len(texts))


def name(block: Block, column: str) -> NDArray[Any]:
    """A parser of names, none of which may be empty."""
    words = word(block, column)
    if not all(map(str.strip, set(words))):
        empty = next(row for row, text in enumerate(words) if not text.strip())
        raise block.error(empty, column, "a name", REPAIR)
    return words


def columns(file: Path, parsers: Mapping[str, Parser]) -> dict[str, NDArray[Any]]:
    """The columns of a file, each through its parser, row by row in the file's order. Raises TraceError."""
    wanted = tuple(parsers)
    parts = [{one: parsers[one](block, one) for one in wanted} for block in _blocks(file, wanted)]
    return {one: np.concatenate([part[one] for part in parts]) for one in wanted}


def head(file: Path) -> dict[str, str]:
    """The first row, by column: what a file holds before one reads it all. Raises TraceError."""
    if _is_json(file):
        return {column: _text(value) for column, value in next(_objects(file))[1].items()}
    reader = csv.reader(_lines(file))
    titles = _titles(file, reader)
    row = next((row for row in iter(lambda: _rows(file, reader, 1), []) if row[0]), None)
    if row is None:
        raise _no_rows(file)
    return dict(zip(titles, row[0], strict=False))


def ranked(
    file: Path, names: Sequence[str] | NDArray[Any], weights: NDArray[np.float64] | None = None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The distinct names, the heaviest (most frequent) first, and the place of each row's name among them.

    Raises TraceError if there are more than MOST_MODELS.
    """
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(one, len(known)) for one in names), np.int64, len(names))
    if len(known) > MOST_MODELS:
        raise TraceError(file, f"at most {MOST_MODELS:,} models", "take a part of the file", found=f"{len(known):,}")
    found, loads = list(known), np.bincount(codes, weights)
    order = sorted(range(len(found)), key=lambda one: (-loads[one], found[one]))
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return tuple(found[one] for one in order), places[codes]


def _floats(texts: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return np.fromiter(map(_float, texts), np.float64, len(texts))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _epoch(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return np.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _blocks(file: Path, wanted: tuple[str, ...]) -> Iterator[Block]:
    blocks = _json_blocks(file, wanted) if _is_json(file) else _csv_blocks(file, wanted)
    first = next(blocks, None)
    if first is None:
        raise _no_rows(file)
    yield first
    yield from blocks


def _no_rows(file: Path) -> TraceError:
    return TraceError(file, "at least one row", "check that the file was written to its end", found="no rows")


def _csv_blocks(file: Path, wanted: tuple[str, ...]) -> Iterator[Block]:
    reader = csv.reader(_lines(file))
    titles = _titles(file, reader)
    for column in wanted:
        if titles.count(column) != 1:
            remedy = f"add or rename it; the file has {', '.join(titles)[:200]}"
            raise TraceError(file, "the column once", remedy, 1, column, f"{titles.count(column)} of it")
    places = [(column, titles.index(column)) for column in wanted]
    before = reader.line_num
    while rows := _rows(file, reader, BLOCK):
        lines, before = _ends(rows, before, reader.line_num), reader.line_num
        if not all(rows):
            lines = [line for line, row in zip(lines, rows, strict=True) if row]
            rows = [row for row in rows if row]
        widths = [len(row) for row in rows]
        if widths.count(len(titles)) != len(rows):
            odd = next(place for place, width in enumerate(widths) if width != len(titles))
            raise TraceError(file, f"{len(titles)} values", REPAIR, lines[odd], found=f"{widths[odd]} values")
        if rows:
            texts = list(zip(*rows, strict=True))
            yield Block(file, lines, {column: texts[place] for column, place in places})


def _ends(rows: list[list[str]], before: int, after: int) -> Sequence[int]:
    """The line on which each row ends: values may hold line ends of their own."""
    if after - before == len(rows):
        return range(before + 1, after + 1)
    return list(accumulate((1 + sum(text.count("\n") for text in row) for row in rows), initial=before))[1:]


def _titles(file: Path, reader: Any) -> list[str]:
    titles = _rows(file, reader, 1)
    if not titles:
        raise _no_rows(file)
    return [title.strip() for title in titles[0]]


def _rows(file: Path, reader: Any, most: int) -> list[list[str]]:
    try:
        return list(islice(reader, most))
    except csv.Error as error:
        remedy = "close every quote, and end lines with a line feed"
        raise TraceError(file, "CSV", remedy, reader.line_num, found=str(error)) from error


def _is_json(file: Path) -> bool:
    first = next((line for line in _lines(file) if line.strip()), None)
    if first is None:
        raise _no_rows(file)
    return first.lstrip().startswith("{")


def _json_blocks(file: Path, wanted: tuple[str, ...]) -> Iterator[Block]:
    objects = _objects(file)
    while batch := list(islice(objects, BLOCK)):
        lacking = next(((line, one, record) for line, record in batch for one in wanted if one not in record), None)
        if lacking:
            remedy = f"add or rename it; the object has {', '.join(lacking[2])[:200]}"
            raise TraceError(file, "the column in every object", remedy, *lacking[:2])
        picked = {column: [_text(record[column]) for _, record in batch] for column in wanted}
        yield Block(file, [line for line, _ in batch], picked)


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(_lines(file), 1):
        if text.strip():
            try:
                record = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise TraceError(file, "one JSON object a line", REPAIR, line, found=text.strip()) from error
            if not isinstance(record, dict):
                raise TraceError(file, "a JSON object", REPAIR, line, found=text.strip())
            yield line, record


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _lines(file: Path) -> Iterator[str]:
    done = size = 0
    whole, rest = b"", b""
    try:
        with _stream(file) as stream:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                whole, rest = _cut(rest + chunk)
                _within_caps(file, done + whole.count(b"\n"), len(rest), size)
                yield from io.StringIO(whole.decode("utf-8" if done else "utf-8-sig"))
                done += whole.count(b"\n")
        whole, rest = rest, b""
        yield from io.StringIO(whole.decode("utf-8" if done else "utf-8-sig"))
    except UnicodeDecodeError as error:
        line = done + 1 + error.object.count(b"\n", 0, error.start)
        found = str(error.object[error.start : error.end])
        raise TraceError(file, "UTF-8", "save the file as UTF-8", line, found=found) from error
    except (EOFError, zlib.error, OSError) as error:
        raise TraceError(file, "a readable file", "fetch it again", done + 1, found=str(error)) from error


def _cut(data: bytes) -> tuple[bytes, bytes]:
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _within_caps(file: Path, lines: int, rest: int, size: int) -> None:
    if rest > MOST_LINE:
        raise TraceError(file, f"lines of at most {MOST_LINE:,} bytes", "check that it is text", lines + 1)
    if lines > MOST_ROWS:
        raise TraceError(file, f"at most {MOST_ROWS:,} lines", "take a part of the file", lines)
    if size > MOST_BYTES:
        raise TraceError(file, f"at most {MOST_BYTES:,} bytes when unpacked", "take a part of the file", lines)


def _stream(file: Path) -> BinaryIO:
    if not file.is_file():
        found = "something else" if file.exists() else "nothing there"
        raise TraceError(file, f"a file at {file}", "check the path", found=found)
    with file.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    if packed:
        return cast("BinaryIO", gzip.open(file))
    if file.suffix == ".gz":
        remedy = "fetch it again, or take .gz off its name"
        raise TraceError(file, "gzip, as the name says", remedy, found="other bytes")
    return file.open("rb")
