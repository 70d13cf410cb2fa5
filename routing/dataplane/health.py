"""/healthz, /readyz and /metrics: how this process is, for machines. No database, no framework."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from msgspec.json import encode

from registry.canon import Failure, FailureKind
from routing.dataplane.caller import CallerSide
from routing.dataplane.endpoints import JSON, error_body, error_headers, status_of
from routing.dataplane.plane import Plane
from routing.dataplane.scrape import FleetAsk, Scrape

METRICS, METRICS_OF_CALLS = "/metrics", "/metrics/calls"
"""All that is told, and what this gateway and those beside it counted, without the fleet."""
PATHS = frozenset({"/healthz", "/readyz", METRICS, METRICS_OF_CALLS})
FORWARDED = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"x-forwarded-host", b"via"})
ANSWER_SECONDS = 0.8
"""The most that /readyz waits for what it asks; whoever probes it waits a second or two."""
DRAINED_SECONDS = 60.0
"""Records are stored every two seconds; after so long without, no worker does it."""
PageCheck = Callable[[], Awaitable[str]]
"""Tries what a page needs; the words that say what is wrong, none if all is well."""
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Health:
    """Answers these addresses of one process."""

    def __init__(self, plane: Plane, page: PageCheck, fleet: FleetAsk) -> None:
        """`plane` is the data plane told of, `page` tries what a page needs, `fleet` gives its part of /metrics."""
        self._plane, self._page = plane, page
        self._since = time.monotonic()
        self._scrape = Scrape(plane, fleet)

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
        zipped = any(name == b"accept-encoding" and b"gzip" in value.lower() for name, value in side.headers)
        body = await self._scrape.text(side.path == METRICS, zipped)
        await side.answer(200, [TEXT, (b"content-encoding", b"gzip")] if zipped else [TEXT], body)

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
