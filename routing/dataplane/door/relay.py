"""Passes requests that are not the data plane's on to the console, byte for byte but for the head, and answers back.

The console sees one client address, which is ours to tell: what a caller says of it counts only behind a trusted proxy.
"""

import asyncio
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from routing.dataplane.door.bounds import MOST_WAITING, STRANGER_BYTES
from routing.dataplane.door.connection import CallerProtocol
from routing.dataplane.door.console import ConsoleLink, console_place
from routing.dataplane.door.framing import Framing, FramingError, framing_for
from routing.dataplane.door.head import RequestHead, RequestUnreadable
from routing.dataplane.door.refusals import away, late
from routing.dataplane.limits import BODY_BYTES

IDLE_LINKS = 32
IDLE_SECONDS = 60.0
"""Less than the console keeps an idle connection (75 s): no request is sent on one that it is about to close."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, section 9.2.1), so that the same request may be sent twice."""
SESSION = b"sessionid="
CONNECT_SECONDS = 5.0
ABOUT_CLIENT = frozenset({
    b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"x-real-ip",
})  # fmt: skip
Trusted = tuple[IPv4Network | IPv6Network, ...]


def proxies(text: str) -> Trusted:
    """The addresses and networks of trusted proxies, parted by commas. Raises ValueError."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


class Relay:
    """The way to the console at an address: `unix:/path` or `host:port`."""

    def __init__(self, address: str, trusted: Trusted = ()) -> None:
        self.address = address
        self.trusted = trusted
        self._idle: list[ConsoleLink] = []
        self._pending: set[asyncio.Task[None]] = set()

    def begin(self, connection: CallerProtocol, head: RequestHead) -> "Passage":
        """Pass a request on."""
        passage = Passage(self, connection, head)
        while self._idle:
            link = self._idle.pop()
            if not link.closed and connection.house.now() - link.free_since < IDLE_SECONDS:
                link.start(passage)
                return passage
            link.abort()
        self.connect(passage)
        return passage

    def connect(self, passage: "Passage") -> None:
        """Pass a request on over a new connection."""
        task = asyncio.ensure_future(self._connect(passage))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _connect(self, passage: "Passage") -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                link = await self.open()
        except (OSError, TimeoutError):
            passage.failed()
            return
        link.start(passage)

    async def open(self) -> "ConsoleLink":
        """A new connection to the console. Raises OSError."""
        loop = asyncio.get_running_loop()
        place = console_place(self.address)
        if isinstance(place, str):
            _, link = await loop.create_unix_connection(lambda: ConsoleLink(self.keep), place)
        else:
            _, link = await loop.create_connection(lambda: ConsoleLink(self.keep), *place)
        return link

    def keep(self, link: "ConsoleLink") -> None:
        """Keep a connection for the next request."""
        if len(self._idle) < IDLE_LINKS:
            link.free_since = asyncio.get_running_loop().time()
            self._idle.append(link)
        else:
            link.abort()

    def close(self) -> None:
        """Close the connections that wait for a request."""
        for link in self._idle:
            link.abort()
        self._idle.clear()

    def client_of(self, head: RequestHead, peer: str) -> str:
        """The caller's own address: the nearest one that is no trusted proxy's."""
        told = b",".join(value for name, value in head.headers if name == b"x-forwarded-for").decode("latin-1")
        hops = [peer, *reversed([part.strip() for part in told.split(",") if part.strip()])]
        client = peer
        for hop in hops:
            if not _plain(hop):
                break
            client = hop
            if not self._is_trusted(hop):
                break
        return client

    def scheme_of(self, head: RequestHead, peer: str) -> bytes:
        """http, or what a trusted proxy says."""
        told = (head.header(b"x-forwarded-proto") or b"").strip().lower()
        return told if told in (b"http", b"https") and self._is_trusted(peer) else b"http"

    def _is_trusted(self, address: str) -> bool:
        return _plain(address) and any(ip_address(address) in network for network in self.trusted)


def names_somebody(head: RequestHead) -> bool:
    """Whether a request brings a session or a key; the console sees whether they are good."""
    return any(name == b"authorization" or (name == b"cookie" and SESSION in value) for name, value in head.headers)


def _too_large(most: int) -> str:
    words = f"The body is larger than {most // 1024 // 1024} MB, the most that is taken here"
    return f"{words} from somebody who has not signed in and has no key." if most < BODY_BYTES else f"{words}."


def _plain(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True


class Passage:
    """One request on its way through, and its answer on the way back."""

    def __init__(self, relay: Relay, connection: CallerProtocol, head: RequestHead) -> None:
        self.head = head
        self.keep_alive = head.keep_alive
        self._relay = relay
        self._connection = connection
        self._framing: Framing = framing_for(head.length)
        self._link: ConsoleLink | None = None
        self._waiting = bytearray(self._passed_head())
        self._sent: bytearray | None = bytearray()
        self._early = b""
        self._size = 0
        self._most = BODY_BYTES if names_somebody(head) else STRANGER_BYTES
        self._moved = connection.house.now()
        self._begun = self._over = self._raw = False

    @property
    def whole(self) -> bool:
        """Whether nothing of this request is to come: never, once it has become a websocket."""
        return self._framing.complete and not self._raw and not self.head.upgrade

    @property
    def awaited(self) -> bool:
        """Whether more of the body must come in time."""
        return not self._framing.complete

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the body; what comes after it."""
        if self._raw:
            self._on(data)
            return b""
        if self.head.upgrade and self._framing.complete:
            self._early += data
            if len(self._early) > MOST_WAITING:
                self._connection.hold()
            return b""
        try:
            part, rest = self._framing.take(data)
        except FramingError as error:
            self._refuse(RequestUnreadable(400, f"The body's chunks cannot be read: {error}."))
            return b""
        self._moved = self._connection.house.now()
        self._size += len(part)
        if max(self._size, self.head.length or 0) > self._most:
            self._refuse(RequestUnreadable(413, _too_large(self._most), "body_too_large"))
            return b""
        if self.head.chunked:
            part = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
            if self._framing.complete:
                part += b"0\r\n\r\n"
        self._on(part)
        return rest

    def overdue(self, seconds: float) -> None:
        """The body did not arrive in time."""
        self._refuse(RequestUnreadable(408, f"The body did not arrive within {seconds:g} s.", "body_timeout"))

    def lost(self) -> None:
        """The caller is gone: so is its request."""
        self._over = True
        if self._link is not None:
            self._link.abort()

    def resumed(self) -> None:
        """The caller reads again."""
        self._moved = self._connection.house.now()
        if self._link is not None:
            self._link.read_on()

    def go(self) -> None:
        """Begun already."""

    def tick(self, now: float) -> None:
        """Give up a console that neither reads nor answers. A websocket may be silent."""
        limits = self._connection.house.limits
        if self._over or self._raw or self._connection.full or now - self._moved <= limits.console:
            return
        if self._link is not None:
            self._link.abort()
        self._give_up(late(self.head, self._connection.date(), limits.console))

    def linked(self, link: "ConsoleLink") -> None:
        """The console can be written to."""
        if self._over:
            link.abort()
            return
        self._link = link
        self._moved = self._connection.house.now()
        data, self._waiting = bytes(self._waiting), bytearray()
        self._on(data)
        self._connection.read_on()

    def failed(self) -> None:
        """The console is not there, or has gone while it answered."""
        if not self._over:
            self._give_up(away(self.head, self._connection.date()))

    def stale(self, unread: bool) -> None:
        """The console closed a kept connection as this request went out on it: ask again if that cannot ask twice."""
        if self._over or self._sent is None or not (unread or self.head.method in SAFE):
            self.failed()
            return
        self._link, self._waiting, self._sent = None, self._sent, bytearray()
        self._relay.connect(self)

    def _give_up(self, answer: bytes) -> None:
        """End without the console; with this answer if none has begun."""
        self._over = True
        self._link = None
        if self._raw:
            self._connection.finish()
        elif self._begun:
            self._connection.abort()
        else:
            self._connection.write(answer)
            self.keep_alive = False
            self._connection.completed()

    def back(self, data: bytes, raw: bool) -> None:
        """Bytes of the answer. `raw`: from here on both sides speak another protocol."""
        self._begun, self._sent = True, None
        self._moved = self._connection.house.now()
        self._connection.write(data)
        self._connection.flush()
        if raw and not self._raw:
            self._raw = True
            self._on(self._early)
            self._early = b""
            self._connection.read_on()
        if self._connection.full and self._link is not None:
            self._link.hold()

    def done(self, keep_alive: bool) -> None:
        """The answer is whole; the connection to the console is no longer this request's."""
        self._over, self._link = True, None
        self.keep_alive = self.keep_alive and keep_alive
        self._connection.completed()

    def paused(self, full: bool) -> None:
        """The console reads too slowly, or again."""
        self._moved = self._connection.house.now()
        if full:
            self._connection.hold()
        else:
            self._connection.read_on()

    def _on(self, data: bytes) -> None:
        if self._link is not None:
            self._remember(data)
            self._link.write(data)
            return
        self._waiting += data
        if len(self._waiting) > MOST_WAITING:
            self._connection.hold()

    def _remember(self, data: bytes) -> None:
        """Keep what was sent as long as it is little and no answer has begun."""
        if self._sent is not None:
            self._sent += data
            if len(self._sent) > MOST_WAITING:
                self._sent = None

    def _refuse(self, error: RequestUnreadable) -> None:
        self.lost()
        if self._begun:
            self._connection.abort()
        else:
            self._connection.refuse(error)

    def _passed_head(self) -> bytes:
        """The head as the console gets it: with our word on the client, and no upgrade that we do not know.

        A name with an underscore would be one with a hyphen for Django.
        """
        peer = self._connection.client[0] if self._connection.client is not None else ""
        client, scheme = self._relay.client_of(self.head, peer), self._relay.scheme_of(self.head, peer)
        lines = [b"%b %b HTTP/%b" % (self.head.method.encode(), self.head.target, self.head.version.encode())]
        left_out = ABOUT_CLIENT if self.head.upgrade else ABOUT_CLIENT | {b"upgrade"}
        lines += [
            b"%b: %b" % (name, value) for name, value in self.head.headers if b"_" not in name and name not in left_out
        ]
        lines += [b"x-forwarded-for: " + client.encode(), b"x-forwarded-proto: " + scheme]
        return b"\r\n".join(lines) + b"\r\n\r\n"
