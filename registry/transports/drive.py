"""Coroutines that are driven without a task: for calls, of which many go on in one turn of the event loop.

What asyncio asks of another implementation of tasks and futures is in its documentation, "Extending": a task enters and
leaves, a future blocks by `_asyncio_future_blocking`. A Signal may be awaited by tasks and drives alike.
"""

import asyncio
import time
from asyncio import _enter_task, _leave_task
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

_enter: Any = _enter_task
_leave: Any = _leave_task
Waker = Callable[[Any], object]
QUIET_SECONDS = 20e-6
"""After so long without a turn, what one socket brings needs not wait for others': there are none."""


class Signal:
    """Wakes one waiter once. Cheaper than a future: a drive that waits for it goes on in the loop's next turn."""

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "_context", "_drive", "_loop", "_set", "_waker")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """A signal that is not set."""
        self._loop = loop
        self._set = self._cancelled = self._asyncio_future_blocking = False
        self._waker: Waker | None = None
        self._drive: Drive | None = None
        self._context: Context | None = None

    def set(self) -> None:
        """Wake the waiter."""
        if self._set:
            return
        self._set = True
        if self._drive is not None:
            self._drive.turn.resume(self._drive)
        elif self._waker is not None:
            self._loop.call_soon(self._waker, self, context=self._context)

    def cancel(self, message: object = None) -> bool:
        """Wake the waiter with a cancellation; whether it was waiting. asyncio calls this for a cancelled task."""
        if self._set:
            return False
        self._cancelled = True
        self.set()
        return True

    def result(self) -> None:
        """Raises CancelledError if it was cancelled."""
        if self._cancelled:
            raise asyncio.CancelledError

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of whoever waits."""
        return self._loop

    def add_done_callback(self, waker: Waker, *, context: Context | None = None) -> None:
        """Called by a task that waits for this."""
        self._waker, self._context = waker, context
        if self._set:
            self._loop.call_soon(waker, self, context=context)

    def attach(self, drive: "Drive") -> None:
        """Called by a drive that waits for this."""
        self._drive = drive
        if self._set:
            drive.turn.resume(drive)

    def __await__(self) -> Generator["Signal", None, None]:
        """Wait until it is set. Raises CancelledError."""
        if not self._set:
            self._asyncio_future_blocking = True
            yield self
        self.result()


class Turn:
    """What is done together at the end of a turn of the loop, stage by stage: calls go on, bytes leave, the rest.

    Doing one stage for all calls, then the next, keeps each stage's code warm; and if several callers are one process,
    only the first write must wake it. A call that is alone does not pay for that: what it waits for is done at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` runs the drives."""
        self.loop = loop
        self._planned = self._gathering = self._gathered = False
        self._ended = 0.0
        # As the loop calls it: what it raises is told by the loop, not by the socket whose bytes were taken.
        self._at_once = asyncio.Handle(self._run, (), loop)
        self._drives: deque[Drive] = deque()
        self._writes: deque[Callable[[], None]] = deque()
        self._last: deque[Callable[[], None]] = deque()

    def resume(self, drive: "Drive") -> None:
        """Let a drive go on."""
        self._drives.append(drive)
        self._plan()

    def write(self, flush: Callable[[], None]) -> None:
        """Let bytes leave."""
        self._writes.append(flush)
        self._plan()

    def last(self, work: Callable[[], None]) -> None:
        """Do what nobody waits for."""
        self._last.append(work)
        self._plan()

    def gather(self) -> None:
        """A socket's bytes are about to be taken: what they bring on waits for `gathered`."""
        self._gathering = True

    def gathered(self) -> None:
        """They were taken: go on at once if nothing else went on just now, else at the end of the loop's turn."""
        self._gathering = False
        if not self._gathered:
            return
        self._gathered = False
        if time.perf_counter() - self._ended < QUIET_SECONDS or asyncio.current_task(self.loop) is not None:
            self.loop.call_soon(self._run)
        else:
            self._at_once._run()

    def _plan(self) -> None:
        if not self._planned:
            self._planned = True
            if self._gathering:
                self._gathered = True
            else:
                self.loop.call_soon(self._run)

    def _run(self) -> None:
        """One turn. A defect in one of many is told by the loop, and the others go on in another turn."""
        try:
            while self._drives:
                self._drives.popleft().step()
            while self._writes:
                self._writes.popleft()()
            while self._last:
                self._last.popleft()()
        finally:
            self._planned = False
            self._ended = time.perf_counter()
            if self._drives or self._writes or self._last:
                self._plan()


class Drive:
    """A coroutine that runs without a task. To asyncio it is the current task: timeouts work in it."""

    __slots__ = ("_cancels", "_coroutine", "_done", "_doomed", "_waits_for", "turn")

    def __init__(self, coroutine: Coroutine[Any, Any, None], turn: Turn, done: Callable[["Drive"], None]) -> None:
        """`done` is called at its end. What it raises, but for CancelledError, is told by the loop."""
        self.turn = turn
        self._coroutine = coroutine
        self._done = done
        self._doomed = False
        self._cancels = 0
        self._waits_for: Any = None

    def step(self, _woken: object = None) -> None:
        """Go on until it waits again or ends."""
        self._waits_for = None
        loop = self.turn.loop
        over = True
        _enter(loop, self)
        try:
            if self._doomed:
                self._doomed = False
                waits_for = self._coroutine.throw(asyncio.CancelledError())
            else:
                waits_for = self._coroutine.send(None)
            over = False
        except (StopIteration, asyncio.CancelledError):
            return
        finally:
            _leave(loop, self)
            if over:
                self._done(self)
        self._waits_for = waits_for
        if waits_for.__class__ is Signal and not (self._doomed or waits_for._set):
            waits_for._asyncio_future_blocking = False
            waits_for._drive = self
        else:
            self._wait(waits_for)

    def _wait(self, waits_for: Any) -> None:
        if waits_for.__class__ is Signal:
            waits_for._asyncio_future_blocking = False
            waits_for.attach(self)
        elif waits_for is None:
            self.turn.loop.call_soon(self.turn.resume, self)
        else:
            waits_for._asyncio_future_blocking = False
            waits_for.add_done_callback(self.step)
        if self._doomed:
            self._doomed = False
            self.cancel()

    def cancel(self, message: object = None) -> bool:
        """Throw CancelledError into it, where it waits or will wait next."""
        self._cancels += 1
        waits_for = self._waits_for
        if waits_for is None or not waits_for.cancel():
            self._doomed = True
        return True

    def cancelling(self) -> int:
        """How many cancellations were not taken back."""
        return self._cancels

    def uncancel(self) -> int:
        """Take a cancellation back, once it has been seen; how many are left."""
        self._cancels = max(0, self._cancels - 1)
        if not self._cancels:
            self._doomed = False
        return self._cancels

    def get_name(self) -> str:
        """asyncio: a name for logs."""
        return "a call"
