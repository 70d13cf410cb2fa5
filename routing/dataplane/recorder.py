"""Call records on their way out: a bounded queue, packed messages 200 ms later, a spool while Redis is away."""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from registry.canon import Adaptation

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
AWAY_SECONDS = 1.0
SPOOL_SECONDS = 5.0
"""Between two looks for what other processes left in the spool."""
QUEUE_RECORDS = 50_000
PACK_RECORDS = 500
PACK_BYTES = 1024 * 1024
SPOOL_BYTES = 512 * 1024 * 1024


class Record(msgspec.Struct, gc=False):
    """One call. The fields are CallRecord's columns; times in milliseconds, `at` is when the call began.

    `request_id` is the caller's own, empty if it gave none. `given` is no column: the parameters that the caller gave
    and their values, as routing.dataplane.uses notes them. `fell_back` is the failure of a release that was being
    rolled out, after which the one before it was asked; `message` has its words if that one answered. `kept` is no
    column either: the sealed call, if its owner agreed (routing.dataplane.keeping).
    """

    id: str
    at: datetime
    model: str
    task: str
    api_key_id: int | None
    endpoint: str
    status: int
    failure: str
    message: str
    stream: bool
    attempts: int
    duration_ms: float
    first_byte_ms: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    usage_basis: str
    adapted: tuple[Adaptation, ...]
    revision: int
    job_id: str | None = None
    request_id: str = ""
    given: dict[str, msgspec.Raw] | None = None
    release_id: int | None = None
    fell_back: str = ""
    kept: bytes | None = None


Deliver = Callable[[bytes], Awaitable[None]]
"""Hands one packed message (a JSON array of records) to Redis; raises DeliveryFailed if it cannot."""


class DeliveryFailed(Exception):
    """Redis did not take a message."""


class Recorder:
    """Takes records without waiting; a task delivers them. What cannot be kept is counted in `dropped`."""

    def __init__(self, deliver: Deliver, spool: Path) -> None:
        """`spool` is a folder of this process's user; it is made when needed and shared by processes."""
        self._deliver = deliver
        self._spool = spool
        self._queue: list[Record] = []
        self._flushing = asyncio.Lock()
        self._queued = asyncio.Event()
        self.away = False
        self.recorded = self.delivered = self.spooled = self.dropped = 0

    def add(self, record: Record) -> None:
        """Queue a record; drops and counts it if the queue is full."""
        waiting = len(self._queue)
        if waiting >= QUEUE_RECORDS:
            self.dropped += 1
            return
        if not waiting:
            self._queued.set()
        self._queue.append(record)
        self.recorded += 1

    @property
    def waiting(self) -> int:
        """Records in the queue."""
        return len(self._queue)

    async def run(self) -> None:
        """Deliver for ever, less often while Redis is away; cancel to stop, then call `flush` once more."""
        looked_at = float("-inf")
        while True:
            await self._until_queued()
            await asyncio.sleep(AWAY_SECONDS if self.away else FLUSH_SECONDS)
            await self.flush()
            if self.away or time.monotonic() - looked_at >= SPOOL_SECONDS:
                looked_at = time.monotonic()
                await self.deliver_spool()

    async def _until_queued(self) -> None:
        """Until a record waits or it is time to look at the spool; at once while Redis is away."""
        self._queued.clear()
        if not self._queue and not self.away:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SPOOL_SECONDS):
                    await self._queued.wait()

    async def flush(self) -> None:
        """Deliver what is queued now, or spool it. A record leaves the queue only once it is safe elsewhere.

        One flush runs at a time: two would deliver the first records twice and take later ones off the queue.
        """
        async with self._flushing:
            while self._queue:
                packed, count = pack(self._queue)
                if not await self._see_off(packed, count):
                    return
                del self._queue[:count]

    async def _see_off(self, packed: bytes, count: int) -> bool:
        """Deliver or spool one message; False if neither is possible now."""
        try:
            await self._deliver(packed)
        except DeliveryFailed as error:
            if not self.away:
                log.warning("call records go to the spool %s: %s", self._spool, error)
            self.away = True
            return await self._to_spool(packed, count)
        self.delivered += count
        self.away = False
        return True

    async def deliver_spool(self) -> None:
        """Deliver what an earlier outage left in the spool; at least once, as records have ids."""
        try:
            for path in await asyncio.to_thread(self._spool_files):
                await self._deliver_file(path)
                self.away = False
        except DeliveryFailed:
            self.away = True

    async def _deliver_file(self, path: Path) -> None:
        """Deliver and remove one spool file, unless another process has it. Raises DeliveryFailed."""
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if _locked(file.fileno()):
                await self._deliver(await asyncio.to_thread(file.read))
                path.unlink()

    async def _to_spool(self, packed: bytes, count: int) -> bool:
        """Write one message to disk. If that fails it stays queued, and what no longer fits there is counted."""
        try:
            await asyncio.to_thread(self._write, packed)
        except OSError as error:
            log.error("the spool %s cannot be written, %d call records wait in memory: %s", self._spool, count, error)
            return False
        self.spooled += count
        return True

    def _write(self, packed: bytes) -> None:
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = sum(path.stat().st_size for path in self._spool.iterdir())
        if used + len(packed) > SPOOL_BYTES:
            raise OSError(f"it holds {used} bytes, its most is {SPOOL_BYTES}")
        name = f"{time.time_ns()}-{os.getpid()}"
        draft = self._spool / f"{name}.draft"
        try:
            with draft.open("wb") as file:
                file.write(packed)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self._spool / f"{name}.calls")
        finally:
            draft.unlink(missing_ok=True)

    def _spool_files(self) -> list[Path]:
        return sorted(self._spool.glob("*.calls")) if self._spool.is_dir() else []


def pack(queue: Sequence[Record]) -> tuple[bytes, int]:
    """The first records as one message of at most 1 MB, and how many they are; a single record may be larger."""
    count = min(len(queue), PACK_RECORDS)
    packed = msgspec.json.encode(queue[:count])
    while len(packed) > PACK_BYTES and count > 1:
        count //= 2
        packed = msgspec.json.encode(queue[:count])
    return packed, count


def _locked(descriptor: int) -> bool:
    """Whether this process may deliver an open spool file: nobody else holds it, nor has delivered it meanwhile."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0
