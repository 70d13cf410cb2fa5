"""The front door of the web process: the data plane and health before Django, pages and REST behind them."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http.request import split_domain_port, validate_host

from controlplane.base.boot import DJANGO_VERSION
from controlplane.base.live import LIVE, websocket_application
from controlplane.base.memory import settle_memory
from controlplane.checks import PageConnection
from registry.canon import Failure, FailureKind
from routing.calls.jobs import submit
from routing.dataplane.caller import Message, Receive, Send, answer
from routing.dataplane.endpoints import JSON, error_body, is_ours
from routing.dataplane.gateway import SubmitJob
from routing.dataplane.health import PATHS, Health
from routing.dataplane.plane import Plane
from routing.rows import Rows
from routing.settings import plane_settings

__all__ = ["DJANGO_VERSION", "Application", "application", "plane_settings"]


def known_host(scope: Message) -> bool:
    """Whether a request names this site: a host of ALLOWED_HOSTS, or an IP address as probes use it.

    A foreign page whose name is made to point here could otherwise read the names of models.
    """
    given = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    domain = split_domain_port(given.lower())[0]
    try:
        return bool(ip_address(domain.strip("[]")))
    except ValueError:
        return validate_host(domain, settings.ALLOWED_HOSTS)


async def misdirected(scope: Message, receive: Receive, send: Send) -> None:
    """Answer 421 to a request for another site."""
    words = f"{scope['path']} does not answer under this host name; add it to ALLOWED_HOSTS, or use the IP address."
    failure = Failure(FailureKind.INVALID_REQUEST, words, code="misdirected_request")
    await answer(send, 421, [JSON], error_body(failure))


class Application:
    """Routes by path: /v1 to the gateway, health to Health, websockets to the live pages, the rest to Django."""

    def __init__(self, submit_job: SubmitJob | None = None) -> None:
        """Django is loaded here; the data plane starts with the server's lifespan."""
        self._django: Any = get_asgi_application()
        self._submit_job = submit_job
        self._plane: Plane | None = None
        self._health: Health | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection, request or lifespan."""
        kind = scope["type"]
        if kind == "http":
            path = scope["path"]
            if self._plane is not None and is_ours(path, scope["headers"]):
                await self._plane.door(scope, receive, send)
            elif self._health is not None and path in PATHS:
                await (self._health if known_host(scope) else misdirected)(scope, receive, send)
            else:
                await self._django(scope, receive, send)
        elif kind == "websocket":
            live = websocket_application if scope["path"] == LIVE else self._refuse_websocket
            await live(scope, receive, send)
        else:
            await self._lifespan(receive, send)

    async def _refuse_websocket(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        """Start the data plane with the server and stop it after the last call."""
        await receive()
        self._plane = Plane(plane_settings(), Rows(), self._submit_job)
        await self._plane.start()
        self._health = Health(self._plane, PageConnection())
        settle_memory()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._plane.stop()
        await send({"type": "lifespan.shutdown.complete"})


application = Application(submit)
