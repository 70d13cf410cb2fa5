"""What the gateways of one data folder have counted together: each writes a file, and whoever is asked adds them up.

A gateway that is started again goes on from its file, so that a counter never falls. Values of the moment (calls in
flight, connections) count only while the file is fresh.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from routing.dataplane.measures import Histogram, Measures

WRITE_SECONDS = 1.0
FRESH_SECONDS = 5.0
FILES = "counts-*.json"
KNOWN_TO_ALL = frozenset({"circuits_open"})
"""Values of the moment that are the same in all gateways."""
IN_FLIGHT = "in_flight:"
"""What the name of a value of the moment begins with that counts the calls of one model which wait for an upstream."""


class Counts(msgspec.Struct):
    """Counters since the first start, and values of the moment. `at` is seconds since the epoch.

    `revision` is that of the table which one gateway serves; a sum has none.
    """

    at: float = 0.0
    calls: list[tuple[str, str, int, str, int]] = []
    durations: dict[str, tuple[list[int], float]] = {}
    tokens: list[tuple[str, str, int]] = []
    records: dict[str, int] = {}
    moment: dict[str, int] = {}
    revision: int = 0


_decode = msgspec.json.Decoder(Counts).decode
_encode = msgspec.json.encode


def taken(measures: Measures, records: dict[str, int], moment: dict[str, int], at: float) -> Counts:
    """The counts of one process as they are now."""
    return Counts(
        at,
        [(*key, count) for key, count in measures.calls.items()],
        {model: (histogram.counts, histogram.total_ms) for model, histogram in measures.durations.items()},
        [(*key, count) for key, count in measures.tokens.items()],
        records,
        moment,
    )


def added(parts: Iterable[Counts], now: float) -> Counts:
    """The sum of several processes' counts."""
    sum_of, records, moment = Measures(), dict[str, int](), dict[str, int]()
    for part in parts:
        for model, task, status, failure, count in part.calls:
            key = (model, task, status, failure)
            sum_of.calls[key] = sum_of.calls.get(key, 0) + count
        for model, direction, count in part.tokens:
            sum_of.tokens[model, direction] = sum_of.tokens.get((model, direction), 0) + count
        for model, (counts, total_ms) in part.durations.items():
            known = sum_of.durations.setdefault(model, Histogram())
            known.counts = [one + other for one, other in zip(known.counts, counts, strict=True)]
            known.total_ms += total_ms
        for fate, count in part.records.items():
            records[fate] = records.get(fate, 0) + count
        if abs(now - part.at) < FRESH_SECONDS:
            for name, value in part.moment.items():
                moment[name] = max(moment.get(name, 0), value) if name in KNOWN_TO_ALL else moment.get(name, 0) + value
    return taken(sum_of, records, moment, now)


class SharedCounts:
    """The counts of one gateway among others in a folder."""

    def __init__(self, folder: Path, number: int, live: Callable[[], Counts]) -> None:
        """`number` tells this gateway from the others; `live` gives what it has counted since it was started."""
        self._file = folder / f"counts-{number}.json"
        self._live = live
        self._before = _read(self._file)
        self._written: Counts | None = None

    def own(self) -> Counts:
        """What this gateway and those before it in its place have counted."""
        live = self._live()
        if self._before is None:
            return live
        return replace(added((live, self._before), live.at), revision=live.revision)

    def revisions(self, gateways: int) -> list[int]:
        """The revision that each of so many gateways serves, this one's first; others' about a second old."""
        others = [self._file.with_name(f"counts-{number}.json") for number in range(gateways)]
        found = [counts for path in others if path != self._file and (counts := _read(path)) is not None]
        return [self._live().revision, *[counts.revision for counts in found]]

    def all(self) -> Counts:
        """What all gateways have counted; the others' counts are at most about a second old."""
        return self.with_others(self.own())

    def with_others(self, own: Counts) -> Counts:
        """The same, if `own` is what `own()` returned. Reads files, so it may be called in a thread."""
        others = [path for path in self._file.parent.glob(FILES) if path != self._file]
        found = [counts for path in sorted(others) if (counts := _read(path)) is not None]
        return added((own, *found), time.time())

    async def run(self) -> None:
        """Write the counts down once a second, for ever; not while nothing happens."""
        while True:
            if not self._same():
                self.write()
            await asyncio.sleep(WRITE_SECONDS)

    def _same(self) -> bool:
        """Whether what is written still holds: nothing was counted, and no value of the moment needs a fresh file."""
        live, written = self._live(), self._written
        return written is not None and not any(live.moment.values()) and replace(live, at=written.at) == written

    def write(self) -> None:
        """Write the counts down now, whole or not at all."""
        draft = self._file.with_suffix(".draft")
        self._written = self._live()
        draft.write_bytes(_encode(self.own()))
        draft.replace(self._file)


def _read(path: Path) -> Counts | None:
    """The counts in a file; None if there is none, or if another version wrote it."""
    try:
        counts = _decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    shape = len(Histogram().counts)
    return counts if all(len(found) == shape for found, _ in counts.durations.values()) else None
