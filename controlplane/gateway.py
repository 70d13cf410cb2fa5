"""A gateway program: `python -m controlplane.gateway`. It answers /v1 and its health, and passes on everything else."""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import uvloop
from django.conf import settings
from django.db import Error
from django.http.request import split_domain_port, validate_host

from controlplane.base.boot_lean import DJANGO_VERSION
from controlplane.base.memory import settle_memory
from controlplane.base.own_connection import connect_alone
from controlplane.base.service_loop import Service
from controlplane.fleet_text import fleet_of
from registry.canon import Failure, FailureKind
from routing.calls.jobs import submit
from routing.dataplane.caller import CallerSide
from routing.dataplane.door.console import ask
from routing.dataplane.door.head import RequestHead
from routing.dataplane.door.relay import Relay, proxies
from routing.dataplane.door.server import Application, Server, raise_descriptor_limit
from routing.dataplane.endpoints import JSON, error_body, is_ours
from routing.dataplane.health import PATHS, Health
from routing.dataplane.hooks import SubmitJob
from routing.dataplane.plane import Plane
from routing.rows import Rows
from routing.settings import plane_settings
from versions.rollout.watch import watch

__all__ = ["DJANGO_VERSION", "GatewayProgram", "console_words", "main", "misdirected"]

CONSOLE_SECONDS, WATCH_SECONDS, DRAIN_SECONDS = 0.7, 1.0, 2.0
SWITCH_SECONDS = 0.0002
"""How long the event loop waits for a thread that builds a table or reads a large body: 5 ms if nothing is said, and
a call wakes the loop four times or so. At 0.2 ms neither side needs more CPU for the same work.
"""
log = logging.getLogger(__name__)


def known_host(side: CallerSide) -> bool:
    """Whether a request names this site: a host of ALLOWED_HOSTS, or an IP address as probes use it.

    A foreign page whose name is made to point here could otherwise read the names of models.
    """
    given = next((value for name, value in side.headers if name == b"host"), b"").decode("latin-1")
    domain = split_domain_port(given.lower())[0]
    try:
        return bool(ip_address(domain.strip("[]")))
    except ValueError:
        return validate_host(domain, settings.ALLOWED_HOSTS)


async def misdirected(side: CallerSide) -> None:
    """Answer 421 to a request for another site."""
    words = f"{side.path} does not answer under this host name; add it to ALLOWED_HOSTS, or use the IP address."
    failure = Failure(FailureKind.INVALID_REQUEST, words, code="misdirected_request")
    await side.answer(421, [JSON], error_body(failure))


def console_words(address: str) -> Callable[[], Awaitable[str]]:
    """Asks the console whether a page gets what it needs: what is wrong, in words; nothing if all is well."""

    async def asked() -> str:
        try:
            _, body = await ask(address, "/readyz", CONSOLE_SECONDS)
            return "; ".join(json.loads(body)["reasons"])
        except (OSError, TimeoutError, ValueError, KeyError):
            return "the console does not answer: pages and the REST API are away, calls are not"

    return asked


async def watching(rolling: asyncio.Event) -> None:
    """Look after rollouts once a second while there are any, in a thread that no call waits for, for ever.

    Every gateway does, so that no killed program leaves a broken release in service.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="rollouts") as thread:
        while True:
            await rolling.wait()
            await asyncio.sleep(WATCH_SECONDS)
            await asyncio.get_running_loop().run_in_executor(thread, watch_alone)


def watch_alone() -> None:
    """Look at every rollout once, on this thread's own connection; without PostgreSQL nothing can be moved."""
    connect_alone()
    try:
        watch()
    except Error as error:
        log.warning("rollouts are not looked after, PostgreSQL cannot be used: %s", error)


class GatewayProgram:
    """The data plane of one process behind one listening socket."""

    def __init__(self, console: str, number: int = 0, submit_job: SubmitJob | None = submit) -> None:
        """`console` is the console's address, `unix:/path` or `host:port`; `number` is this gateway's."""
        self._relay = Relay(console, proxies(os.environ.get("TRUSTED_PROXIES", "")))
        self.plane = Plane(plane_settings(number), Rows(), submit_job)
        self._health = Health(self.plane, console_words(console), fleet_of(console))
        self._server: Server | None = None
        self.plane.services += (
            Service("the watch over rollouts", partial(watching, self.plane.gateway.colours.rolling)),
        )

    async def start(self, listener: socket.socket) -> None:
        """Serve the last good table, or what PostgreSQL says; then accept callers."""
        descriptors = raise_descriptor_limit()
        await self.plane.start()
        settle_memory()
        self._server = Server(self._route, self._relay, descriptors)
        self.plane.join(self._server.turn)
        self._server.start(listener)

    async def stop(self, drain: float = DRAIN_SECONDS) -> None:
        """Accept nobody, let calls end for so many seconds at the most, deliver their records."""
        if self._server is not None:
            await self._server.stop(drain)
        await self.plane.stop()

    def _route(self, head: RequestHead) -> Application | None:
        if is_ours(head.path, head.headers):
            return self.plane.door
        return self._guarded if head.path in PATHS else None

    async def _guarded(self, side: CallerSide) -> None:
        await (self._health if known_host(side) else misdirected)(side)


async def serve(listener: socket.socket, console: str, number: int, drain: float = DRAIN_SECONDS) -> None:
    """Serve until a signal ends it, and `drain` seconds at the most after that.

    READY_FILE names a file that is touched once callers are accepted.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ending, ended.set)
    program = GatewayProgram(console, number)
    await program.start(listener)
    if ready := os.environ.get("READY_FILE"):
        Path(ready).touch()
    await ended.wait()
    await program.stop(drain)


def main() -> None:
    """The command line."""
    given = argparse.ArgumentParser(description=__doc__)
    where = given.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="an inherited socket that listens, which other gateways may share")
    where.add_argument("--port", type=int)
    given.add_argument("--host", default="127.0.0.1")
    given.add_argument("--number", type=int, default=0, help="which of the gateways of one data folder this is")
    given.add_argument("--console", required=True, help="unix:/path or host:port")
    words = "seconds that calls in flight get to end after SIGTERM"
    given.add_argument("--drain", type=float, default=DRAIN_SECONDS, help=words)
    options = given.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    if options.fd is not None:
        listener = socket.socket(fileno=options.fd)
    else:
        listener = socket.create_server((options.host, options.port), backlog=4096)
    uvloop.run(serve(listener, options.console, options.number, options.drain))


if __name__ == "__main__":
    main()
