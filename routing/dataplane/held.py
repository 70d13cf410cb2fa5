"""What one process has of one key's limits: calls in use, slots and tokens in hand, calls that wait."""

import asyncio
from collections import deque
from itertools import islice

from controlplane.base.messages import Sentence
from registry.canon import Failure, FailureKind
from routing.dataplane.ledger import UNLIMITED, Ask
from routing.table import Caller

IDLE_SECONDS = 0.25
"""What a key has in hand goes back after so long without a call."""
SPARE_PART = 32
"""One slot of so many may stay in hand between two calls."""
MANY = 2**31
"""Stands for no limit where slots are still in use from a time with one."""


class Held:
    """One key's calls in this process: in use, in hand, and waiting.

    Of those that wait, the first `asked` are part of an exchange under way; the first `tried` found no slot before.
    `told` is how many slots Redis knows of. `share_until` and `owed_until` say when this process's share of a minute
    would be whole again, and when what was used without asking would be paid.
    """

    __slots__ = (
        *("key_id", "name", "per_minute", "most", "in_use", "spare", "tokens", "waiting", "asked", "tried", "told"),
        *("share_until", "owed_until", "used_at", "told_at"),
    )

    def __init__(self, caller: Caller, now: float) -> None:
        self.key_id, self.name = caller.key_id, caller.name
        self.per_minute, self.most = caller.calls_per_minute, caller.max_concurrency
        self.in_use = self.spare = self.tokens = self.asked = self.tried = self.told = 0
        self.waiting: deque[asyncio.Future[bool]] = deque()
        self.share_until = self.owed_until = self.used_at = self.told_at = now

    @property
    def ready(self) -> bool:
        """Whether a call may go without asking."""
        return (self.most is None or self.spare > 0) and (self.per_minute is None or self.tokens > 0)

    @property
    def leased(self) -> bool:
        """Whether something is in hand that is not in use."""
        return self.spare > 0 or self.tokens > 0

    @property
    def keeps(self) -> int:
        """How many slots may stay in hand between two calls."""
        return self.most // SPARE_PART if self.most is not None else 0

    def enter(self) -> None:
        """Count a call in, by what is in hand."""
        if self.most is not None:
            self.spare -= 1
            self.in_use += 1
        if self.per_minute is not None:
            self.tokens -= 1

    def end(self) -> None:
        """Hold nothing any more; calls that wait are cancelled."""
        self.in_use, self.used_at = 0, float("-inf")
        for future in self.waiting:
            future.cancel()

    def over(self, now: float) -> bool:
        """Whether nothing would be lost if this process forgot the key."""
        quiet = not (self.in_use or self.told or self.waiting or self.leased)
        return quiet and self.share_until <= now and self.owed_until <= now

    def ask(self, now: float) -> Ask:
        """What to tell Redis of it, and to ask for. What is not needed any more is given back by that."""
        self._drop_cancelled()
        idle = now - self.used_at >= IDLE_SECONDS
        kept = self.spare if self.waiting and self.most is not None else 0 if idle else self.keeps
        self.spare = min(self.spare, kept)
        self.asked, self.told_at = len(self.waiting), now
        most = self.most if self.most is not None else MANY if self.told else UNLIMITED
        self.told = self.in_use + self.spare
        if self.per_minute is None:
            self.tokens = 0
            return Ask(self.key_id, most, self.told, self.spare, wanted=self.asked)
        back = self.tokens if idle and not self.waiting else 0
        self.tokens -= back
        owed = max(0.0, self.owed_until - now)
        return Ask(self.key_id, most, self.told, self.spare, self.per_minute, self.tokens, back, owed, self.asked)

    def _drop_cancelled(self) -> None:
        waiting = [future for future in self.waiting if not future.done()]
        if len(waiting) < len(self.waiting):
            self.tried = sum(not future.done() for future in islice(self.waiting, self.tried))
            self.waiting = deque(waiting)


def refusal(held: Held, running: int, wait: float | None, sharing: int = 1) -> Failure:
    """Why a call is refused: too many in flight, or `wait` seconds until the next one of this minute."""
    caller = repr(held.name)
    if wait is None:
        most = _local(str(held.most), sharing)
        words = Sentence(
            "Key {caller} has {running} calls in flight; its limit is {most}. Wait for one to end.",
            caller=caller,
            running=running,
            most=most,
        )
        return Failure(FailureKind.RATE_LIMITED, words, code="concurrency_limit", retry_after=1.0)
    used = Sentence("{per_minute} calls per minute", per_minute=held.per_minute or 0)
    words = Sentence(
        "Key {caller} has used its {used}. Retry in {wait} s.",
        caller=caller,
        used=_local(used, sharing),
        wait=f"{wait:.1f}",
    )
    return Failure(FailureKind.RATE_LIMITED, words, code="rate_limit_exceeded", retry_after=wait)


def _local(limit: str, sharing: int) -> str:
    """A limit, and that it is shared out for now."""
    if sharing < 2:
        return limit
    return Sentence(
        "{limit} (Redis is away, so that this process admits its share, 1/{sharing})", limit=limit, sharing=sharing
    )
