"""Callers whose requests are much work take turns, so that the loop comes back to everybody else in between.

A piece of work is one read of many bytes, a stretch of small chunks, a slice of a body that is counted, or a request
that came behind another one. Everybody's first piece is done at once; what follows waits here, for all connections
together, and one piece is done in a turn of the loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable

MANY_BYTES = 64 * 1024
"""Who sends so many bytes at once waits until the loop has come back to everybody else."""
UNWANTED_SECONDS = 0.002
"""Between two reads of what nobody wants, such as the rest of a body that was refused: 128 MB a second in all."""
GoOn = Callable[[], None]


class TakingTurns:
    """Who waits to go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wanted: deque[GoOn] = deque()
        self._unwanted: deque[GoOn] = deque()
        self._planned = self._timed = False

    def wait(self, go_on: GoOn) -> None:
        """Go on in a later turn of the loop."""
        self._wanted.append(go_on)
        if not self._planned:
            self._planned = True
            self._loop.call_soon(self._next)

    def wait_longer(self, go_on: GoOn) -> None:
        """Go on with what nobody wants, a while later."""
        self._unwanted.append(go_on)
        if not self._timed:
            self._timed = True
            self._loop.call_later(UNWANTED_SECONDS, self._next_unwanted)

    def _next(self) -> None:
        go_on = self._wanted.popleft()
        self._planned = bool(self._wanted)
        if self._planned:
            self._loop.call_soon(self._next)
        go_on()

    def _next_unwanted(self) -> None:
        go_on = self._unwanted.popleft()
        self._timed = bool(self._unwanted)
        if self._timed:
            self._loop.call_later(UNWANTED_SECONDS, self._next_unwanted)
        go_on()
