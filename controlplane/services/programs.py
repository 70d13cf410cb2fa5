"""The programs that a run consists of: their command lines, and how one sees that each is ready."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.services.place import Place
from controlplane.services.ports import answers

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
    sockets: tuple[int, ...] = ()


def gateway(place: Place, number: int, listener: int) -> Program:
    """One of the processes that callers reach: it answers /v1 and passes everything else on to the console.

    `listener` is the inherited socket that all of them accept from.
    """
    ready = place.data / "run" / f"gateway-{number}.ready"
    ready.unlink(missing_ok=True)
    environment = {"READY_FILE": str(ready), "GATEWAYS_RUNNING": str(place.gateways)}
    console = f"unix:{place.console}"
    command = _module("controlplane.gateway", "--fd", str(listener), "--number", str(number), "--console", console)
    return Program(f"gateway-{number}", command, ready.exists, environment, (listener,))


def console(place: Place, listener: int) -> Program:
    """Pages, the REST API and live pages, behind the gateways, on an inherited socket at `place.console`."""
    command = _module("controlplane.console", "--fd", str(listener))
    return Program("console", command, lambda: answers(place.console, HEALTH, b"HTTP/1.1 200"), {}, (listener,))


def without_supervisor(port: int, console: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Command lines of the console at a path, and of one gateway before it on a port; each makes its own socket."""
    gateway_alone = _module("controlplane.gateway", "--port", str(port), "--console", f"unix:{console}")
    return _module("controlplane.console", "--unix", str(console)), gateway_alone


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


def collector(place: Place) -> Program:
    """The collector of telemetry; it touches the file that READY_FILE names when it runs."""
    ready = place.data / "run" / "collector.ready"
    ready.unlink(missing_ok=True)
    return Program("collector", place.manage("collect"), ready.exists, {"READY_FILE": str(ready)})


def practice(place: Place, port: int) -> Program:
    """The practice fleet (emulated)."""
    sizes = ("--size", str(place.practice), "--gpus", str(place.practice_gpus))
    command = _module("registry.emulators", "--port", str(port), *sizes)
    return Program("practice", command, lambda: answers(port))


def callers(place: Place) -> Program:
    """The practice callers: applications (emulated) that call the practice models through the gateways."""
    own = ("--url", place.url, "--key-file", str(place.data / "practice-key.json"))
    sizes = ("--models", str(place.practice), "--gpus", str(place.practice_gpus), "--rate", str(place.practice_traffic))
    return Program("practice-callers", _module("controlplane.practice.traffic", *own, *sizes), lambda: True)


def operator(place: Place) -> Program:
    """The practice operator (emulated): it seats the practice models, and moves them from drained devices to others."""
    return Program("practice-operator", place.manage("furnish", "--follow"), lambda: True)


def practice_specs(place: Place, port: int) -> tuple[str, ...]:
    """Command line that prints the practice fleet's spec file."""
    return (*practice(place, port).command, "--specs")


def _module(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)
