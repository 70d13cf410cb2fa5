"""The text of /metrics: what the gateways have counted, and what the console tells of the fleet.

It is made in a thread, once a second at most: scrapes of hundreds of models and a thousand devices hold up no call.
"""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from routing.dataplane.counts import IN_FLIGHT, Counts
from routing.dataplane.measures import Histogram
from routing.dataplane.plane import Plane
from routing.samples.families import MetricFamily, histogram, written
from routing.table import Table

KEPT_SECONDS = 1.0
FleetAsk = Callable[[], Awaitable[bytes]]
"""Gives the fleet's part; empty if nobody knows it."""
Made = tuple[float, asyncio.Task[bytes]]


class Scrape:
    """Makes the text for all who scrape this process."""

    def __init__(self, plane: Plane, fleet: FleetAsk) -> None:
        """`plane` is read at each scrape, `fleet` asked."""
        self._plane, self._fleet = plane, fleet
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")
        self._made: dict[tuple[bool, bool], Made] = {}

    async def text(self, fleet: bool, zipped: bool) -> bytes:
        """The text, with the fleet's part or without, compressed by gzip or not; at most a second old."""
        made = self._made.get((fleet, zipped))
        if made is None or (made[1].done() and time.monotonic() - made[0] > KEPT_SECONDS):
            making = self._zipped(fleet) if zipped else self._plain(fleet)
            made = self._made[fleet, zipped] = time.monotonic(), asyncio.create_task(making)
        return await asyncio.shield(made[1])

    async def _zipped(self, fleet: bool) -> bytes:
        plain = await self.text(fleet, zipped=False)
        return await asyncio.get_running_loop().run_in_executor(self._thread, zipped, plain)

    async def _plain(self, fleet: bool) -> bytes:
        shared, table, age = self._plane.shared_counts, self._plane.watcher.table, self._plane.watcher.age
        told = await self._fleet() if fleet else b""
        own = shared.own() if shared is not None else self._plane.counts()

        def make() -> bytes:
            counts = shared.with_others(own) if shared is not None else own
            return written(families(counts, table, age)) + generate_latest(self._process) + told

        return await asyncio.get_running_loop().run_in_executor(self._thread, make)


def zipped(plain: bytes) -> bytes:
    """The text compressed by gzip, quickly."""
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(plain) + packer.flush()


def families(counts: Counts, table: Table | None, age: float) -> Iterator[MetricFamily]:
    """Every family of the data plane: of all gateways of the data folder, but for the table, which is this one's."""
    yield from _calls(counts)
    yield from _table(table, age)
    records = MetricFamily("patchbay_call_records_total", "counter", "Call records by fate")
    for fate, count in counts.records.items():
        records.add(count, fate=fate)
    yield records
    waiting = counts.moment.get("records_waiting", 0)
    yield MetricFamily("patchbay_call_records_waiting", "gauge", "Call records in the queue", [("", waiting)])


def _calls(counts: Counts) -> Iterator[MetricFamily]:
    calls = MetricFamily("patchbay_calls_total", "counter", "Calls that ended")
    for model, task, status, failure, count in counts.calls:
        calls.add(count, model=model, task=task, status=str(status), failure=failure)
    yield calls
    seconds = MetricFamily("patchbay_call_seconds", "histogram", "Duration of calls")
    for model, (found, total_ms) in counts.durations.items():
        histogram(seconds, {"model": model}, Histogram(found, total_ms).cumulative(), total_ms / 1000)
    yield seconds
    tokens = MetricFamily("patchbay_tokens_total", "counter", "Tokens of calls")
    for model, direction, count in counts.tokens:
        tokens.add(count, model=model, direction=direction)
    yield tokens
    now = counts.moment
    flying = MetricFamily("patchbay_model_calls_in_flight", "gauge", "Calls of a model that wait for an upstream")
    for name, count in now.items():
        if name.startswith(IN_FLIGHT):
            flying.add(count, model=name.removeprefix(IN_FLIGHT))
    yield flying
    for name, key, words in (
        ("patchbay_calls_outstanding", "outstanding", "Calls that wait for an upstream"),
        ("patchbay_upstream_connections", "connections", "Open connections to upstreams"),
        ("patchbay_circuits_open", "circuits_open", "Replicas kept away from calls"),
    ):
        yield MetricFamily(name, "gauge", words, [("", now.get(key, 0))])


def _table(table: Table | None, age: float) -> Iterator[MetricFamily]:
    revision = table.revision if table is not None else 0
    yield MetricFamily("patchbay_revision", "gauge", "Revision in service", [("", revision)])
    yield MetricFamily("patchbay_revision_age_seconds", "gauge", "Seconds since it was confirmed", [("", age)])
    states: dict[str, int] = {}
    words = "1 for each model in service, with its release, protocol, type and state"
    info = MetricFamily("patchbay_model_info", "gauge", words)
    for served in table.models.values() if table is not None else ():
        states[served.shown_state] = states.get(served.shown_state, 0) + 1
        info.add(
            1, model=served.name, release=str(served.release_id), protocol=served.spec.protocol,
            type=str(served.spec.type), state=served.shown_state,
        )  # fmt: skip
    models = MetricFamily("patchbay_models", "gauge", "Models in service by state")
    for state, count in states.items():
        models.add(count, state=state)
    yield models
    yield info
