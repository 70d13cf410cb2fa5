"""Accepts callers on a listening socket, and routes their requests: the data plane, health, or on to the console."""

import asyncio
import logging
import resource
import socket
from collections import Counter
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Any

from registry.transports.drive import Drive, Turn
from routing.dataplane.caller import CallerLeft, CallerSide
from routing.dataplane.door.bounds import STANDARD, DoorLimits
from routing.dataplane.door.connection import CallerProtocol
from routing.dataplane.door.exchange import CallerExchange
from routing.dataplane.door.head import Heads, RequestHead, RequestUnreadable
from routing.dataplane.door.passing import Passing
from routing.dataplane.door.relay import Relay
from routing.dataplane.door.turns import TakingTurns

log = logging.getLogger(__name__)

KEPT_DESCRIPTORS = 512
"""Descriptors that are not callers': files, stores, the console; upstreams take their own share of the rest."""
STOP_TICK, STOP_TURNS = 0.02, 20
"""At a stop: seconds between two looks at calls in flight, and turns of the loop that cancelled ones have to end."""
Application = Callable[[CallerSide], Coroutine[Any, Any, None]]
Route = Callable[[RequestHead], "Application | None"]
"""Which application answers a request; None: the console does."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open descriptors to the hard one; the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 1_048_576) if hard != resource.RLIM_INFINITY else 1_048_576
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


class Server:
    """Serves one event loop's callers."""

    def __init__(self, route: Route, relay: Relay, descriptors: int = 65_536, limits: DoorLimits = STANDARD) -> None:
        """`descriptors` is how many this process may open: a third of them may be callers'."""
        self.stopping = False
        self.limits = limits
        self._route = route
        self._relay = relay
        self._most = min(limits.connections, max(16, (descriptors - KEPT_DESCRIPTORS) // 3))
        self._most_of_key = min(limits.key_connections, max(1, self._most // 2))
        self._connections: set[CallerProtocol] = set()
        self._of_key: Counter[int] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drives: set[Drive] = set()
        self._loop = asyncio.get_running_loop()
        self.turn = Turn(self._loop)
        self.in_turn = TakingTurns(self._loop)
        self.heads = Heads()
        self._date = b""
        self._listener: socket.socket | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    def start(self, listener: socket.socket) -> None:
        """Accept callers from a listening socket, which other processes may share."""
        listener.setblocking(False)
        self._listener = listener
        self._loop.add_reader(listener.fileno(), self._accept)
        self._sweep()

    def _accept(self) -> None:
        """Accept one caller. Processes that share the socket are woken together, so that they take turns."""
        if self._listener is None:
            return
        try:
            taken, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            log.error("no caller is accepted for %g s: %s", self.limits.pause, error)
            self._loop.remove_reader(self._listener.fileno())
            self._loop.call_later(self.limits.pause, self._accept_again)
            return
        taken.setblocking(False)
        self._keep(self._loop.create_task(self._take(taken)))

    def _accept_again(self) -> None:
        if self._listener is not None and not self.stopping:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    async def _take(self, taken: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: CallerProtocol(self), taken)
        except OSError:
            taken.close()

    async def stop(self, seconds: float = 2.0) -> None:
        """Let go of the listening socket, let calls end for a while, then end them."""
        self.stopping = True
        listener, self._listener = self._listener, None
        if listener is not None:
            self._loop.remove_reader(listener.fileno())
            listener.close()
        for connection in tuple(self._connections):
            connection.close_if_idle()
        until = self.now() + seconds
        while self.now() < until and (self._drives or any(connection.owed for connection in self._connections)):
            await asyncio.sleep(STOP_TICK)
        for drive in tuple(self._drives):
            drive.cancel()
        for _ in range(STOP_TURNS):
            await asyncio.sleep(0)
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        self._relay.close()

    def now(self) -> float:
        """The loop's time in seconds."""
        return self._loop.time()

    def date(self) -> bytes:
        """The date header's line, made once a second (RFC 9110, section 6.6.1)."""
        return self._date

    @property
    def connections(self) -> int:
        """Open connections of callers."""
        return len(self._connections)

    def entered(self, connection: CallerProtocol) -> bool:
        """Count a connection in; False if there are too many."""
        self._connections.add(connection)
        return len(self._connections) <= self._most

    def left(self, connection: CallerProtocol) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        self._take_back(connection)

    def give(self, connection: CallerProtocol, key_id: int) -> bool:
        """Count a connection as this key's, and no longer as that of an earlier one; False if the key has too many."""
        if self._of_key[key_id] >= self._most_of_key:
            return False
        self._take_back(connection)
        connection.key_id = key_id
        self._of_key[key_id] += 1
        return True

    def _take_back(self, connection: CallerProtocol) -> None:
        key_id, connection.key_id = connection.key_id, 0
        if key_id:
            self._of_key[key_id] -= 1
            if not self._of_key[key_id]:
                del self._of_key[key_id]

    def begin(self, connection: CallerProtocol, head: RequestHead) -> Passing:
        """Hand a request to the application that answers it, or pass it on."""
        application = self._route(head)
        if application is None:
            return self._relay.begin(connection, head)
        return Answered(connection, head, application, self._drives)

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        """Forget a request; a defect that it met is told at once, not when its task is collected."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("a request broke", exc_info=error)

    def _sweep(self) -> None:
        """Once a second: the date, and the time limits of every connection."""
        self._date = b"date: %b\r\n" % formatdate(usegmt=True).encode()
        now = self.now()
        for connection in tuple(self._connections):
            connection.tick(now)
        self._sweeper = self._loop.call_later(self.limits.sweep, self._sweep)


class Answered(CallerExchange):
    """An exchange that an application answers in a drive of its own."""

    __slots__ = ("_application", "_connection", "_drives")

    def __init__(
        self, connection: CallerProtocol, head: RequestHead, application: Application, drives: set[Drive]
    ) -> None:
        """`drives` are all that run."""
        super().__init__(connection, head)
        self._connection, self._application, self._drives = connection, application, drives

    def tick(self, now: float) -> None:
        """The application holds itself to its limits."""

    def go(self) -> None:
        """Begin, at the end of this turn of the loop."""
        self.drive = Drive(self._run(), self._connection.turn, self._drives.discard)
        self._drives.add(self.drive)
        self._connection.turn.resume(self.drive)

    async def _run(self) -> None:
        """Let the application answer; what it leaves unanswered ends the connection."""
        try:
            await self._application(self)
        except CallerLeft:
            pass
        finally:
            if not self.answered and not self.gone:
                if self.started or self.left or self._connection.house.stopping:
                    self._connection.abort()
                else:
                    self._connection.refuse(
                        RequestUnreadable(500, "The server has a defect; its log has the details.", "internal_error")
                    )
