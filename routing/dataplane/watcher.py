"""Keeps the served Table at the database's revision: a notice or a poll, a read in a thread, a swap."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from routing.dataplane.builder import Builder
from routing.dataplane.snapshot import Snapshot, load, save
from routing.table import Table

log = logging.getLogger(__name__)

POLL_SECONDS = 2.0
DEBOUNCE_SECONDS = 0.5
STALE_SECONDS = 10.0
CATCH_UP_SECONDS = 1.0
LOOK_APART_SECONDS = 0.2


class RowsUnavailable(Exception):
    """PostgreSQL cannot be read now."""


class RowSource(Protocol):
    """Where rows come from. Both methods block and are called in one thread only."""

    def read(self, known: int | None) -> Snapshot | None:
        """All rows; None if the revision is still `known`. Raises RowsUnavailable."""

    def close(self) -> None:
        """Let go of connections."""


class Watcher:
    """Follows the revision. `table` is None until a first one is built, from PostgreSQL or from the last good copy."""

    def __init__(self, source: RowSource, builder: Builder, path: Path, serve: Callable[[Table], None]) -> None:
        """`serve` is called in the event loop with each new Table; `path` is the last good copy."""
        self._source = source
        self._builder = builder
        self._path = path
        self._serve = serve
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._noticed = asyncio.Event()
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed_at = self._confirmed_at = float("-inf")
        self._read = False
        self.table: Table | None = None
        self.error = ""

    async def load(self) -> None:
        """Serve the last good copy, so that a start needs no store."""
        loop = asyncio.get_running_loop()
        table = await loop.run_in_executor(self._thread, self._load)
        if table is not None:
            self._swap(table)

    async def run(self) -> None:
        """Follow the revision for ever; cancel to stop."""
        while True:
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._noticed.wait()
                    await asyncio.sleep(max(0.0, DEBOUNCE_SECONDS - self._since(self._refreshed_at)))
            self._noticed.clear()

    async def refresh(self) -> None:
        """Look at the revision now and swap the Table if it moved. Calls at the same time share one look."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        await asyncio.shield(self._refreshing)

    async def first_look(self, limit: float) -> None:
        """Wait for the first look at the database, `limit` seconds at the most, however it ends: `run` looks again."""
        await asyncio.wait([asyncio.create_task(self.refresh())], timeout=limit)

    async def catch_up(self) -> bool:
        """For a key or model that the Table does not know: see whether it is new, waiting a second at the most.

        Returns whether the database was seen, so that what the Table still does not know is surely unknown.
        """
        asked = asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await self._confirm(asked)
        return self._confirmed_at >= asked

    async def _confirm(self, since: float) -> None:
        """Look at the database until it was seen after the loop time `since`, or cannot be read."""
        await asyncio.sleep(max(0.0, LOOK_APART_SECONDS - self._since(self._refreshed_at)))
        while self._confirmed_at < since:
            await self.refresh()
            if self.error:
                return

    def notice(self) -> None:
        """The revision may have moved."""
        self._noticed.set()

    def close(self) -> None:
        """Let go of the thread and the source, once a read in progress has ended."""
        self._thread.submit(self._source.close)
        self._thread.shutdown(wait=False)

    @property
    def age(self) -> float:
        """Seconds since the database last confirmed the served revision; infinite if it never did."""
        return self._since(self._confirmed_at)

    @property
    def fresh(self) -> bool:
        """Whether the database was seen lately, and can be read as far as is known."""
        return not self.error and self.age < STALE_SECONDS

    async def _refresh(self) -> None:
        loop = asyncio.get_running_loop()
        # Before the database was read once, the served table is a copy, perhaps of another database at this revision.
        known = self.table.revision if self.table is not None and self._read else None
        begun = loop.time()
        try:
            table = await loop.run_in_executor(self._thread, self._read_and_build, known)
        except RowsUnavailable as error:
            if not self.error:
                log.warning("PostgreSQL cannot be read, the last table stays in service: %s", error)
            self.error = str(error)
            self._refreshed_at = loop.time()
            return
        if table is not None:
            self._swap(table)
        self.error, self._read = "", True
        self._refreshed_at, self._confirmed_at = loop.time(), begun

    def _read_and_build(self, known: int | None) -> Table | None:
        snapshot = self._source.read(known)
        if snapshot is None:
            return None
        table = self._builder.build(snapshot)
        try:
            save(snapshot, self._path)
        except OSError as error:
            log.error("the last good copy %s cannot be written: %s", self._path, error)
        return table

    def _load(self) -> Table | None:
        snapshot = load(self._path)
        return self._builder.build(snapshot) if snapshot is not None else None

    def _swap(self, table: Table) -> None:
        self.table = table
        self._serve(table)

    def _since(self, moment: float) -> float:
        return asyncio.get_running_loop().time() - moment
