"""The fleet's part of /metrics on its way from the console, which knows the fleet, to the gateway that is scraped."""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import connection

from routing.dataplane.door.console import ask

PATH = "/metrics"
ASK_SECONDS = 5.0
"""How long a gateway waits for the fleet; Prometheus waits for 10 s."""
log = logging.getLogger(__name__)


def authorization() -> bytes:
    """What a gateway says to the console to be told of the fleet: only who knows the pepper of keys can say it."""
    return b"Bearer " + hmac.new(settings.KEY_PEPPER, b"the fleet's part of /metrics", "sha256").hexdigest().encode()


class FleetTeller:
    """The console's side: writes the text in a thread of its own, which no page waits for."""

    def __init__(self, text: Callable[[], bytes]) -> None:
        """`text` writes it, such as routing.metrics.FleetText; gateways load no part of that."""
        self._text = text
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="metrics")

    async def __call__(self, headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """The text; None if this is no gateway of ours."""
        said = next((value for name, value in headers if name == b"authorization"), b"")
        if not hmac.compare_digest(said, authorization()):
            return None
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._written)

    def _written(self) -> bytes:
        try:
            return self._text()
        finally:
            connection.close()


def fleet_of(console: str) -> Callable[[], Awaitable[bytes]]:
    """Asks the console at an address for the text; empty, so that stale families disappear, if it does not answer."""

    async def asked() -> bytes:
        try:
            status, body = await ask(console, PATH, ASK_SECONDS, authorization())
        except (OSError, TimeoutError, ValueError) as error:
            status, body = 0, (str(error) or type(error).__name__).encode()
        if status != 200:
            log.warning("/metrics lacks the fleet: the console answers %s: %s", status or "nothing", body[:200])
            return b""
        return body

    return asked
