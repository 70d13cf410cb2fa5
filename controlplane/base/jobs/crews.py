"""Who runs which jobs in a worker: a crew a kind, so that no kind waits for another, and fair to whoever asked.

A crew's threads claim by turns: whoever has the fewest jobs running, then whoever waited longest for a turn. One key
or person never has all of a crew.
"""

import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.db import connection
from django.db.models import Q

from controlplane.base.jobs import engine
from controlplane.base.jobs.engine import Asker, Handlers, JobDeferred, Lease
from controlplane.base.jobs.kinds import JobKind

CROWDED_SECONDS = 60.0
"""How long an asker whose own limit was met is kept below it, before it is tried again."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Size:
    """How many jobs of a kind one worker runs at once, in all and for one asker."""

    at_once: int
    per_asker: int


class Crew:
    """Runs the due jobs that `which` selects."""

    def __init__(self, name: str, which: Q, size: Size, handlers: Handlers) -> None:
        self._which, self._size, self._handlers = which, size, handlers
        self._pool = ThreadPoolExecutor(size.at_once, thread_name_prefix=f"crew-{name}")
        self._lock = threading.Lock()
        self._busy = 0
        self._running: Counter[Asker] = Counter()
        self._turn: dict[Asker, int] = {}
        self._turns = itertools.count()
        self._crowded: dict[Asker, tuple[int, float]] = {}

    def wake(self) -> None:
        """Let one more thread look for jobs, if one is free. Those who are busy look again by themselves."""
        with self._lock:
            if self._busy >= self._size.at_once:
                return
            self._busy += 1
        self._pool.submit(self._work).add_done_callback(_tell)

    def _work(self) -> None:
        try:
            while (lease := self._claimed()) is not None:
                self.wake()
                self._run(lease)
        finally:
            connection.close()
            with self._lock:
                self._busy -= 1

    def _claimed(self) -> Lease | None:
        """One job of whoever's turn it is, counted as running. One claim at a time, so that the counts hold."""
        with self._lock:
            lease = engine.claim_fairly(self._which, self._rank)
            connection.close()
            if lease is not None:
                asker = engine.asker_of(lease.job)
                self._running[asker] += 1
                self._turn[asker] = next(self._turns)
            return lease

    def _rank(self, asker: Asker) -> tuple[int, int] | None:
        """Lowest first; None for one that has its share already."""
        running = self._running[asker]
        most, until = self._crowded.get(asker, (self._size.per_asker, 0.0))
        most = most if time.monotonic() < until else self._size.per_asker
        return None if running >= most else (running, self._turn.get(asker, -1))

    def _run(self, lease: Lease) -> None:
        asker = engine.asker_of(lease.job)
        error: BaseException | None = None
        try:
            error = engine.run(lease, self._handlers)
        finally:
            with self._lock:
                self._running -= Counter([asker])
                if isinstance(error, JobDeferred) and error.crowded:
                    self._crowded[asker] = (max(1, self._running[asker]), time.monotonic() + CROWDED_SECONDS)


def _tell(ended: "Future[None]") -> None:
    """What stopped a thread; the jobs stay due, and the next wake-up starts another one."""
    if ended.exception() is not None:
        log.warning("a worker's thread stopped looking for jobs", exc_info=ended.exception())


def crews(kinds: Sequence[JobKind]) -> tuple[Callable[[], None], ...]:
    """The wake-up of each kind's crew, and of one for jobs of a kind that nobody knows, which fail in words."""
    handlers = {kind.name: kind.run for kind in kinds}
    made = [Crew(kind.name, Q(kind=kind.name), Size(kind.at_once, kind.per_asker), handlers) for kind in kinds]
    unknown = Crew("unknown", ~Q(kind__in=list(handlers)), Size(1, 1), handlers)
    return tuple(crew.wake for crew in (*made, unknown))
