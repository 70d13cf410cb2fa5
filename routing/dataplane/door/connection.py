"""A caller's connection: requests are read one after the other, each bounded in size and time, and handed on."""

import asyncio
from typing import Protocol, cast

from registry.transports.drive import Signal, Turn
from routing.dataplane.caller import CallerLeft
from routing.dataplane.door.bounds import DoorLimits
from routing.dataplane.door.head import Heads, RequestHead, RequestUnreadable, head_end, without_empty_lines
from routing.dataplane.door.passing import Passing
from routing.dataplane.door.refusals import refusal
from routing.dataplane.door.turns import MANY_BYTES, TakingTurns

AHEAD_BYTES = 64 * 1024
"""Bytes of later requests that are kept while one is answered."""
READ_OVER_BYTES = 64 * 1024 * 1024
"""The most that is read over after a refusal: a body that was too large, and no endless one."""
HIGH_WATER = 64 * 1024


class DoorKeeper(Protocol):
    """What stands behind all connections."""

    stopping: bool
    limits: DoorLimits
    turn: Turn
    in_turn: TakingTurns
    heads: Heads

    def now(self) -> float:
        """The loop's time in seconds."""

    def date(self) -> bytes:
        """The date header's line."""

    def entered(self, connection: "CallerProtocol") -> bool:
        """Count a connection in; False if there are too many."""

    def left(self, connection: "CallerProtocol") -> None:
        """Count a connection out."""

    def give(self, connection: "CallerProtocol", key_id: int) -> bool:
        """Count a connection as this key's; False if the key has too many."""

    def begin(self, connection: "CallerProtocol", head: RequestHead) -> Passing:
        """Hand a request to whoever answers it."""


class CallerProtocol(asyncio.Protocol):
    """An asyncio protocol for HTTP/1.1 callers."""

    def __init__(self, house: DoorKeeper) -> None:
        self.house = house
        self.client: tuple[str, int] | None = None
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._seen = 0
        self._current: Passing | None = None
        self._full = False
        self._room: Signal | None = None
        self.turn = house.turn
        self._out: list[bytes] = []
        self._since = self._body_since = self._stalled_since = self._lingers_until = 0.0
        self._unsent = self._read_over = 0
        self._reading = self._wanted = True
        self._waits = self.closed = False
        self.key_id = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a caller has connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER)
        name = transport.get_extra_info("peername")
        self.client = (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
        self._since = self.house.now()
        if not self.house.entered(self):
            self.refuse(RequestUnreadable(503, "Too many connections are open. Retry soon.", "too_many_connections"))

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes from the caller."""
        self.turn.gather()
        try:
            self._receive(data)
        finally:
            self.turn.gathered()

    def _receive(self, data: bytes) -> None:
        if self._lingers_until or self.closed:
            self._drop(len(data))
            return
        self._take(data)
        if len(data) >= MANY_BYTES:
            self._wait()

    def _drop(self, size: int) -> None:
        """Read over what comes behind a request that was refused."""
        self._read_over += size
        if self._read_over > READ_OVER_BYTES:
            self.hold()
        elif size >= MANY_BYTES and not self._waits:
            self._waits = True
            self._settle()
            self.house.in_turn.wait_longer(self._go_on)

    def _take(self, data: bytes) -> None:
        """Go on with the request, or begin the next one."""
        if self._held:
            data, self._held = self._held + data, b""
        current = self._current
        if current is None:
            self._read_heads(data)
            return
        rest = data if current.whole else current.feed(data)
        if rest:
            self._keep(rest, current)

    def _keep(self, data: bytes, current: Passing) -> None:
        """Keep more of the body for a later turn, or what comes behind it until this request is answered."""
        self._held = data
        if not current.whole:
            self._wait()
        elif len(data) > AHEAD_BYTES:
            self.hold()

    def _wait(self) -> None:
        """Let others go on; until then this caller is not read."""
        if not self._waits:
            self._waits = True
            self._settle()
            self.house.in_turn.wait(self._go_on)

    def _go_on(self) -> None:
        """It is this caller's turn."""
        self._waits = False
        if self._held and not self._lingers_until and not self.closed:
            self._take(b"")
        self._settle()

    def _read_heads(self, data: bytes) -> None:
        """Begin the next request if its head is whole."""
        if not self._seen and data[:1] == b"\r":
            data = without_empty_lines(data)
            if len(data) < 2:
                self._held = data
                return
        now = self.house.now()
        if not self._seen:
            self._since = now
        try:
            end = head_end(data, self._seen)
            if end < 0:
                self._held, self._seen = data, len(data)
                return
            head = self.house.heads.read(data[:end])
        except RequestUnreadable as error:
            self.refuse(error)
            return
        self._seen, self._body_since = 0, now
        current = self._current = self.house.begin(self, head)
        rest = data[end:]
        if rest and not current.whole:
            rest = current.feed(rest)
        current.go()
        if rest:
            self._keep(rest, current)

    def refuse(self, error: RequestUnreadable) -> None:
        """Answer a request that is not understood, and close."""
        self.write(refusal(error, self.house.date()))
        self._linger()

    def completed(self) -> None:
        """The answer of the current request is whole: go on with the next one, or close."""
        current, self._current = self._current, None
        self._since = self.house.now()
        if current is None or self.closed:
            return
        if not current.keep_alive or not current.whole or self.house.stopping:
            self._linger()
            return
        self.read_on()
        if self._held:
            self._wait()

    def _linger(self) -> None:
        """Send what is left, then read over what still comes for a moment: a reset would lose the answer."""
        if self._transport is None or self.closed or self._lingers_until:
            return
        self.flush()
        self._lingers_until = self.house.now() + self.house.limits.linger
        self._held = b""
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self.read_on()

    def write(self, data: bytes) -> None:
        """Send bytes to the caller, at the end of this turn of the loop."""
        if not self._out:
            self.turn.write(self.flush)
        self._out.append(data)

    def flush(self) -> None:
        """Let what was written leave."""
        out, self._out = self._out, []
        if out and self._transport is not None and not self.closed:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def date(self) -> bytes:
        """The date header's line."""
        return self.house.date()

    def belongs(self, key_id: int) -> bool:
        """Count the connection as this key's; False if the key has too many."""
        return key_id == self.key_id or self.house.give(self, key_id)

    async def writable(self) -> None:
        """Wait while the caller reads too slowly. Raises CallerLeft.

        One part may wait for the end of the turn, in which others' parts leave with it.
        """
        if len(self._out) > 1:
            self.flush()
        while self._full and not self.closed:
            self._room = Signal(self.turn.loop)
            await self._room
        if self.closed:
            raise CallerLeft

    def hold(self) -> None:
        """Read the connection no further for now."""
        self._wanted = False
        self._settle()

    def read_on(self) -> None:
        """Read the connection again."""
        self._wanted = True
        self._settle()

    def _settle(self) -> None:
        """Read if somebody wants more, and if others had their turn."""
        reading = self._wanted and not self._waits
        if reading != self._reading and self._transport is not None and not self.closed:
            self._reading = reading
            if reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    async def others_first(self) -> None:
        """Wait until it is this caller's turn again."""
        signal = Signal(self.turn.loop)
        self.house.in_turn.wait(signal.set)
        await signal

    def pause_writing(self) -> None:
        """asyncio: too much waits to be sent."""
        self._full = True
        self._stalled_since, self._unsent = self.house.now(), self._waiting()

    def resume_writing(self) -> None:
        """asyncio: the caller has read."""
        self._full = False
        self._make_room()
        if self._current is not None:
            self._current.resumed()

    @property
    def full(self) -> bool:
        """Whether the caller reads too slowly."""
        return self._full

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()

    def eof_received(self) -> bool:
        """asyncio: the caller closed its side, which is to leave; what was sent before that is delivered.

        The connection is lost a turn later: an answer made meanwhile would be dropped, and recorded as given.
        """
        self.flush()
        self._tell_lost()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self.closed = True
        self._make_room()
        self._tell_lost()
        self.house.left(self)

    def _tell_lost(self) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.lost()

    def abort(self) -> None:
        """Close at once, unsent bytes included."""
        if self._transport is not None and not self.closed:
            self._transport.abort()

    def finish(self) -> None:
        """Close once everything is sent."""
        if self._transport is not None and not self.closed:
            self._transport.close()

    @property
    def owed(self) -> bool:
        """Whether an answer is not sent yet. A websocket, whose request never is whole, is owed none."""
        current = self._current
        return bool(self._out) or self._waiting() > 0 or (current is not None and (current.whole or current.awaited))

    def close_if_idle(self) -> None:
        """Close a connection that waits for a next request."""
        if self._current is None and not self._held and self._transport is not None:
            self.flush()
            self._transport.close()

    def tick(self, now: float) -> None:
        """Hold the caller to its time limits; about once a second."""
        if self._lingers_until:
            if now > self._lingers_until and not self._waiting():
                self.abort()
        elif self._current is None:
            self._tick_idle(now)
        elif self._current.awaited and self._wanted and now - self._body_since > self.house.limits.body:
            self._current.overdue(self.house.limits.body)
        else:
            self._current.tick(now)
        self._tick_unsent(now)

    def _tick_idle(self, now: float) -> None:
        limits = self.house.limits
        if self._held and now - self._since > limits.head:
            words = f"The request's head did not arrive within {limits.head:g} s."
            self.refuse(RequestUnreadable(408, words, "head_timeout"))
        elif not self._held and now - self._since > limits.idle:
            self.abort()

    def _tick_unsent(self, now: float) -> None:
        """Let a caller go that reads nothing of what waits for it."""
        unsent = self._waiting()
        if not unsent or unsent < self._unsent or not self._stalled_since:
            self._unsent, self._stalled_since = unsent, now if unsent else 0.0
        elif now - self._stalled_since > self.house.limits.stalled:
            self.abort()
        self._unsent = unsent

    def _waiting(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None and not self.closed else 0
