"""The data plane's threads to Redis: records and counts of rollouts out, notices in, limits, circuits and retries.

Each may be cut.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from secrets import token_hex
from typing import Any, cast

import redis.asyncio as redis
from redis.exceptions import NoScriptError, RedisError

from controlplane.base import redis_names
from routing.dataplane.board import BoardAway
from routing.dataplane.ledger import LedgerAway
from routing.dataplane.recorder import DeliveryFailed

log = logging.getLogger(__name__)

DRAINED_KEPT = 7 * 24 * 3600
"""How long the key that each drain sets is kept: what is left of it tells its age."""
TIMEOUT = 1.0
WAITING_MESSAGES = 20_000
LOOK_EVERY = 50
AGAIN_SECONDS = 1.0
TURNS = 10
"""Turns of the event loop that an answer which has arrived may need to be read, if the loop itself was late."""


class TellingFailed(Exception):
    """Redis did not take this process's counts of rollouts."""


class Link:
    """Connections of one process to Redis; made when needed."""

    def __init__(self, url: str) -> None:
        """`url` as redis-py reads it."""
        self._client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, max_connections=4
        )
        self._listener = redis.Redis.from_url(url, socket_timeout=None, socket_connect_timeout=TIMEOUT)
        pool = redis.ConnectionPool.from_url(url, socket_timeout=None, socket_connect_timeout=TIMEOUT)
        connection: Callable[[], redis.Connection] = pool.make_connection
        self._counter = connection()
        self._delivered = 0
        self._process = token_hex(8)

    async def deliver(self, packed: bytes) -> None:
        """Add one packed message of records to the stream. Raises DeliveryFailed, also where nobody drains it."""
        try:
            if self._delivered % LOOK_EVERY == 0 and await self._client.xlen(redis_names.CALLS) > WAITING_MESSAGES:
                raise DeliveryFailed(f"{WAITING_MESSAGES} messages wait in {redis_names.CALLS}; no worker drains it")
            await self._client.xadd(redis_names.CALLS, {b"records": packed})
            self._delivered += 1
        except (RedisError, OSError, TimeoutError) as error:
            raise DeliveryFailed(str(error) or type(error).__name__) from error

    async def tell_colours(self, counts: bytes) -> None:
        """Keep this process's counts of rollouts under its name. Raises TellingFailed."""
        try:
            await cast("Awaitable[int]", self._client.hset(redis_names.COLOURS, mapping={self._process: counts}))
        except (RedisError, OSError, TimeoutError) as error:
            raise TellingFailed(str(error) or type(error).__name__) from error

    async def drained_ago(self) -> float | None:
        """Seconds since a worker last stored what waited; infinite if none ever did, None while Redis is away."""
        try:
            left = await self._client.pttl(redis_names.CALLS_DRAINED)
        except (RedisError, OSError, TimeoutError):
            return None
        return DRAINED_KEPT - left / 1000 if left >= 0 else float("inf")

    async def evaluate(self, script: str, keys: Sequence[str], told: Sequence[object], seconds: float) -> list[int]:
        """Run a script that answers with numbers, waiting `seconds` at the most. One at a time. Raises LedgerAway."""
        task = asyncio.ensure_future(self._evaluate(script, keys, told))
        try:
            await asyncio.wait((task,), timeout=seconds)
            for _ in range(TURNS):
                if not task.done():
                    await asyncio.sleep(0)
            if not task.done():
                raise LedgerAway(f"no answer within {seconds:g} s")
            return task.result()
        except (RedisError, OSError, TimeoutError) as error:
            raise LedgerAway(str(error) or type(error).__name__) from error
        finally:
            task.cancel()

    async def _evaluate(self, script: str, keys: Sequence[str], told: Sequence[object]) -> list[int]:
        """Raises RedisError, OSError."""
        counter, digest = self._counter, hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            await counter.send_command("EVALSHA", digest, len(keys), *keys, *told, check_health=False)
            found: list[int] = await counter.read_response()
        except NoScriptError:
            await counter.send_command("EVAL", script, len(keys), *keys, *told, check_health=False)
            found = await counter.read_response()
        return found

    async def exchange(self, script: str, keys: Sequence[str], told: Sequence[str | float]) -> list[Any]:
        """Run a script that answers with lists, waiting a second at the most. Raises BoardAway."""
        try:
            async with asyncio.timeout(TIMEOUT):
                answer: Any = self._client.eval(script, len(keys), *keys, *told)
                found: list[Any] = await answer
                return found
        except (RedisError, OSError, TimeoutError) as error:
            raise BoardAway(str(error) or type(error).__name__) from error

    async def listen(self, notices: Mapping[str, Callable[[], None]]) -> None:
        """Call what belongs to a channel for all that is announced there, for ever, and once after each interruption.

        Polls cover what is missed while Redis is away.
        """
        while True:
            try:
                await self._subscribe(notices)
            except (RedisError, OSError) as error:
                log.debug("notices are interrupted: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _subscribe(self, notices: Mapping[str, Callable[[], None]]) -> None:
        """Listen until the connection ends. Raises RedisError, OSError."""
        async with self._listener.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(*notices)
            for notice in notices.values():
                notice()
            async for message in subscription.listen():
                notices[message["channel"].decode()]()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._listener.aclose()
        await self._counter.disconnect()
