"""Background tasks that never die for good: what one raises is logged, told, and after a pause it begins again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 10.0
"""A task that has run for so long since it last failed is well."""
log = logging.getLogger(__name__)


class Service:
    """One background task. `trouble` says what is wrong with it, in words; nothing while it is well."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """`work` runs for ever unless it fails; it is begun anew after each end."""
        self.name, self._work = name, work
        self._task: asyncio.Task[None] | None = None
        self._error, self._began_at, self._failures = "", 0.0, 0
        self._running = False

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    def cancel(self) -> None:
        """Ask it to end."""
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Cancel it and wait until it has ended."""
        self.cancel()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def trouble(self) -> str:
        """Why it does not work now, or did not until a moment ago."""
        if self._task is not None and self._task.done():
            return f"{self.name} has ended"
        well = self._running and time.monotonic() - self._began_at > STEADY_SECONDS
        return "" if well or not self._error else f"{self.name} fails and is begun again: {self._error}"

    async def _keep_running(self) -> None:
        while True:
            self._began_at, self._running = time.monotonic(), True
            try:
                await self._work()
                self._error = "it ended by itself"
                log.error("%s ended by itself", self.name)
            except Exception as error:
                self._error = f"{type(error).__name__}: {error}"
                log.exception("%s failed", self.name)
            self._running = False
            lasted = time.monotonic() - self._began_at > STEADY_SECONDS
            self._failures = 1 if lasted else self._failures + 1
            await asyncio.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10)))
