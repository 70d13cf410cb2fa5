"""Calls of models that are being rolled out: what each colour did with those that it was given, for the guard lines.

A gateway counts in memory and hands the sums to Redis twice a second; versions.rollout adds the gateways' sums up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from math import log2

import msgspec

from registry.canon import Failure, FailureKind
from routing.dataplane.call import CANCELLED, Call, Trial, bare
from routing.dataplane.link import TellingFailed
from routing.table import Split, Table

TELL_SECONDS = 0.5
BUCKETS = 80
PER_DOUBLING = 4
"""A bucket's upper bound is 19 % above the one below it, from 1 ms to a quarter of an hour."""
REFUSALS = frozenset(
    (
        *(FailureKind.INVALID_REQUEST, FailureKind.UNSUPPORTED, FailureKind.TOO_LARGE, FailureKind.UNREADABLE),
        *(FailureKind.NOT_FOUND, FailureKind.PERMISSION, FailureKind.UPSTREAM_REFUSED),
    )
)
"""What the contract or the upstream says no to; every other failure is a fault."""
LOSSY = frozenset({"dropped", "clamped"})
"""Adaptations after which the upstream gets less than the caller asked for."""


def bucket(milliseconds: float) -> int:
    """The bucket of a time."""
    return min(int(log2(max(milliseconds, 1.0)) * PER_DOUBLING), BUCKETS - 1)


def upper_bound(number: int) -> float:
    """The upper bound of a bucket in milliseconds."""
    return float(2 ** ((number + 1) / PER_DOUBLING))


def _none() -> list[int]:
    return [0] * BUCKETS


class ColourCounts(msgspec.Struct):
    """What became of the calls that a colour was given, by its own first answer.

    `saved` are those of green that failed or were refused and that blue then served. `waits` counts answered calls by
    the time to their first byte, and those whose callers left; `waiting` calls under way by age.
    """

    calls: int = 0
    failed: int = 0
    refused: int = 0
    saved: int = 0
    lossy: int = 0
    waits: list[int] = msgspec.field(default_factory=_none)
    waiting: list[int] = msgspec.field(default_factory=_none)

    def __add__(self, other: "ColourCounts") -> "ColourCounts":
        return ColourCounts(
            self.calls + other.calls,
            self.failed + other.failed,
            self.refused + other.refused,
            self.saved + other.saved,
            self.lossy + other.lossy,
            [one + more for one, more in zip(self.waits, other.waits, strict=True)],
            [one + more for one, more in zip(self.waiting, other.waiting, strict=True)],
        )


class SplitCounts(msgspec.Struct):
    """Both colours of one rollout."""

    blue: ColourCounts = msgspec.field(default_factory=ColourCounts)
    green: ColourCounts = msgspec.field(default_factory=ColourCounts)

    def __add__(self, other: "SplitCounts") -> "SplitCounts":
        return SplitCounts(self.blue + other.blue, self.green + other.green)


class ToldCounts(msgspec.Struct):
    """One process's counts by the green deployment's id. `at` is seconds since the epoch."""

    at: float
    splits: dict[int, SplitCounts]


Tell = Callable[[bytes], Awaitable[None]]
"""Hands this process's counts to Redis; raises TellingFailed."""


class Colours:
    """Counts what each colour of each rollout does with its calls, and tells it while there are rollouts."""

    def __init__(self, tell: Tell | None = None) -> None:
        """Without `tell` the counts stay here."""
        self._tell = tell
        self._counts: dict[int, SplitCounts] = {}
        self._open: dict[str, Trial] = {}
        self.rolling = asyncio.Event()
        """Set while anything is rolled out."""

    def keep(self, table: Table) -> None:
        """Forget every rollout that is not in `table`."""
        rolled = {served.split.id for served in table.models.values() if served.split is not None}
        self._counts = {number: self._counts.get(number) or SplitCounts() for number in rolled}
        if rolled:
            self.rolling.set()
        else:
            self.rolling.clear()

    def begin(self, call: Call, split: Split) -> Trial:
        """A call whose model is being rolled out: green or blue by the split."""
        key_id = call.caller.key_id if call.caller is not None else 0
        trial = Trial(split.id, "green" if split.takes(key_id) else "blue", time.perf_counter())
        call.trial = self._open[call.id] = trial
        return trial

    def fall_back(self, call: Call, trial: Trial, failure: Failure) -> None:
        """Green failed before the first byte, so blue is asked, as if the call began now."""
        self._open.pop(call.id, None)
        trial.failure = failure.kind
        call.fell_back = bare(failure)
        call.encoded = call.changes = call.usage = call.first_byte_ms = None
        call.tokens = 0

    def end(self, call: Call, trial: Trial) -> None:
        """Count a call that is over; one that was cut without an answer (the gateway ends) tells nothing."""
        self._open.pop(call.id, None)
        split = self._counts.get(trial.split_id)
        if split is None or not call.status:
            return
        counts = getattr(split, trial.colour)
        counts.calls += 1
        failure = trial.failure or (call.failure.kind if call.failure is not None else None)
        if failure is None:
            told = call.first_byte_ms if call.first_byte_ms is not None else call.elapsed_ms()
            counts.waits[bucket(told)] += 1
        elif failure in REFUSALS:
            counts.refused += 1
        else:
            counts.failed += 1
        if trial.failure is not None and call.status < 400:
            counts.saved += 1
        elif call.status != CANCELLED and call.encoded is not None:
            counts.lossy += any(change.action in LOSSY for change in call.encoded.adapted)

    def told(self, now: float) -> ToldCounts:
        """The counts, with the calls that wait at this moment."""
        moment = time.perf_counter()
        for split in self._counts.values():
            split.blue.waiting, split.green.waiting = _none(), _none()
        for trial in self._open.values():
            found = self._counts.get(trial.split_id)
            if found is not None:
                getattr(found, trial.colour).waiting[bucket((moment - trial.began) * 1000)] += 1
        return ToldCounts(now, self._counts)

    async def run(self) -> None:
        """Tell the counts twice a second while anything is rolled out, for ever."""
        while True:
            await self.rolling.wait()
            await asyncio.sleep(TELL_SECONDS)
            await self.tell_now()

    async def tell_now(self) -> None:
        """Tell the counts if anything is rolled out; without Redis they are told later."""
        if self._counts and self._tell is not None:
            try:
                await self._tell(msgspec.json.encode(self.told(time.time())))
            except TellingFailed:
                return


_decode = msgspec.json.Decoder(ToldCounts).decode


def read_told(told: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, ToldCounts]]:
    """What each process told; what another version wrote is left out."""
    for process, packed in told.items():
        try:
            counts = _decode(packed)
        except msgspec.DecodeError:
            continue
        if all(
            len(colour.waits) == BUCKETS for split in counts.splits.values() for colour in (split.blue, split.green)
        ):
            yield process, counts
