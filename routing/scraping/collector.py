"""The collector: one at a time, it asks every enabled endpoint at its interval and sends what they say.

PostgreSQL away: it goes on with the endpoints that it knows. Redis away: frames wait, the oldest are given up.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import django.db
import redis

from controlplane.base import events
from controlplane.base.own_connection import connect_alone
from controlplane.base.service_loop import Service
from registry import guard
from registry.transports.egress import Egress
from registry.transports.http import Client
from registry.transports.response import ResponseLimits
from routing.history import store
from routing.history.partitions import LATE
from routing.samples.exposition import LONGEST
from routing.samples.frames import Frame
from routing.scraping import rows
from routing.scraping.facts import Facts, ScrapedEndpoint
from routing.scraping.lease import CollectorLease, LeaseState
from routing.scraping.watch import EndpointWatch

TEND_SECONDS = 1.0
SHIP_SECONDS = 0.1
WRITE_SECONDS = 5.0
TELL_SECONDS = 60.0
TELL_FOR = 0.5
"""Seconds of one turn that telling the inventory may take; the rest of the nodes waits for the next turn."""
MOST_WAITING = 20_000
"""Frames that wait for Redis: more than two minutes of 125 endpoints, about 50 MB."""
LONGEST_WAIT = LATE - 60.0
"""Seconds that a frame waits for Redis: history takes none that is older, and it would count at a time not its own."""
SILENT_SECONDS = 30.0
"""A source that did not tell of a device for so long has it no more; another may tell of it."""
GOLDEN = 0.618034
Result = TypeVar("Result")
log = logging.getLogger(__name__)


class Collector:
    """One collecting process. `run` never ends by itself."""

    def __init__(self) -> None:
        self._lease = CollectorLease()
        self._database = ThreadPoolExecutor(1, "database")
        self._guard = Egress(())
        self._client = Client(lambda: self._guard, ResponseLimits(body=LONGEST))
        self._version: tuple[object, ...] = ()
        self._known: dict[int, tuple[ScrapedEndpoint, bool, frozenset[str]]] = {}
        self._watches: dict[int, EndpointWatch] = {}
        self._services: dict[int, Service] = {}
        self._owners: dict[str, int] = {}
        self._waiting: deque[Frame] = deque(maxlen=MOST_WAITING)
        self._written: dict[int, tuple[object, ...]] = {}
        self._written_at = 0.0
        self._told: dict[str, tuple[float, object]] = {}
        self._run = 0

    async def run(self) -> None:
        """Collect while no other collector does."""
        shipping = asyncio.create_task(self._ship())
        try:
            while True:
                more = await self._tend()
                await asyncio.sleep(0.0 if more else TEND_SECONDS)
        finally:
            shipping.cancel()
            self._stop()
            await self._client.close()
            await self._in_database(self._lease.give_up)

    async def _tend(self) -> bool:
        """One turn a second: keep the lock, follow the table, write how looks went, tell the inventory.

        Whether there is more to tell than fits into a turn.
        """
        state = await self._in_database(self._lease.ask)
        if state is LeaseState.ANOTHERS or state is LeaseState.TAKEN:
            self._stop()
        if state in (LeaseState.ANOTHERS, LeaseState.AWAY):
            return False
        try:
            if state is LeaseState.TAKEN:
                self._run = await self._in_database(rows.next_run)
                log.info("collecting, run %d", self._run)
            await self._follow()
            await self._in_database(self._write)
            return await self._in_database(self._tell)
        except django.db.Error as error:
            log.warning("PostgreSQL does not answer, scraping goes on: %s", error)
            return False

    async def _follow(self) -> None:
        """Begin, change and end watches as the table says."""
        self._guard = await self._in_database(self._guard_now)
        version = await self._in_database(rows.version)
        if version == self._version:
            return
        self._known = await self._in_database(rows.endpoints)
        self._version = version
        wanted = {number: one for number, (one, enabled, _) in self._known.items() if enabled}
        for number in [number for number, one in self._watches.items() if wanted.get(number) != one.endpoint]:
            self._services.pop(number).cancel()
            before = self._watches.pop(number)
            self._written.pop(number, None)
            if number in wanted:
                self._begin(wanted[number], before.sequence)
        for number in wanted.keys() - self._watches.keys():
            self._begin(wanted[number], 0)

    def _begin(self, endpoint: ScrapedEndpoint, sequence: int) -> None:
        watch = EndpointWatch(endpoint, self._client, self._run, self._owner, sequence=sequence)
        self._watches[endpoint.id] = watch
        self._services[endpoint.id] = Service(f"endpoint {endpoint.name}", partial(self._watch, watch))
        self._services[endpoint.id].start()

    def _stop(self) -> None:
        """End every watch: another collector's frames count from now on."""
        for service in self._services.values():
            service.cancel()
        self._services, self._watches, self._version = {}, {}, ()
        self._owners, self._written, self._told = {}, {}, {}

    async def _watch(self, watch: EndpointWatch) -> None:
        """Look at one endpoint for ever, at moments of its own within each interval."""
        interval, clock = watch.endpoint.interval_s, asyncio.get_running_loop().time
        due = (clock() // interval) * interval + watch.endpoint.id * GOLDEN % 1.0 * interval
        while True:
            await asyncio.sleep(max(0.0, due - clock()))
            frame = await watch.look()
            if frame is not None:
                self._waiting.append(frame)
            due += watch.pause()
            if (late := clock() - due) > 0:
                due += (late // interval + 1) * interval

    def _owner(self, subject: str, watch: EndpointWatch) -> str:
        """The name of another endpoint whose device this is; empty if it is this one's, as from now on."""
        number = self._owners.get(subject, watch.endpoint.id)
        other = self._watches.get(number)
        if other is None or other is watch or time.time() - other.looked_at > SILENT_SECONDS + other.pause():
            self._owners[subject] = watch.endpoint.id
            return ""
        if subject not in other.subjects:
            self._owners[subject] = watch.endpoint.id
            return ""
        return other.endpoint.name

    async def _ship(self) -> None:
        """Send what waits, ten times a second."""
        away = False
        while True:
            await asyncio.sleep(SHIP_SECONDS)
            while self._waiting and self._waiting[0].at < time.time() - LONGEST_WAIT:
                self._waiting.popleft()
            batch = list(self._waiting)
            if not batch:
                continue
            try:
                await asyncio.to_thread(store.send, events.store(), batch)
            except redis.RedisError as error:
                if not away:
                    log.warning("Redis does not answer, frames wait: %s", error)
                away = True
                continue
            if away:
                log.info("Redis answers again; %d frames waited", len(batch))
            away = False
            sent = {(frame.source, frame.run, frame.sequence) for frame in batch}
            while self._waiting and _place(self._waiting[0]) in sent:
                self._waiting.popleft()

    async def _in_database(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._database, work)

    def _guard_now(self) -> Egress:
        """The guard in force; the same object while nothing changed, so that connections are not checked again."""
        connect_alone()
        found = guard.egress()
        return self._guard if found == self._guard else found

    def _write(self) -> None:
        """Write the state of each endpoint whose state or complaints changed, and every few seconds when it was."""
        looked = [one for one in list(self._watches.values()) if one.looked_at]
        now = {
            one.endpoint.id: (one.state, tuple(one.complaints()), tuple(one.subjects), tuple(one.facts))
            for one in looked
        }
        changed = [one for one in looked if self._written.get(one.endpoint.id) != now[one.endpoint.id]]
        due = time.monotonic() - self._written_at >= WRITE_SECONDS
        if changed or due:
            rows.write(changed, looked if due else ())
        self._written |= now
        if due:
            self._written_at = time.monotonic()

    def _tell(self) -> bool:
        """Tell the inventory of nodes whose devices changed, and of each once a minute; whether some had to wait."""
        began = time.monotonic()
        by_node: dict[str, dict[int, tuple[ScrapedEndpoint, Facts]]] = {}
        for number, watch in sorted(self._watches.items()):
            for name in watch.facts:
                by_node.setdefault(name, {})[number] = (watch.endpoint, watch.facts)
        silent = [nodes for number, (_, _, nodes) in self._known.items() if not self._facts_of(number)]
        for name, told in by_node.items():
            whole = not any(name in nodes for nodes in silent)
            news = [whole, *((endpoint.emulated, facts[name]) for endpoint, facts in told.values())]
            at, before = self._told.get(name, (0.0, None))
            if news == before and began - at < TELL_SECONDS:
                continue
            try:
                rows.tell(name, told, whole)
            except (django.db.DataError, django.db.IntegrityError) as error:
                log.error("the inventory does not take the node %r: %s", name, error)
            self._told[name] = (time.monotonic(), news)
            if time.monotonic() - began > TELL_FOR:
                return True
        return False

    def _facts_of(self, number: int) -> Facts:
        watch = self._watches.get(number)
        return watch.facts if watch is not None else {}


def _place(frame: Frame) -> tuple[str, int, int]:
    return frame.source, frame.run, frame.sequence
