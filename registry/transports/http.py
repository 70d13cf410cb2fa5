"""A lean HTTP/1.1 client: kept connections, time and size limits, the egress guard on every new connection.

No redirects, no proxies, no cookies. A cancelled or closed answer closes its socket at once.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from controlplane.base.messages import Sentence, message_of
from registry.canon import Failure, FailureKind
from registry.protocols.adapter import Wire
from registry.spec import Timeouts
from registry.transports.connection import READ_BYTES, Connection
from registry.transports.drive import Turn
from registry.transports.egress import Egress, EgressRefused
from registry.transports.response import Response, ResponseLimits, StaleConnection
from registry.transports.target import Target

TICK = 0.1


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


REFUSED_AT = "Connect call failed "
REFUSED = (Sentence("Connection refused"), Sentence("Connection reset by peer"), Sentence("No route to host"))
"""What the system says most; asyncio adds the address to a refusal."""


class Client:
    """A pool of connections to upstreams. One per event loop; `close` it at the end."""

    def __init__(self, egress: Callable[[], Egress], limits: ResponseLimits | None = None) -> None:
        """`egress` gives the guard in force now; connections checked by an older one are checked again before reuse."""
        self._egress = egress
        self._limits = limits or ResponseLimits()
        self._idle: dict[tuple[str, str, int], list[Connection]] = {}
        self._all: set[Connection] = set()
        self._tls: ssl.SSLContext | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.turn: Turn | None = None
        self._room = memoryview(bytearray(READ_BYTES))

    async def send(
        self, target: Target, wire: Wire, timeouts: Timeouts, extra: bytes = b"", deadline: float | None = None
    ) -> Response:
        """Send `wire` and wait for the answer's head. The caller reads it to its end or closes it.

        `extra` is complete header lines; `deadline` is the loop time by which the whole answer must be read (default:
        now plus the total limit). Raises Failure for everything that keeps an answer from arriving, redirects included.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        now = loop.time()
        total = deadline if deadline is not None else now + timeouts.total
        request = target.head(wire, extra), wire.body
        kept = self._checkout(target)
        while True:
            connection = kept or await self._connect(target, min(timeouts.connect, max(total - now, 0.001)))
            response = Response(connection, self._limits, target.origin, loop)
            try:
                connection.start(request, response, timeouts, total, loop.time())
                await response.head()
                if 300 <= response.status < 400:
                    raise _redirect(target, response)
            except StaleConnection:
                response.close()
                if kept is None:
                    words = Sentence("upstream {origin} closed the connection as it was opened")
                    raise _unreachable(target, words) from None
                kept = None
            except BaseException:
                response.close()
                raise
            else:
                return response

    async def fetch(self, target: Target, wire: Wire, timeouts: Timeouts, extra: bytes = b"") -> Fetched:
        """Send `wire` and read the whole answer. Raises Failure."""
        response = await self.send(target, wire, timeouts, extra)
        try:
            return Fetched(response.status, dict(response.headers), await response.read())
        finally:
            response.close()

    async def close(self) -> None:
        """Close every connection, those in use included."""
        for connection in tuple(self._all):
            connection.abort()
        self._all.clear()
        self._idle.clear()
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def now(self) -> float:
        """The loop's time in seconds, which deadlines are on."""
        loop = self._loop = self._loop or asyncio.get_running_loop()
        return loop.time()

    @property
    def most(self) -> int:
        """The connections that may be open at once."""
        return self._limits.connections

    @property
    def connections(self) -> int:
        """Open connections, idle ones included."""
        return len(self._all)

    def _checkout(self, target: Target) -> Connection | None:
        """A kept connection to `target` that today's guard still allows."""
        idle = self._idle.get(target.pool_key)
        while idle:
            connection = idle.pop()
            if connection.closed:
                continue
            guard = self._egress()
            if connection.egress is not guard:
                try:
                    guard.check(target.host, target.port, connection.ip)
                except EgressRefused as error:
                    connection.abort()
                    raise _refused(error) from error
                connection.egress = guard
            return connection
        return None

    async def _connect(self, target: Target, limit: float) -> Connection:
        """Open a connection to a checked IP of `target`, trying each of its addresses within `limit` seconds."""
        if len(self._all) >= self._limits.connections and not self._close_idle():
            raise Failure(
                FailureKind.UNAVAILABLE,
                Sentence("all {connections} upstream connections are in use", connections=self._limits.connections),
            )
        guard = self._egress()
        try:
            async with asyncio.timeout(limit):
                addresses = await guard.resolve(target.host, target.port)
                return await self._open_any(target, guard, addresses, limit)
        except EgressRefused as error:
            raise _refused(error) from error
        except TimeoutError as error:
            words = Sentence(
                "upstream {origin} did not accept a connection within {limit} s",
                origin=target.origin,
                limit=f"{limit:g}",
            )
            raise Failure(FailureKind.UPSTREAM_TIMEOUT, words, retryable=True) from error
        except ssl.SSLError as error:
            raise _unreachable(target, _tls_words(error)) from error
        except OSError as error:
            raise _unreachable(
                target, Sentence("upstream {origin} cannot be reached: {error}", error=_words(error))
            ) from error

    def _close_idle(self) -> bool:
        """Close the connection that has been idle for longest, to whatever upstream; False if all are in use."""
        oldest = [idle[0] for idle in self._idle.values() if idle]
        if not oldest:
            return False
        connection = min(oldest, key=lambda connection: connection.idle_since)
        self._freed(connection, False)
        connection.abort()
        return True

    async def _open_any(self, target: Target, guard: Egress, addresses: tuple[str, ...], limit: float) -> Connection:
        for ip in addresses[:-1]:
            try:
                async with asyncio.timeout(limit / len(addresses)):
                    return await self._open(target, guard, ip)
            except OSError:
                continue
        return await self._open(target, guard, addresses[-1])

    async def _open(self, target: Target, guard: Egress, ip: str) -> Connection:
        loop = asyncio.get_running_loop()
        tls = self._context() if target.scheme == "https" else None
        _, connection = await loop.create_connection(
            lambda: Connection(self._limits, guard, ip, self._freed, self.turn, self._room),
            ip,
            target.port,
            ssl=tls,
            server_hostname=target.host if tls else None,
        )
        connection.pool_key = target.pool_key
        self._all.add(connection)
        if self._ticker is None:
            self._ticker = loop.call_later(TICK, self._tick)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _freed(self, connection: Connection, reusable: bool) -> None:
        """Keep a finished connection for reuse, or forget one that is gone."""
        if not reusable:
            self._all.discard(connection)
            idle = self._idle.get(connection.pool_key)
            if idle and connection in idle:
                idle.remove(connection)
            return
        idle = self._idle.setdefault(connection.pool_key, [])
        if len(idle) >= self._limits.idle_per_origin or connection not in self._all:
            connection.abort()
            return
        connection.idle_since = self.now()
        idle.append(connection)

    def _tick(self) -> None:
        """Enforce time limits on every connection, then again a tick later while there are any."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in tuple(self._all):
            connection.tick(now)
        self._idle = {key: idle for key, idle in self._idle.items() if idle}
        self._ticker = loop.call_later(TICK, self._tick) if self._all else None


def _words(error: OSError) -> str:
    words = error.strerror or str(error) or type(error).__name__
    head, mark, place = words.partition(REFUSED_AT)
    if mark and not head:
        return Sentence("Connect call failed {place}", place=place)
    return next((sentence for sentence in REFUSED if sentence == words), words)


def _tls_words(error: ssl.SSLError) -> Sentence:
    if isinstance(error, ssl.SSLCertVerificationError):
        found = error.verify_message.rstrip(".")
        return Sentence(
            "upstream {origin} shows a certificate that is not trusted: {found}. Give the upstream a valid one for this"
            " host; a private authority is trusted where the environment's SSL_CERT_FILE names its certificate",
            found=found,
        )
    reason = (error.reason or str(error)).replace("_", " ").lower()
    return Sentence(
        "upstream {origin} does not speak TLS as expected ({reason});"
        " if it speaks plain HTTP, the endpoint must start with http://",
        reason=reason,
    )


def _unreachable(target: Target, words: Sentence) -> Failure:
    return Failure(FailureKind.UPSTREAM_UNREACHABLE, words.given(origin=target.origin), retryable=True)


def _refused(error: EgressRefused) -> Failure:
    return Failure(FailureKind.UPSTREAM_UNREACHABLE, message_of(error), code="egress_refused")


def _redirect(target: Target, response: Response) -> Failure:
    location = response.headers.get("location", "")[:200]
    return Failure(
        FailureKind.UPSTREAM_INVALID,
        Sentence(
            "upstream {origin} answered {status} with a redirect to {location}; redirects are not followed:"
            " set the endpoint to the final address",
            origin=target.origin,
            status=response.status,
            location=repr(location),
        ),
        upstream_status=response.status,
    )
