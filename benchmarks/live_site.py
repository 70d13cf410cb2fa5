"""A real site with a fleet that lives: stores, console, gateway, and a process that feeds it."""

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.gateway_ways import running, set_up, stores, until_answered
from controlplane.services.ports import free_port
from controlplane.services.programs import without_supervisor


@dataclass(frozen=True)
class LiveSite:
    """Where it is, the session cookie of an admin, and the programs whose CPU counts."""

    url: str
    cookie: str
    console: psutil.Process
    gateway: psutil.Process


@contextmanager
def live_site(devices: int, wild: bool = False) -> Iterator[LiveSite]:
    """Start everything; `wild`: every number of every device changes every second."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-live-")))
        folder.chmod(0o711)
        port = free_port()
        environment = stores(stack, folder) | {"PORT": str(port)}
        for verb in (["migrate"], ["collectstatic", "--no-input"]):
            set_up([sys.executable, "manage.py", *verb, "-v0", "--skip-checks"], environment)
        feed = [sys.executable, "-m", "benchmarks.live_feed", "--devices", str(devices)]
        cookie = set_up([*feed, "--seed"], environment).strip()
        console, gateway = (
            stack.enter_context(running(list(command), environment))
            for command in without_supervisor(port, folder / "run" / "console.sock")
        )
        until_answered(f"http://127.0.0.1:{port}/sign-in")
        stack.enter_context(running([*feed, *(["--wild"] if wild else [])], environment))
        yield LiveSite(f"http://127.0.0.1:{port}", cookie, console, gateway)


if __name__ == "__main__":
    with live_site(int(sys.argv[1]) if len(sys.argv) > 1 else 64, "--wild" in sys.argv) as site:
        print(site.url, site.cookie, site.console.pid, flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
