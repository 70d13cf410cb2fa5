"""Frames of live tables: numbers that a page shows, made small, one message a second for every tab of a process.

A message is one zlib stream: the length of a header (u32, little endian), the header (JSON, UTF-8), then for each
column the low bytes of all rows and the high bytes of all rows. The header of a whole frame has `ids` and `columns`;
its numbers are the values. Any other frame follows the one with the number before it, and its numbers are the
differences modulo 65,536, zigzagged. 65,535 is absent. `static/js/stream.js` reads it.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ABSENT = 65_535
SMALLEST = 6
"""The level of zlib: 6,000 numbers take a third of a millisecond."""


@dataclass(frozen=True, slots=True)
class StreamColumn:
    """One number of each row: a page gets round(value * steps), and `low` is the least value that can be told."""

    name: str
    steps: float = 1.0
    low: float = 0.0


@dataclass(frozen=True)
class StreamTable:
    """What is known at one moment. `values` has a row for each column; NaN is absent.

    `source_of` is the position in `sources` of each row's source, -1 without one; `ages` are seconds, of each source.
    `more` is JSON that goes with every frame.
    """

    columns: tuple[StreamColumn, ...]
    ids: Sequence[int | str]
    values: Array
    source_of: Sequence[int] = ()
    sources: Sequence[str] = ()
    ages: Sequence[float] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


class StreamEncoder:
    """Numbers and encodes the frames of one stream."""

    def __init__(self, name: str, first: int) -> None:
        """`first` is the number of the frame before the first one."""
        self.name, self.sequence = name, first
        self._shape: dict[str, Any] = {}
        self._now: dict[str, Any] = {}
        self._values: Array = np.zeros((0, 0), np.uint16)
        self._whole = b""

    def frame(self, table: StreamTable, at: float) -> bytes:
        """The next frame: a difference if rows and columns are those of the frame before, else a whole one."""
        values, shape, before = whole_numbers(table), _shape(table), self._values
        same = shape == self._shape
        self.sequence += 1
        self._shape, self._values, self._whole = shape, values, b""
        ages = [round(age) for age in table.ages]
        self._now = {"kind": self.name, "seq": self.sequence, "at": round(at, 3), "ages": ages, "more": table.more}
        return _message(self._now, zigzag(values, before)) if same else self.whole()

    def whole(self) -> bytes:
        """The newest frame for a tab that has none before it; nothing before the first one."""
        if not self._whole and self._now:
            self._whole = _message(self._now | self._shape, self._values)
        return self._whole


def whole_numbers(table: StreamTable) -> Array:
    """Values as a page gets them: uint16, ABSENT for NaN; what is outside of the column is its end."""
    if not table.columns:
        return np.zeros((0, len(table.ids)), np.uint16)
    low = np.array([[column.low] for column in table.columns])
    steps = np.array([[column.steps] for column in table.columns])
    scaled = np.rint((np.asarray(table.values, np.float64) - low) * steps)
    return np.where(np.isnan(scaled), ABSENT, np.clip(np.nan_to_num(scaled), 0, ABSENT - 1)).astype(np.uint16)


def zigzag(values: Array, before: Array) -> Array:
    """Differences as numbers that are small when the change is."""
    change = (values - before).view(np.int16)
    return ((change << 1) ^ (change >> 15)).view(np.uint16)


def _shape(table: StreamTable) -> dict[str, Any]:
    columns = [[column.name, column.steps, column.low] for column in table.columns]
    return {
        "ids": _apart(table.ids),
        "columns": columns,
        "source_of": list(table.source_of),
        "sources": list(table.sources),
    }


def _apart(ids: Sequence[int | str]) -> list[int | str]:
    """Numbers as the first and the steps between them, which compress to next to nothing; words as they are."""
    numbers = [one for one in ids if isinstance(one, int)]
    if len(numbers) < len(ids) or not numbers:
        return list(ids)
    return [numbers[0], *(after - before for before, after in pairwise(numbers))]


def _message(header: Mapping[str, Any], numbers: Array) -> bytes:
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    columns, rows = numbers.shape
    planes = np.stack([numbers & 0xFF, numbers >> 8], axis=1).astype(np.uint8).reshape(2 * columns, rows)
    packer = zlib.compressobj(SMALLEST)
    # A block ends after each plane, because one code for planes that have little in common makes a frame 8 % longer.
    parts = [len(head).to_bytes(4, "little") + head, *(plane.tobytes() for plane in planes)]
    return b"".join(packer.compress(part) + packer.flush(zlib.Z_BLOCK) for part in parts) + packer.flush()
