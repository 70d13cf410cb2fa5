"""The programs that a run consists of: their command lines, and how one sees that each is ready."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from controlplane.services.place import Place
from controlplane.services.ports import LOOPBACK, answers

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

NO_CHECKS = {"CELERY_SKIP_CHECKS": "1"}
"""Django's system checks load every page; `make test` runs them, workers need not."""


@dataclass(frozen=True)
class Program:
    """A program that runs as long as Patchbay does."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)


def web(place: Place) -> Program:
    """The console, the REST API and the data plane."""
    command = _module(
        "uvicorn", "controlplane.asgi:application", "--host", LOOPBACK, "--port", str(place.port), "--loop", "uvloop",
        "--http", "httptools", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "2",
        "--log-level", "warning", *forwarding(place.trusted_proxies),
    )  # fmt: skip
    return Program("web", command, lambda: answers(place.port, HEALTH, b"HTTP/1.1 200"))


def forwarding(proxies: str) -> tuple[str, ...]:
    """Whose X-Forwarded-For is believed: nobody's unless proxies are named, for anybody can write one."""
    return ("--proxy-headers", "--forwarded-allow-ips", proxies) if proxies else ("--no-proxy-headers",)


def worker(place: Place) -> Program:
    """The Celery worker; it touches the file that READY_FILE names when it listens."""
    ready = place.data / "worker.ready"
    ready.unlink(missing_ok=True)
    command = _module("celery", "-A", "controlplane.celery:app", "worker", "-P", "threads", "-c", "8")
    return Program(
        "worker",
        (*command, "--without-gossip", "--without-mingle"),
        ready.exists,
        {"READY_FILE": str(ready), **NO_CHECKS},
    )


def beat(place: Place) -> Program:
    """The clock of the periodic tasks."""
    schedule = str(place.data / "beat-schedule")
    command = _module("celery", "-A", "controlplane.celery:app", "beat", "-s", schedule, "--pidfile=")
    return Program("beat", command, lambda: True, NO_CHECKS)


def practice(place: Place, port: int) -> Program:
    """The practice fleet (emulated)."""
    command = _module("registry.emulators", "--port", str(port), "--size", str(place.practice))
    return Program("practice", command, lambda: answers(port))


def practice_specs(place: Place, port: int) -> tuple[str, ...]:
    """Command line that prints the practice fleet's spec file."""
    return (*practice(place, port).command, "--specs")


def _module(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)
