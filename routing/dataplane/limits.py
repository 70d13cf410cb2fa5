"""What one key may do at once and per minute, counted over all processes; and how large a call may be.

Slots (calls in flight) and tokens (calls of a minute) are leased from a counter in Redis, one at a time for small
limits and some in advance for large ones. While Redis is away each process admits its share of every limit.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from registry.canon import Failure
from routing.dataplane.held import IDLE_SECONDS, Held, refusal
from routing.dataplane.ledger import WINDOW_SECONDS, Grant, Ledger, LedgerAnswer, LedgerAway
from routing.table import Caller

BODY_BYTES = 32 * 1024 * 1024

ANSWER_SECONDS = 0.1
"""The most that a call waits for Redis. After that no call waits, until Redis is back."""
PROBE_SECONDS = 0.5
"""The most that a look whether Redis is back waits; no call waits for that."""
AGAIN_SECONDS = 0.02
"""A call that finds all slots taken asks once more so much later: the end of another may be on its way to Redis."""
BEAT_SECONDS = 0.5
STILL_SECONDS = 1.0
"""A process with nothing to tell says that it lives after so long; what it holds counts for ALIVE_SECONDS."""
TELL_SECONDS = 60.0
"""What is in use is told again after so long, so that nothing that is in use is forgotten."""
BATCH = 200


class CallLimits:
    """Admits calls by key: `calls_per_minute`, refilled evenly, and `max_concurrency`. `run` it beside the calls."""

    def __init__(self, clock: Callable[[], float], ledger: Ledger | None = None, processes: int = 1) -> None:
        """`clock` gives monotonic seconds. Without a `ledger` this process counts alone.

        `processes` are those that share the limits, until the ledger has told how many there are.
        """
        self._clock, self._ledger = clock, ledger
        self._keys: dict[int, Held] = {}
        self._dirty: set[Held] = set()
        self._pump: asyncio.Task[None] | None = None
        self.processes = processes
        self._why = "" if ledger is None else "not asked yet"
        self._away = ledger is None
        self._told_at = float("-inf")

    def admit(self, caller: Caller) -> Awaitable[None] | None:
        """Count a call in: at once, or after what is returned has been awaited.

        Raises Failure (rate_limited, with `retry_after` seconds) if the key is at its limit; so does what is awaited.
        """
        if not caller.limited:
            return None
        now = self._clock()
        held = self._keys.get(caller.key_id)
        if held is None:
            held = self._keys[caller.key_id] = Held(caller, now)
        held.per_minute, held.most, held.used_at = caller.calls_per_minute, caller.max_concurrency, now
        if held.per_minute == 0:
            raise refusal(held, held.in_use, WINDOW_SECONDS)
        if self._away:
            self._admit_share(held, now)
            return None
        if held.ready and not held.waiting:
            held.enter()
            self._use_share(held, now)
            return None
        return self._wait(held)

    def release(self, caller: Caller) -> None:
        """Count an admitted call out. `caller` is the one that was admitted."""
        held = self._keys.get(caller.key_id) if caller.max_concurrency is not None else None
        if held is None or not held.in_use:
            return
        held.in_use -= 1
        if self._away:
            return
        held.spare += 1
        if held.waiting:
            self._serve(held)
        if held.spare > held.keeps:
            self._tell(held)

    def in_flight(self, caller: Caller) -> int:
        """Calls of this key that are running in this process, if the key has a concurrency limit."""
        held = self._keys.get(caller.key_id)
        return held.in_use if held is not None else 0

    def forget(self, known: set[int]) -> None:
        """Drop keys that are no longer in the table, once nothing of them is in flight."""
        for key in [key for key, held in self._keys.items() if key not in known and not held.in_use]:
            held = self._keys[key]
            if self._ledger is None or not (held.waiting or held.told or held.leased):
                del self._keys[key]

    @property
    def trouble(self) -> str:
        """What is wrong with the shared counter, in words; nothing if all is well."""
        if self._ledger is None or not self._away:
            return ""
        part = f"1/{self.processes} of each key's limits" if self.processes > 1 else "each key's limits alone"
        return f"Redis does not count calls ({self._why}); this process admits {part} until it does"

    async def run(self) -> None:
        """Keep this process alive in the ledger, give back what is not used, look whether Redis is back; for ever."""
        while self._ledger is not None:
            self._sweep()
            if self._dirty or self._away or self._clock() - self._told_at >= STILL_SECONDS:
                self._kick()
            await asyncio.sleep(BEAT_SECONDS)

    async def stop(self) -> None:
        """Give everything back and leave. Calls that still wait are cancelled."""
        if self._pump is not None:
            await asyncio.wait([self._pump])
        ledger, away = self._ledger, self._away
        self._ledger, self._away = None, True
        if ledger is None or away:
            return
        for held in self._keys.values():
            held.end()
        with contextlib.suppress(LedgerAway):
            await ledger.leave([held.ask(self._clock()) for held in self._keys.values()], PROBE_SECONDS)

    async def _wait(self, held: Held) -> None:
        """Wait for an exchange's answer. Raises Failure. A call that is cancelled meanwhile leaves nothing in use."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        held.waiting.append(future)
        self._tell(held)
        counted = held.most is not None
        try:
            has_slot = await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None and future.result():
                self._give_back(held)
            raise
        # The key's limits may have changed while it waited; its release goes by those that it came with.
        if has_slot and not counted:
            self._give_back(held)
        elif counted and not has_slot:
            held.in_use += 1
            self._dirty.add(held)

    def _give_back(self, held: Held) -> None:
        held.in_use -= 1
        if not self._away:
            held.spare += 1
            self._tell(held)

    def _tell(self, held: Held) -> None:
        self._dirty.add(held)
        self._kick()

    def _kick(self) -> None:
        if self._ledger is not None and (self._pump is None or self._pump.done()):
            self._pump = asyncio.get_running_loop().create_task(self._exchange_all(self._ledger))

    async def _exchange_all(self, ledger: Ledger) -> None:
        """Exchanges until nothing is left to tell or to ask; all keys that came meanwhile share the next one."""
        while await self._exchange(ledger) and self._dirty:
            pass

    async def _exchange(self, ledger: Ledger) -> bool:
        """Tell of up to `BATCH` keys, and hand out what is granted. False if Redis is away."""
        batch = [self._dirty.pop() for _ in range(min(BATCH, len(self._dirty)))]
        answer: LedgerAnswer | None = None
        now = self._told_at = self._clock()
        asks = [held.ask(now) for held in batch]
        try:
            answer = await ledger.exchange(asks, PROBE_SECONDS if self._away else ANSWER_SECONDS)
        except LedgerAway as error:
            self._why = str(error)
        finally:
            if answer is None:
                self._lose(batch)
        if answer is None:
            return False
        self.processes = answer.live
        if answer.lapsed or self._away:
            self._dirty.update(
                held for held in self._keys.values() if held.in_use or held.told or held.owed_until > now
            )
        self._away = False
        for held, ask, grant in zip(batch, asks, answer.grants, strict=True):
            held.owed_until -= ask.owed
            self._take(held, grant)
        return True

    def _take(self, held: Held, grant: Grant) -> None:
        """Hand out what was granted; refuse those who asked for more."""
        held.spare += grant.slots
        held.told += grant.slots
        held.tokens += grant.tokens
        self._serve(held)
        again = grant.wait is None
        for _ in range(held.tried if again else held.asked):
            future = held.waiting.popleft()
            if not future.done():
                future.set_exception(refusal(held, grant.running, grant.wait))
        held.tried = held.asked - held.tried if again else 0
        held.asked = 0
        if held.tried:
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._tell, held)
        if len(held.waiting) > held.tried or held.spare > held.keeps:
            self._dirty.add(held)

    def _serve(self, held: Held) -> None:
        """Let waiting calls go as far as what is in hand reaches."""
        now = self._clock()
        while held.waiting and held.ready:
            future = held.waiting.popleft()
            held.asked, held.tried = max(0, held.asked - 1), max(0, held.tried - 1)
            if not future.done():
                held.enter()
                self._use_share(held, now)
                future.set_result(held.most is not None)

    def _lose(self, batch: Iterable[Held]) -> None:
        """Redis is away: from now on each process admits its share. What is in hand is lost, what is in use is not."""
        self._away = True
        self._dirty.update(batch)
        for held in self._keys.values():
            held.spare = held.tokens = held.asked = held.tried = 0
            while held.waiting:
                future = held.waiting.popleft()
                if not future.done():
                    self._settle(held, future)

    def _settle(self, held: Held, future: asyncio.Future[bool]) -> None:
        try:
            self._admit_share(held, self._clock())
        except Failure as failure:
            future.set_exception(failure)
        else:
            future.set_result(held.most is not None)

    def _admit_share(self, held: Held, now: float) -> None:
        """Count a call in by this process's share of the limits. Raises Failure."""
        sharing = self.processes if self._ledger is not None else 1
        if held.most is not None and held.in_use >= min(held.most, max(1, held.most // sharing)):
            raise refusal(held, held.in_use, None, sharing)
        if held.per_minute is not None:
            until = self._share_after(held, held.per_minute, now)
            over = until - now - WINDOW_SECONDS
            if over > 1e-6:
                raise refusal(held, held.in_use, over, sharing)
            held.share_until = until
            held.owed_until = max(held.owed_until, now) + WINDOW_SECONDS / held.per_minute
        if held.most is not None:
            held.in_use += 1

    def _use_share(self, held: Held, now: float) -> None:
        """Remember a call of the shared limit in this process's own, which counts if Redis goes away."""
        if held.per_minute is not None:
            held.share_until = min(self._share_after(held, held.per_minute, now), now + WINDOW_SECONDS)

    def _share_after(self, held: Held, per_minute: int, now: float) -> float:
        """When this process's share of a minute's calls would be whole again after one more."""
        share = max(1.0, per_minute / self.processes)
        return max(held.share_until, now) + WINDOW_SECONDS / share

    def _sweep(self) -> None:
        """Give back what is idle, tell again of what is in use, forget what is over."""
        now = self._clock()
        for held in list(self._keys.values()):
            if held.over(now) and held not in self._dirty:
                del self._keys[held.key_id]
            elif (held.leased and now - held.used_at >= IDLE_SECONDS) or (
                held.told and now - held.told_at >= TELL_SECONDS
            ):
                self._dirty.add(held)
