"""The console's ASGI application: pages and REST by Django, live pages over websockets, and its own health."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.asgi import get_asgi_application
from msgspec.json import encode

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.live import LIVE, websocket_application
from controlplane.base.memory import settle_memory
from controlplane.checks import PageConnection
from controlplane.crowd import Accounts, Crowd
from controlplane.fleet_text import PATH, FleetTeller
from registry.canon import Failure, FailureKind
from routing.dataplane.endpoints import JSON, error_body, is_ours
from routing.metrics import FleetText
from routing.pushed import door
from routing.pushed.stores import AgentStores

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
__all__ = ["DJANGO_VERSION", "ConsoleApplication", "application"]

NO_CALLS = "This is the console's own address; calls to /v1 go to a gateway."

NO_METRICS = "This is the console's own address; /metrics is answered by a gateway."


class ConsoleApplication:
    """Routes by path: health here, agents to their door, websockets to the live pages, the rest to Django.

    Calls have a program of their own.

    /healthz says that the process answers, /readyz whether a page gets what it needs: for a gateway that asks, and for
    whoever watches this program by itself.
    """

    def __init__(self) -> None:
        django: Any = get_asgi_application()
        self._django = Crowd(django, Accounts())
        self._page = PageConnection()
        self._agents = door.AgentDoor(AgentStores())
        self._fleet = FleetTeller(FleetText())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection, request or lifespan."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            live = websocket_application if scope["path"] == LIVE else self._refuse_websocket
            await live(scope, receive, send)
        else:
            await self._lifespan(receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/healthz":
            await _answer(send, 200, encode({"status": "ok"}))
        elif path == "/readyz":
            wrong = await self._page()
            told = {"status": "degraded" if wrong else "ready", "reasons": [wrong] if wrong else []}
            await _answer(send, 200, encode(told))
        elif path in door.PATHS:
            await self._agents(scope, receive, send)
        elif path == PATH:
            text = await self._fleet(scope["headers"])
            none = error_body(Failure(FailureKind.NOT_FOUND, NO_METRICS, code="no_gateway"))
            await _answer(send, 404 if text is None else 200, none if text is None else text)
        elif is_ours(path, scope["headers"]):
            await _answer(send, 404, error_body(Failure(FailureKind.NOT_FOUND, NO_CALLS, code="no_gateway")))
        else:
            await self._django(scope, receive, send)

    async def _refuse_websocket(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = ConsoleApplication()
