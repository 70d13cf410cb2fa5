"""The current values of every device and model, read from Redis for all who ask in a process.

A subject is stale after 10 seconds without news and forgotten after 10 minutes; the row of a device in the inventory
tells when it was last seen.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

import redis

from controlplane.base import events
from controlplane.base.messages import Sentence
from routing.history import latest
from routing.history.latest import LatestFrame, LatestValues
from routing.samples.frames import Frame, unpack

STALE_SECONDS = 10.0
"""Values older than this are shown as stale and are not on /metrics: ten ticks of a collector were missed."""
FORGOTTEN_SECONDS = 600.0
"""A subject without news for so long is forgotten here."""
REFRESH_SECONDS = 0.25
"""The least time between two readings."""
OLD_SECONDS, PATIENCE_SECONDS = 1.0, 2.0
"""Who asks while another thread reads waits so long for it if what is known was read longer ago: nobody had asked."""
MOST_SUBJECTS = 20_000
"""The most subjects that are kept; if there are more, those with the youngest news."""
AWAY = Sentence("Redis does not answer, so live values stand still")
NEVER = float("-inf")
Unpacked = dict[str, dict[str, float]]
"""Values by subject and series."""


@dataclass(frozen=True, slots=True)
class CurrentValues:
    """What this process knows of all subjects.

    `read` is when Redis was last read, on the monotonic clock; `away` says what is wrong, empty if nothing is.
    """

    by_subject: Mapping[str, LatestValues]
    read: float
    away: str

    @property
    def age_s(self) -> float:
        """Seconds since Redis was last read; infinite before the first time."""
        return time.monotonic() - self.read


class CurrentCache:
    """Keeps what was read last. One thread reads at a time; the others get what was there before if it is young."""

    def __init__(self, read: Callable[[], tuple[list[LatestFrame], float]]) -> None:
        """`read` gives the latest frames and the time by the clock of their arrivals. It may raise redis.RedisError."""
        self._read = read
        self._known = CurrentValues(MappingProxyType({}), NEVER, "")
        self._tried = NEVER
        self._reading = threading.Lock()
        self._unpacked: dict[str, tuple[Frame, Unpacked]] = {}

    def known(self) -> CurrentValues:
        """What is known now. Never raises; waits for the very first reading, and a little if what is known is old."""
        if self._due() and self._reading.acquire(timeout=self._patience()):
            try:
                if self._due():
                    self._known = self._fresh()
                    self._tried = time.monotonic()
            finally:
                self._reading.release()
        return self._known

    def _due(self) -> bool:
        return time.monotonic() - self._tried >= REFRESH_SECONDS

    def _patience(self) -> float:
        if self._tried == NEVER:
            return -1.0
        return PATIENCE_SECONDS if time.monotonic() - self._tried > OLD_SECONDS else 0.0

    def _fresh(self) -> CurrentValues:
        try:
            frames, now = self._read()
        except redis.RedisError:
            kept = {name: one for name, one in self._known.by_subject.items() if one.age_s <= FORGOTTEN_SECONDS}
            return CurrentValues(MappingProxyType(kept), self._known.read, AWAY)
        found = latest.by_subject(frames, now, FORGOTTEN_SECONDS, self._values)
        self._unpacked = {
            one.frame.source: self._unpacked[one.frame.source] for one in frames if one.frame.source in self._unpacked
        }
        if len(found) > MOST_SUBJECTS:
            youngest = sorted(found.items(), key=lambda item: item[1].heard, reverse=True)
            found = dict(islice(youngest, MOST_SUBJECTS))
        return CurrentValues(MappingProxyType(found), time.monotonic(), "")

    def _values(self, frame: Frame) -> Unpacked:
        """The values of a frame, unpacked only once: most frames are the same as at the last reading."""
        before = self._unpacked.get(frame.source)
        if before is None or before[0] != frame:
            before = self._unpacked[frame.source] = frame, unpack(frame)
        return before[1]


_cache = CurrentCache(lambda: latest.read(events.notices()))


def known() -> CurrentValues:
    """What this process knows of all subjects, and whether Redis is away."""
    return _cache.known()


def current() -> Mapping[str, LatestValues]:
    """The values of every subject heard of within ten minutes."""
    return _cache.known().by_subject
