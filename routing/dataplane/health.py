"""/healthz, /readyz and /metrics: how this process is, for machines. No database, no framework."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

from msgspec.json import encode
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from registry.canon import Failure, FailureKind
from routing.dataplane.caller import CallerSide
from routing.dataplane.counts import Counts
from routing.dataplane.endpoints import JSON, error_body, error_headers, status_of
from routing.dataplane.measures import Histogram
from routing.dataplane.plane import Plane

PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"x-forwarded-host", b"via"})
ANSWER_SECONDS = 0.8
"""The most that /readyz waits for what it asks; whoever probes it waits a second or two."""
DRAINED_SECONDS = 60.0
"""Records are stored every two seconds; after so long without, no worker does it."""
PageCheck = Callable[[], Awaitable[str]]
"""Tries what a page needs; the words that say what is wrong, none if all is well."""
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Health:
    """Answers the three addresses of one process."""

    def __init__(self, plane: Plane, page: PageCheck) -> None:
        """`plane` is the data plane told of, `page` tries what a page needs."""
        self._plane, self._page = plane, page
        self._since = time.monotonic()
        self._registry = CollectorRegistry()
        self._registry.register(PlaneCollector(plane))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    async def __call__(self, side: CallerSide) -> None:
        """Answer GET and HEAD; everything else is refused."""
        if side.method not in ("GET", "HEAD"):
            words = f"{side.path} takes GET and HEAD only"
            failure = Failure(FailureKind.INVALID_REQUEST, words, code="method_not_allowed")
            await side.answer(405, [JSON, (b"allow", b"GET, HEAD")], error_body(failure))
        elif side.path == "/healthz":
            await side.answer(200, [JSON], encode({"status": "ok"}))
        elif side.path == "/readyz":
            status, told = readiness(self._plane, *await self._asked())
            await side.answer(status, [JSON], encode(told))
        else:
            await self._metrics(side)

    async def _asked(self) -> tuple[str, float | None]:
        """What is wrong with pages, and the seconds since records were last stored, if Redis tells in time."""
        page, drained = asyncio.create_task(self._bounded_page()), asyncio.create_task(self._drained_ago())
        return await page, await drained

    async def _bounded_page(self) -> str:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._page()
        except TimeoutError:
            return f"pages have waited over {ANSWER_SECONDS:g} s for a connection to PostgreSQL"

    async def _drained_ago(self) -> float | None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                ago = await self._plane.link.drained_ago()
        except TimeoutError:
            return None
        return None if ago is None else min(ago, time.monotonic() - self._since)

    async def _metrics(self, side: CallerSide) -> None:
        """Open to this machine itself; to others with a key that may read."""
        try:
            if not _is_local(side):
                await self._require_read(side)
        except Failure as failure:
            await side.answer(status_of(failure)[0], [JSON, *error_headers(failure)], error_body(failure))
            return
        await side.answer(200, [TEXT], generate_latest(self._registry))

    async def _require_read(self, side: CallerSide) -> None:
        authorization = dict(side.headers).get(b"authorization", b"")
        caller = await self._plane.gateway.authenticate(authorization)
        if "read" not in caller.scopes:
            words = f"API key {caller.name!r} lacks the scope 'read', which /metrics needs"
            raise Failure(FailureKind.PERMISSION, words, code="scope_missing")


def _is_local(side: CallerSide) -> bool:
    """Whether a request comes from this machine and was not passed on by a proxy."""
    client = side.client
    if not client or any(name in FORWARDED for name, _ in side.headers):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:
        return False


def readiness(plane: Plane, page: str, drained_ago: float | None) -> tuple[int, dict[str, object]]:
    """HTTP status and body of /readyz: ready, degraded (in words), or not ready."""
    watcher = plane.watcher
    if watcher.table is None:
        return 503, {"status": "not ready", "reasons": [f"no table yet: {watcher.error or 'still starting'}"]}
    reasons = []
    if not watcher.fresh:
        age = f"{watcher.age:.0f} s" if watcher.age < float("inf") else "the start"
        reasons.append(
            f"PostgreSQL has not been read for {age} ({watcher.error or 'no answer'}); "
            f"revision {watcher.table.revision} stays in service, new keys are answered 503"
        )
    if plane.recorder.away:
        reasons.append("Redis does not take call records; they are spooled on disk and delivered later")
    if plane.recorder.dropped:
        reasons.append(f"{plane.recorder.dropped} call records were lost: the queue and the spool were full")
    if plane.limits.trouble:
        reasons.append(plane.limits.trouble)
    reasons.extend(service.trouble for service in plane.services if service.trouble)
    if page:
        reasons.append(page)
    if drained_ago is not None and drained_ago > DRAINED_SECONDS:
        reasons.append(f"no worker has stored call records for {drained_ago:.0f} s; they wait in Redis")
    told: dict[str, object] = {"status": "degraded" if reasons else "ready", "revision": watcher.table.revision}
    told["revisions"] = plane.revisions()
    drained = None if drained_ago is None else round(drained_ago, 1)
    return 200, {**told, "models": len(watcher.table.models), "records_stored_s_ago": drained, "reasons": reasons}


class PlaneCollector(Collector):
    """Turns the plane's own counts into Prometheus metrics when asked."""

    def __init__(self, plane: Plane) -> None:
        """`plane` is read at each scrape."""
        self._plane = plane

    def collect(self) -> Iterable[Metric]:
        """Every metric of the data plane: of all gateways of the data folder, but for the table of the one asked."""
        shared = self._plane.shared_counts
        counts = shared.all() if shared is not None else self._plane.counts()
        yield from self._calls(counts)
        yield from self._table()
        yield from self._records(counts)

    def _calls(self, counts: Counts) -> Iterable[Metric]:
        calls = CounterMetricFamily("patchbay_calls", "Calls that ended", labels=["model", "task", "status", "failure"])
        for model, task, status, failure, count in counts.calls:
            calls.add_metric([model, task, str(status), failure], count)
        yield calls
        seconds = HistogramMetricFamily("patchbay_call_seconds", "Duration of calls", labels=["model"])
        for model, (found, total_ms) in counts.durations.items():
            seconds.add_metric([model], list(Histogram(found, total_ms).cumulative()), total_ms / 1000)
        yield seconds
        tokens = CounterMetricFamily("patchbay_tokens", "Tokens of calls", labels=["model", "direction"])
        for model, direction, count in counts.tokens:
            tokens.add_metric([model, direction], count)
        yield tokens
        now = counts.moment
        outstanding, connections = now.get("outstanding", 0), now.get("connections", 0)
        yield GaugeMetricFamily("patchbay_calls_outstanding", "Calls that wait for an upstream", outstanding)
        yield GaugeMetricFamily("patchbay_upstream_connections", "Open connections to upstreams", connections)
        yield GaugeMetricFamily("patchbay_circuits_open", "Replicas kept away from calls", now.get("circuits_open", 0))

    def _table(self) -> Iterable[Metric]:
        watcher = self._plane.watcher
        revision = watcher.table.revision if watcher.table is not None else 0
        yield GaugeMetricFamily("patchbay_revision", "Revision in service", revision)
        yield GaugeMetricFamily("patchbay_revision_age_seconds", "Seconds since it was confirmed", watcher.age)
        models = GaugeMetricFamily("patchbay_models", "Models in service by state", labels=["state"])
        states: dict[str, int] = {}
        for served in watcher.table.models.values() if watcher.table is not None else ():
            states[served.shown_state] = states.get(served.shown_state, 0) + 1
        for state, count in states.items():
            models.add_metric([state], count)
        yield models

    def _records(self, counts: Counts) -> Iterable[Metric]:
        records = CounterMetricFamily("patchbay_call_records", "Call records by fate", labels=["fate"])
        for fate, count in counts.records.items():
            records.add_metric([fate], count)
        yield records
        waiting = counts.moment.get("records_waiting", 0)
        yield GaugeMetricFamily("patchbay_call_records_waiting", "Call records in the queue", waiting)
