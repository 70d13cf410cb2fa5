"""The door of agents: `POST /api/telemetry/frames`, before Django, as 125 agents knock once a second.

1 whose key → 2 how often → 3 the body, bounded → 4 facts into the inventory → 5 frames, checked → 6 into the stream.
An answer of 200 says that the frames are safe in Redis.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from django.conf import settings
from redis import RedisError

from registry.access.keys import bearer, digest
from routing.pushed.budget import AgentBudget
from routing.pushed.checking import CheckedPush, check, credible_run
from routing.pushed.standing import AgentIdentity
from routing.pushed.stores import AgentStores, StoreAway
from routing.samples import pushes
from routing.samples.pushes import AgentPush, PushAnswer

PATHS = ("/api/telemetry/frames", "/api/telemetry/frames/")
BODY_SECONDS = 20.0
AWAY_SECONDS = 2
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class PushRefused(Exception):
    """A push that is answered with an error, in words for the agent's log."""

    def __init__(self, status: int, code: str, words: str, retry_after: int = 0) -> None:
        super().__init__(words)
        self.status, self.code, self.retry_after = status, code, retry_after


class AgentDoor:
    """Lets in what agents push, each for its own node."""

    def __init__(self, stores: AgentStores) -> None:
        self._stores = stores
        self._budget = AgentBudget()
        self._inside: set[int] = set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One push."""
        try:
            answer = await self._admit(scope, receive)
        except PushRefused as refusal:
            body = {"error": {"code": refusal.code, "message": str(refusal), "detail": None}}
            await _answer(send, refusal.status, msgspec.json.encode(body), refusal.retry_after)
        else:
            await _answer(send, 200, msgspec.json.encode(answer))

    async def _admit(self, scope: Message, receive: Receive) -> PushAnswer:
        if scope["method"] != "POST":
            raise PushRefused(405, "method_not_allowed", "this address answers POST only")
        agent = await self._known(scope["headers"])
        if wait := self._budget.request(agent.key_id, time.monotonic()):
            raise PushRefused(429, "too_often", "this agent pushes more often than twice a second", wait)
        if agent.key_id in self._inside:
            raise PushRefused(429, "one_at_a_time", "a push with this key is being read; one at a time", 1)
        self._inside.add(agent.key_id)
        try:
            return await self._take(agent, await _body(receive))
        finally:
            self._inside.discard(agent.key_id)

    async def _known(self, headers: list[tuple[bytes, bytes]]) -> AgentIdentity:
        key = bearer(next((value for name, value in headers if name == b"authorization"), b""))
        if key is None:
            raise PushRefused(401, "not_authenticated", "send an agent's key as 'Authorization: Bearer pb-…'")
        try:
            agent = await self._stores.agent(digest(key, settings.KEY_PEPPER))
        except StoreAway as away:
            raise PushRefused(503, "store_unavailable", str(away), AWAY_SECONDS) from away
        if agent is None:
            raise PushRefused(401, "not_authenticated", "this agent's key is not known or was revoked")
        return agent

    async def _take(self, agent: AgentIdentity, body: bytes) -> PushAnswer:
        try:
            push = pushes.decode(body)
        except msgspec.MsgspecError as error:
            raise PushRefused(400, "invalid", f"the body is no push: {error}") from error
        if len(push.frames) > pushes.MOST_FRAMES:
            words = f"{len(push.frames)} frames in one push; expected at most {pushes.MOST_FRAMES}"
            raise PushRefused(400, "too_many_frames", words)
        if wait := await self._stores.spend(agent, len(push.frames)):
            words = "this agent pushes more than two frames a second, or more often than twice a second"
            raise PushRefused(429, "too_many_frames", words, wait)
        told, kept = await self._stores.facts(agent, push.facts) if push.facts is not None else ([], False)
        if not credible_run(push.run, time.time()):
            return PushAnswer(await self._stores.new_run(agent), 0, told, kept)
        checked = await self._store(agent, push)
        return PushAnswer(push.run, len(checked.frames), [*told, *checked.complaints], kept)

    async def _store(self, agent: AgentIdentity, push: AgentPush) -> CheckedPush:
        try:
            owned = await self._stores.owned(agent)
            checked = check(push, agent.source, owned, time.time())
            await self._stores.keep(checked.frames)
        except (StoreAway, RedisError) as away:
            words = str(away) if isinstance(away, StoreAway) else "Redis does not take frames now; push them again"
            raise PushRefused(503, "store_unavailable", words, AWAY_SECONDS) from away
        return checked


async def _body(receive: Receive) -> bytes:
    """The whole body. Raises PushRefused if it is too large, too slow, or its sender left."""
    try:
        return await asyncio.wait_for(_read(receive), BODY_SECONDS)
    except TimeoutError as error:
        raise PushRefused(408, "too_slow", f"the body took longer than {BODY_SECONDS:g} s") from error


async def _read(receive: Receive) -> bytes:
    found, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise PushRefused(400, "unreadable", "the body was cut off")
        found += message.get("body", b"")
        if len(found) > pushes.MOST_BYTES:
            most = pushes.MOST_BYTES // 2**20
            raise PushRefused(413, "too_large", f"the body is larger than {most} MB, the most of one push")
        more = message.get("more_body", False)
    return bytes(found)


async def _answer(send: Send, status: int, body: bytes, retry_after: int = 0) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if retry_after:
        headers.append((b"retry-after", b"%d" % retry_after))
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="patchbay agents"'))
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status >= 400:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
