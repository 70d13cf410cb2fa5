"""What the door of agents asks PostgreSQL and Redis in threads of its own, and remembers for a second or a minute."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.db import Error
from redis import RedisError

from controlplane.base import events, redis_names
from controlplane.base.own_connection import connect_alone
from routing.history import store
from routing.pushed import budget, standing
from routing.pushed.standing import AgentIdentity
from routing.samples.frames import Frame
from routing.samples.pushes import NodeFacts

Answer = TypeVar("Answer")
KEYS_SECONDS = 1.0
"""For how long the list of keys is believed: a revoked key is refused after this at the latest, and one look."""
OWNED_SECONDS = 60.0
SHORTEST_LOOK, LONGEST_LOOK = 0.5, 5.0
"""For how long a push waits for PostgreSQL if what it said last is known, and if it is not."""
MOST_FACTS = 4
"""Agents whose facts are brought in or wait for that; others are told to send theirs again."""
log = logging.getLogger(__name__)


class StoreAway(Exception):
    """A store cannot be asked, and what it would say is not known."""


class AgentStores:
    """Keys, nodes and the stream, for one process. While PostgreSQL is away, known keys and devices stay known."""

    def __init__(self) -> None:
        self._rows = ThreadPoolExecutor(1, thread_name_prefix="agents")
        self._inventory = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._in_inventory = 0
        self._stream = ThreadPoolExecutor(1, thread_name_prefix="frames")
        self._keys: dict[str, AgentIdentity] | None = None
        self._keys_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        self._owned: dict[int, tuple[float, frozenset[str]]] = {}
        self._waiting: list[tuple[list[Frame], asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def agent(self, hashed: str) -> AgentIdentity | None:
        """Whose key has this hash; None if it is unknown or revoked. Raises StoreAway if that was never known."""
        if time.monotonic() - self._keys_at > KEYS_SECONDS:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.wait([self._looking], timeout=LONGEST_LOOK if self._keys is None else SHORTEST_LOOK)
        if self._keys is None:
            raise StoreAway("PostgreSQL is away, so agents' keys are not known; push again soon")
        return self._keys.get(hashed)

    async def owned(self, agent: AgentIdentity) -> frozenset[str]:
        """The devices that an agent may speak of. Raises StoreAway if that was never known."""
        at, known = self._owned.get(agent.key_id, (float("-inf"), None))
        if known is not None and time.monotonic() - at < OWNED_SECONDS:
            return known
        try:
            known = await _ask(self._rows, lambda: standing.owned(agent))
        except (Error, TimeoutError) as error:
            if known is None:
                raise StoreAway("PostgreSQL is away, so this agent's devices are not known; push again soon") from error
        self._owned[agent.key_id] = time.monotonic(), known
        return known

    async def facts(self, agent: AgentIdentity, facts: NodeFacts) -> tuple[list[str], bool]:
        """Bring facts into the inventory: what made no sense in them, and whether they are kept."""
        if self._in_inventory >= MOST_FACTS:
            return [], False
        self._in_inventory += 1
        try:
            told = await _ask(self._inventory, lambda: standing.keep_facts(agent, facts))
        except (Error, TimeoutError) as error:
            log.warning("facts of agent %s wait for PostgreSQL: %s", agent.name, error)
            return [], False
        finally:
            self._in_inventory -= 1
        self._owned.pop(agent.key_id, None)
        return told, True

    async def new_run(self, agent: AgentIdentity) -> int:
        """A run behind all earlier ones of the agent."""
        try:
            return await _ask(self._rows, lambda: standing.new_run(agent))
        except (Error, TimeoutError):
            return standing.run_by_clock()

    async def spend(self, agent: AgentIdentity, frames: int) -> int:
        """Count a push for all consoles: after how many seconds it may come again, 0 if it may now.

        While Redis is away each console counts requests alone, and frames are not taken.
        """
        count = events.store().register_script(budget.SHARED)
        name, given = f"{redis_names.AGENT_PREFIX}{agent.key_id}", budget.shared(frames)
        try:
            found: Any = await asyncio.get_running_loop().run_in_executor(self._stream, partial(count, [name], given))
            return int(found)
        except RedisError:
            return 0

    async def keep(self, frames: list[Frame]) -> None:
        """Put frames into the stream. Raises redis.RedisError."""
        if not frames:
            return
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((frames, kept))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        await kept

    async def _send(self) -> None:
        """Send what waits in one message to Redis, as often as something came meanwhile."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken, self._waiting = self._waiting, []
            together = [frame for frames, _ in taken for frame in frames]
            error: RedisError | None = None
            try:
                await loop.run_in_executor(self._stream, store.send, events.store(), together)
            except RedisError as away:
                error = away
            for _, kept in taken:
                if not kept.done():
                    kept.set_exception(error) if error else kept.set_result(None)

    async def _look(self) -> None:
        try:
            self._keys = await _ask(self._rows, standing.in_use)
        except (Error, TimeoutError) as error:
            log.warning("agents' keys stay as they were, PostgreSQL cannot be asked: %s", error)
        self._keys_at = time.monotonic()


async def _ask(thread: ThreadPoolExecutor, look: Callable[[], Answer]) -> Answer:
    """What PostgreSQL says to a look in this thread. Raises django.db.Error, TimeoutError."""

    def alone() -> Answer:
        connect_alone()
        return look()

    return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(thread, alone), LONGEST_LOOK)
