"""What the console holds requests to before Django works on them: the bodies of strangers, and how many at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import Error, connection
from django.http.cookie import parse_cookie

from controlplane.base.web.sessions import over
from registry.access import callers
from registry.access.keys import bearer
from registry.canon import Failure, FailureKind
from routing.dataplane.door.bounds import STRANGER_BYTES
from routing.dataplane.door.refusals import HTML, RETRY_SECONDS, again_page, wants_page
from routing.dataplane.endpoints import JSON, error_body
from routing.dataplane.limits import BODY_BYTES

AT_ONCE = 12
"""Requests that Django works on at once, each in a thread and most with a connection to PostgreSQL."""
WAITING = 256
WAIT_SECONDS = 10.0
STRANGERS_BYTES = 32 * 1024 * 1024
"""Bytes that the bodies of strangers may take together."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Known = Callable[[Headers], Awaitable[bool]]


class TurnedAway(Exception):
    """A request that Django is not to see. `status` and `failure` are its answer."""

    def __init__(self, status: int, failure: Failure) -> None:
        self.status, self.failure = status, failure
        super().__init__(str(failure.message))


class Crowd:
    """Stands before Django: it caps bodies as they arrive, lets a few requests in at once, and the others wait."""

    def __init__(self, django: Application, known: Known) -> None:
        """`known` tells whether headers are those of somebody with an account. It may raise TurnedAway."""
        self.known = known
        self.strangers = 0
        self._django = django
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request."""
        visit = Visit(self, scope["headers"], receive)
        try:
            await self._django(scope, visit.receive, send)
        finally:
            visit.over()
        if visit.refusal is not None:
            await _refuse(scope["headers"], visit.refusal, send)

    async def enter(self) -> None:
        """Wait for a turn, which `leave` ends. Raises TurnedAway if too many wait, or for too long."""
        if self._room.locked() and self._waiting >= WAITING:
            raise _full()
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._room.acquire()
        except TimeoutError as error:
            raise _full() from error
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """End a turn."""
        self._room.release()


class Visit:
    """One request before Django: its body as it arrives, and its turn."""

    def __init__(self, crowd: Crowd, headers: Headers, receive: Receive) -> None:
        self.refusal: TurnedAway | None = None
        self._crowd, self._headers, self._receive = crowd, headers, receive
        self._size = self._held = 0
        self._known = self._whole = self._inside = False

    async def receive(self) -> Message:
        """The next message for Django, to which a caller that is turned away has left."""
        message = await self._receive()
        if self._whole or message["type"] != "http.request":
            return message
        try:
            await self._take(len(message.get("body", b"")))
            self._whole = not message.get("more_body", False)
            if self._whole:
                await self._crowd.enter()
                self._inside = True
        except TurnedAway as refusal:
            self.refusal = refusal
            return {"type": "http.disconnect"}
        return message

    async def _take(self, size: int) -> None:
        """Count a part of the body. Raises TurnedAway."""
        self._size += size
        if self._size > BODY_BYTES:
            raise _too_large(BODY_BYTES)
        if self._known:
            return
        if self._size > STRANGER_BYTES:
            self._known = await self._crowd.known(self._headers)
            self._let_go()
            if not self._known:
                raise _too_large(STRANGER_BYTES)
            return
        self._held += size
        self._crowd.strangers += size
        if self._crowd.strangers > STRANGERS_BYTES:
            raise _full()

    def _let_go(self) -> None:
        self._crowd.strangers -= self._held
        self._held = 0

    def over(self) -> None:
        """Django is done with this request."""
        self._let_go()
        if self._inside:
            self._inside = False
            self._crowd.leave()


class Accounts:
    """Tells whether a request is that of somebody with an account; looks one after the other, in a thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accounts")

    async def __call__(self, headers: Headers) -> bool:
        """Whether headers bring a key or a session that is good. Raises TurnedAway without the database."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, _has_account, dict(headers))
        except Error as error:
            raise _full() from error


def _has_account(given: dict[bytes, bytes]) -> bool:
    try:
        if b"authorization" in given:
            key = bearer(given[b"authorization"])
            return key is not None and callers.actor_of(key.decode("latin-1")) is not None
        cookies = parse_cookie(given.get(b"cookie", b"").decode("latin-1"))
        session = import_module(settings.SESSION_ENGINE).SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
        return SESSION_KEY in session and not over(session, time.time())
    finally:
        connection.close()


def _too_large(most: int) -> TurnedAway:
    words = f"The body is larger than {most // 1024 // 1024} MB, the most that is taken here"
    words += " from somebody who has not signed in and has no key." if most < BODY_BYTES else "."
    return TurnedAway(413, Failure(FailureKind.TOO_LARGE, words, code="body_too_large"))


def _full() -> TurnedAway:
    words = "The console has too much to do at this moment. Retry in a few seconds."
    return TurnedAway(503, Failure(FailureKind.UNAVAILABLE, words, code="console_busy"))


async def _refuse(asked: Headers, refusal: TurnedAway, send: Send) -> None:
    """Answer in Django's place: a page for people, JSON for programs."""
    headers, body = [JSON], error_body(refusal.failure)
    if refusal.status == 503 and wants_page(asked):
        english = "Many pages are being loaded at this moment. This one loads itself again."
        body = again_page("One moment", english, "此刻加载的页面较多，此页面会自动重新加载。")
        headers = [(b"content-type", HTML)]
    if refusal.status == 503:
        headers += [(b"retry-after", b"%d" % RETRY_SECONDS), (b"cache-control", b"no-store")]
    headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
