"""Live pages: one websocket a tab. hello → snapshot(seq) → frames(seq + 1 …); a gap or a reconnect asks for a snapshot.

Redis carries notices only. One Hub a process listens to it, encodes each notice once, and hands it to the sockets of
this process; a socket that is slow gets a gap instead of a queue. Tables that pages watch go as binary frames
(controlplane.base.streams).
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any

import redis.asyncio
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.http.request import split_domain_port, validate_host
from django.utils import timezone
from redis.exceptions import RedisError

from controlplane.base import access, events, redis_names, streams
from controlplane.base.events import TOPICS
from controlplane.base.jobs import verbs as jobs
from controlplane.base.listeners import SIGNED_OUT, Person, judge
from controlplane.base.models import Revision, User
from controlplane.base.refusals import Refused
from controlplane.base.service_loop import Service
from controlplane.base.streams import STREAMS, StreamDesk
from controlplane.base.viewers import Viewer
from controlplane.base.web import badges

LIVE = "/live"
TICK_S = 5.0
"""Seconds between two ticks; at each one a socket whose person lost the right to it is closed."""
BEAT_S = 1.0
"""Seconds between two frames of a stream; a stream that nobody watched before comes SOONEST_S after the last one."""
SOONEST_S = 0.1
AWAY_S = 1.0
WATCHED = 64
log = logging.getLogger(__name__)


class Hub:
    """Hears notices and ticks, and passes each to the sockets that may see it. Runs while somebody looks."""

    def __init__(self) -> None:
        self.viewers: set[Viewer] = set()
        self.desk = StreamDesk()
        self._services: list[Service] = []
        self._newcomer = asyncio.Event()
        self._listens = asyncio.Event()
        self.away = False
        self.counts: dict[str, int] = {}

    def join(self, viewer: Viewer) -> None:
        """Add a socket; the first one starts the hub."""
        self.viewers.add(viewer)
        if not self._services:
            self._listens = asyncio.Event()
            self._services = [
                Service("the hub of live pages", self._listen),
                Service("its ticks", self._tick),
                Service("its streams", self._stream),
                Service("its badges", self._count),
            ]
            for service in self._services:
                service.start()

    def leave(self, viewer: Viewer) -> None:
        """Remove a socket; after the last one the hub rests."""
        self.viewers.discard(viewer)
        if not self.viewers:
            for service in self._services:
                service.cancel()
            self._services, self.counts = [], {}

    async def listening(self) -> None:
        """Wait until notices are heard; not for long if Redis is away."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._listens.wait(), AWAY_S)

    def tell(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Encode once, hand to everybody who may see it."""
        body = json.dumps({"topic": topic, "payload": payload})[1:]
        for viewer in list(self.viewers):
            if viewer.sees(topic):
                viewer.offer(body)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (RedisError, OSError) as error:
                if not self.away:
                    log.warning("live pages: Redis is away: %s", error)
                self.away = True
                self._listens.clear()
                await asyncio.sleep(AWAY_S)

    async def _hear(self) -> None:
        async with (
            redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2) as client,
            client.pubsub() as channel,
        ):
            await channel.subscribe(redis_names.EVENTS)
            async for message in channel.listen():
                if message["type"] == "message":
                    self._receive(message["data"])
                elif message["type"] == "subscribe":
                    self._back()

    def _back(self) -> None:
        self._listens.set()
        if self.away:
            self.away = False
            for viewer in list(self.viewers):
                viewer.lose()

    def _receive(self, data: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            notice = json.loads(data)
            topic = str(notice["topic"])
            self.tell(topic, notice["payload"] if topic.startswith("job:") else {})

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            await self.turn_out()
            self.tell("tick", {"at": timezone.now().isoformat(), "feed": "away" if self.away else "live"})

    def watch(self, viewer: Viewer, name: str) -> None:
        """Let a socket watch a stream, from a whole frame on; one that nobody watched is read at once."""
        whole = self.desk.whole(name)
        if streams.verb(name) in viewer.verbs and viewer.watch(name, whole) and not whole:
            self._newcomer.set()

    async def _stream(self) -> None:
        while True:
            begun = time.monotonic()
            await self.beat()
            await asyncio.sleep(SOONEST_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._newcomer.wait(), max(0.0, BEAT_S - (time.monotonic() - begun)))
            self._newcomer.clear()

    async def beat(self) -> None:
        """One frame of every stream that is watched, the same bytes for everybody."""
        watched = {name for viewer in self.viewers for name in viewer.streams.names}
        try:
            frames = await self.desk.beat(watched)
        except (RedisError, DatabaseError, OSError) as error:
            log.warning("live pages: a stream was not read: %s", error)
            return
        for name, frame in frames.items():
            for viewer in list(self.viewers):
                viewer.show(name, frame, partial(self.desk.whole, name))

    async def _count(self) -> None:
        while True:
            await self.count()
            await asyncio.sleep(badges.COUNT_S)

    async def count(self) -> None:
        """Tell of the badges of the navigation whose counts moved."""
        try:
            counts = await database_sync_to_async(badges.COUNTS.now)()
        except DatabaseError:
            return
        before, self.counts = self.counts, counts
        for name, count in counts.items():
            if count != before.get(name, 0):
                self.tell(f"{badges.TOPIC}{name}", {"name": name, "count": count})

    async def turn_out(self) -> None:
        """End the sockets of people who signed out, were shut out, or have another role than when they came."""
        people = {viewer.person for viewer in self.viewers}
        try:
            verdicts = await database_sync_to_async(judge)(people)
        except DatabaseError as error:
            log.warning("live pages: PostgreSQL is away, so nobody's rights were looked at: %s", error)
            return
        for viewer in list(self.viewers):
            if code := verdicts.get(viewer.person):
                viewer.end(code)


HUB = Hub()


class LiveConsumer(AsyncWebsocketConsumer):
    """Signed-in people's socket.

    It takes {"watch": "job:<id>"}, {"snapshot": true}, {"subscribe": "<stream>"} and {"unsubscribe": "<stream>"};
    everything else is ignored.
    """

    viewer: Viewer | None = None
    pump: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        """Accept, then close with 4401 if nobody is signed in: a page cannot read why a handshake was refused."""
        await self.accept()
        user = self.scope.get("user")
        if not isinstance(user, User) or not user.is_active:
            await self.close(code=SIGNED_OUT)
            return
        topics = {topic for topic, verb in TOPICS.items() if access.can(user, verb)}
        person = Person(user.pk, user.role, self.scope["session"].session_key or "")
        self.viewer = Viewer(topics, person, {one.verb for one in STREAMS.values() if access.can(user, one.verb)})
        HUB.join(self.viewer)
        await HUB.listening()
        await self.send(json.dumps({"kind": "hello", "seq": self.viewer.seq}))
        self.pump = asyncio.create_task(self._pump(self.viewer))

    async def disconnect(self, code: int) -> None:
        """Leave the hub."""
        if self.viewer is not None:
            HUB.leave(self.viewer)
        if self.pump is not None:
            self.pump.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One wish of the page."""
        wish = _read(text_data)
        topic, wanted, unwanted = wish.get("watch"), wish.get("subscribe"), wish.get("unsubscribe")
        if self.viewer is None:
            return
        if isinstance(unwanted, str):
            self.viewer.streams.leave(unwanted)
        if isinstance(wanted, str):
            HUB.watch(self.viewer, wanted)
        if isinstance(topic, str) and topic.startswith("job:") and len(self.viewer.watched) < WATCHED:
            await self._watch(self.viewer, topic)
        if wish.get("snapshot") and not self.viewer.ended:
            payload = await self._snapshot()
            await self.send(json.dumps({"kind": "snapshot", "seq": self.viewer.seq, "payload": payload}))

    async def _watch(self, viewer: Viewer, topic: str) -> None:
        found = await database_sync_to_async(_job)(self.scope["user"], topic.removeprefix("job:"))
        if found is not None:
            viewer.watched.add(topic)
            viewer.offer(json.dumps({"topic": topic, "payload": found})[1:])

    async def _snapshot(self) -> dict[str, Any]:
        await HUB.count()
        topics = self.viewer.topics if self.viewer is not None else set()
        return {
            "at": timezone.now().isoformat(),
            "revision": await database_sync_to_async(_revision)(),
            "last": await database_sync_to_async(events.last)(),
            "badges": {name: count for name, count in HUB.counts.items() if f"{badges.TOPIC}{name}" in topics},
        }

    async def _pump(self, viewer: Viewer) -> None:
        while (frame := await viewer.next()) is not None:
            await (self.send(frame) if isinstance(frame, str) else self.send(bytes_data=frame))
        await self.close(code=viewer.ended)


def _read(text: str | None) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(text or "{}")
        if isinstance(found, dict):
            return found
    return {}


def _job(user: User, job_id: str) -> dict[str, Any] | None:
    try:
        return jobs.snapshot(jobs.get(user, job_id))
    except (Refused, access.Forbidden):
        return None


def _revision() -> int:
    return Revision.objects.order_by("-number").values_list("number", flat=True).first() or 0


_listening = AuthMiddlewareStack(LiveConsumer.as_asgi())


async def websocket_application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    """The live socket, for pages of this site alone: same host and port, or an origin of CSRF_TRUSTED_ORIGINS."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1").lower()
    host = headers.get(b"host", b"").decode("latin-1").lower()
    own = validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS) and origin.partition("://")[2] == host
    if own or origin in settings.CSRF_TRUSTED_ORIGINS:
        await _listening(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.close", "code": 1000})
