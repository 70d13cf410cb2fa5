"""One endpoint being watched: a look at it, the frame that comes of it, and what was wrong with what it said."""

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeVar

import numpy as np

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.http import Client, Fetched
from routing.models import EndpointState
from routing.samples import faults, frames, readings, shapes
from routing.samples.dimensions import BY_POSITION
from routing.samples.frames import Frame, SampleBlock
from routing.samples.readings import Complaint, SourceReading, TelemetrySource
from routing.scraping.facts import Facts, ScrapedEndpoint, facts, subject

LONGEST_LOOK = 10.0
LONGEST_PAUSE = 30.0
PLAIN_SECONDS, PLAIN_SECONDS_DOUBTED = 300.0, 30.0
"""How often everything is read plainly, though the shape fits: facts of devices are looked at then. More often while
something is wrong that only the plain reader sees, such as a second source of the same devices."""
LEARN_SECONDS = 10.0
TOLD_SECONDS = 60.0
"""For how long a complaint is shown after it was last true."""
MOST_TOLD = 20
MOST_SUBJECTS_TOLD = 64
COSTLY = 0.1
SHARE = 0.05
"""The most of a core that reading a source may take if one answer costs more CPU seconds than COSTLY."""
CLOCK_SECONDS = 300.0
STRUCTURE = frozenset(("too long", "malformed", "cut off", "not an exposition", "no identity", "too many devices"))
"""Faults after which nobody knows whether a device is gone or only was not read."""
LARGE = 256 * 1024
"""Bytes of an answer that is read beside the loop: 8 MiB take seconds, and other sources are due meanwhile."""
Owner = Callable[[str, "EndpointWatch"], str]
Known = TypeVar("Known")
Result = TypeVar("Result")
_beside = ThreadPoolExecutor(1, "large answers")


@dataclass(slots=True)
class EndpointWatch:
    """What is known of an endpoint since this collector began. `owner` names another source that tells of a subject.

    `facts` are devices that two looks in a row agreed on.
    """

    endpoint: ScrapedEndpoint
    client: Client
    run: int
    owner: Owner
    state: str = EndpointState.NEW
    looked_at: float = 0.0
    subjects: list[str] = field(default_factory=list)
    facts: Facts = field(default_factory=dict)
    sequence: int = 0
    failures: int = 0
    cost: float = 0.0
    _agreed: Facts | None = None
    _told: dict[tuple[str, str, str], tuple[Sentence, float]] = field(default_factory=dict)
    _shape: shapes.LearnedShape | None = None
    _identities: list[str] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _kept: list[int] | None = None
    _learn_at: float = 0.0
    _plain_at: float = 0.0
    _before: SampleBlock | None = None

    async def look(self) -> Frame | None:
        """Ask once. What it said, or nothing: then `complaints` say why. Never raises for what a source does."""
        try:
            fetched = await self._fetched()
        except Failure as failure:
            self._failed(failure.message)
            return None
        block, complaints = await self._read(fetched)
        self.looked_at = time.time()
        if block is None:
            self.failures += 1
            self.state = EndpointState.COMPLAINING
            self._tell(complaints)
            return None
        complaints = (*complaints, *self._fallen(block))
        if self.cost > COSTLY:
            complaints = (*complaints, Complaint("costly", value=f"{self.cost:.2f} s"))
        self._before = block
        self._tell(complaints)
        self.failures = 0
        self.state = EndpointState.COMPLAINING if self.complaints() else EndpointState.WELL
        self.sequence += 1
        named = SampleBlock(self._names, block.gauges, block.counters, block.values)
        if self._kept is not None:
            kept = self._kept
            named = SampleBlock([self._names[row] for row in kept], block.gauges, block.counters, block.values[kept])
        place = (self.run, self.sequence)
        return frames.packed(named, complaints, f"endpoint:{self.endpoint.id}", place, self.looked_at)

    def pause(self) -> float:
        """Seconds until the next look: the interval, longer for one that fails again and again or costs much."""
        interval = self.endpoint.interval_s
        doubled = min(LONGEST_PAUSE, interval * 2.0 ** min(max(self.failures - 1, 0), 10))
        return max(interval, doubled if self.failures else 0.0, self.cost / SHARE if self.cost > COSTLY else 0.0)

    def complaints(self) -> list[Sentence]:
        """What was wrong within the last minute, newest last."""
        now = time.monotonic()
        self._told = {key: one for key, one in self._told.items() if one[1] > now}
        return [words for words, _ in list(self._told.values())[-MOST_TOLD:]]

    async def _fetched(self) -> Fetched:
        endpoint = self.endpoint
        if endpoint.target is None:
            raise Failure(FailureKind.UNAVAILABLE, endpoint.trouble)
        most = min(0.9 * endpoint.interval_s, LONGEST_LOOK)
        wire = Wire("GET", "" if endpoint.target.base_path else "/metrics")
        fetched = await self.client.fetch(endpoint.target, wire, Timeouts(most, most, most, most))
        if fetched.status != 200:
            words = Sentence("it answers with the status {status}", status=fetched.status)
            raise Failure(FailureKind.UPSTREAM_ERROR, words)
        return fetched

    def _failed(self, why: str) -> None:
        self.failures += 1
        self.state, self.looked_at = EndpointState.UNREACHABLE, time.time()
        self._told = {("unreachable", "", ""): (faults.FAULTS["unreachable"].given(value=why), time.monotonic() + 3600)}

    async def _read(self, fetched: Fetched) -> tuple[SampleBlock | None, tuple[Complaint, ...]]:
        """The numbers in an answer: by the shape if it fits, else plainly."""
        now, body = time.monotonic(), fetched.body
        if self._shape is not None and now < self._plain_at:
            found = await _read_by(shapes.numbers_of, body, self._shape)
            if found is not None and found.subjects == self._identities:
                self.cost = 0.0
                if self.facts is not self._agreed:
                    self._agree(self._agreed)
                return found, ()
        reading, self.cost = await _read_by(_plainly, body, self.endpoint.source)
        said = (*reading.complaints, *_clock(fetched.headers))
        if not reading.subjects:
            self._shape = None
            return None, said or (Complaint("nothing known"),)
        fits = self._shape is not None and await _read_by(shapes.numbers_of, body, self._shape) is not None
        if not fits and now >= self._learn_at:
            self._learn_at = now + LEARN_SECONDS
            self._shape = await _read_by(shapes.learned, body, self.endpoint.source)
        if self._shape is not None and set(self._shape.subjects) != reading.subjects.keys():
            self._shape = None
        if self._shape is not None:
            ordered = {name: reading.subjects[name] for name in self._shape.subjects}
            reading = SourceReading(ordered, reading.complaints)
        doubted = self._name(reading)
        self._plain_at = now + (PLAIN_SECONDS_DOUBTED if said or doubted else PLAIN_SECONDS)
        return frames.block(reading), (*said, *doubted)

    def _name(self, reading: SourceReading) -> list[Complaint]:
        """Name the subjects, leave out those that another source tells of, and look at the facts."""
        endpoint = self.endpoint
        self._identities = list(reading.subjects)
        self._names = [subject(endpoint, identity, one.labels) for identity, one in reading.subjects.items()]
        first = {name: row for row, name in reversed(list(enumerate(self._names)))}
        owners = [
            endpoint.name if first[name] != row else self.owner(name, self) if endpoint.tells_devices else ""
            for row, name in enumerate(self._names)
        ]
        kept = [row for row, owner in enumerate(owners) if not owner]
        self._kept = kept if len(kept) < len(owners) else None
        self.subjects = [self._names[row] for row in kept]
        if endpoint.tells_devices and not STRUCTURE & {one.fault for one in reading.complaints}:
            named = dict(zip(self._names, reading.subjects.values(), strict=True))
            self._agree(facts(endpoint, {name: named[name] for name in self.subjects}, self._agreed or self.facts))
        taken = zip(self._names, owners, strict=True)
        return [Complaint("two sources", "", name, owner) for name, owner in taken if owner][:MOST_TOLD]

    def _agree(self, found: Facts | None) -> None:
        """Take facts that a second look confirms: an exporter that begins tells of some devices later than others."""
        if found is not None and found == self._agreed:
            self.facts = found
        self._agreed = found

    def _fallen(self, block: SampleBlock) -> list[Complaint]:
        """Counters that are less than at the look before."""
        before, split = self._before, len(block.gauges)
        if before is None or (before.subjects, before.counters) != (block.subjects, block.counters):
            return []
        fell = np.argwhere(block.values[:, split:] < before.values[:, len(before.gauges) :])
        return [
            Complaint("counter fell", series.name, self._names[row], repr(float(block.values[row, split + column])))
            for row, column in fell.tolist()
            if (series := BY_POSITION[block.counters[column]]).kind == "counter"
        ][:MOST_TOLD]

    def _tell(self, complaints: tuple[Complaint, ...]) -> None:
        """Keep complaints for a while, so that one bad moment can be seen."""
        self._told.pop(("unreachable", "", ""), None)
        until = time.monotonic() + TOLD_SECONDS
        for one in complaints:
            self._told[one.fault, one.metric, one.subject] = (faults.sentence(one), until)


async def _read_by(reader: Callable[[bytes, Known], Result], body: bytes, known: Known) -> Result:
    """What a reader makes of a body: here, or beside the loop if it is large."""
    if len(body) < LARGE:
        return reader(body, known)
    return await asyncio.get_running_loop().run_in_executor(_beside, reader, body, known)


def _plainly(body: bytes, source: TelemetrySource) -> tuple[SourceReading, float]:
    """What a body says, and the CPU seconds that it took."""
    began = time.thread_time()
    reading = readings.reading(body, source)
    return reading, time.thread_time() - began


def _clock(headers: Mapping[str, str]) -> list[Complaint]:
    """Whether the clock of a source, as its answer's Date says, is far from ours."""
    try:
        told = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return []
    off = (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() - time.time()
    return [Complaint("clock off", value=f"{off:+.0f} s")] if abs(off) > CLOCK_SECONDS else []
