"""What many models cost a web process: the Table's builds, the loop's waits beside them, memory, and the start.

Rows come out of an embedded PostgreSQL. The longest wait is that of a 1 ms ticker in the same event loop; the line
"idle" says what the machine alone does to it. The start is that of the real web program with a kept copy of the table,
until it answers /healthz and until a first call is answered.

    .venv/bin/python -m benchmarks.tables [--models 10000] [--shapes 5000] [--starts 3] [--json FILE]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from benchmarks.gateway import HERE, ROOT, running, stores
from controlplane.services.ports import free_port

WEB = (
    *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--log-level", "warning"),
    *("--timeout-graceful-shutdown", "2"),
)
START_SECONDS = 60.0
CALL = {"model": "bench-0", "messages": [{"role": "user", "content": "hi"}]}
Figures = dict[str, float]


def process(environment: dict[str, str], *arguments: str) -> str:
    """What benchmarks/tables_process.py prints."""
    command = [sys.executable, "-m", "benchmarks.tables_process", *arguments]
    return subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout


def start(environment: dict[str, str], key: str) -> Figures:
    """Start the web program once; seconds until it answers, its CPU seconds by then, and its memory."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "controlplane.asgi:application", "--port", str(port), *WEB]
    url, headers = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {key}"}
    began = time.perf_counter()
    with (
        running(command, environment | {"PORT": str(port)}) as web,
        httpx.Client(trust_env=False, timeout=30) as client,
    ):
        until(lambda: client.get(f"{url}/healthz").status_code == 200)
        healthy, cpu = time.perf_counter() - began, sum(web.cpu_times()[:2])
        until(lambda: client.post(f"{url}/v1/chat/completions", json=CALL, headers=headers).status_code == 200)
        called = time.perf_counter() - began
        pss = float(web.memory_full_info().pss) / 1e6
        web.kill()
    return {
        "start until /healthz, s": healthy,
        "start, CPU s": cpu,
        "start until the first call, s": called,
        "memory after it, MB": pss,
    }


def until(answered: Callable[[], bool]) -> None:
    """Ask again until an address answers as wished. Raises SystemExit."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if answered():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"no answer as wished within {START_SECONDS:g} s")


def measure(models: int, shapes: int, starts: int) -> Figures:
    """All figures, in the order of the report."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-tables-")))
        folder.chmod(0o711)
        port = free_port()
        stack.enter_context(running([sys.executable, str(HERE / "mock_upstream.py"), str(port)]))
        environment = stores(stack, folder) | {"PYTHONPATH": str(ROOT), "PORT": str(free_port())}
        migrate = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
        subprocess.run(migrate, check=True, env=environment, cwd=ROOT)
        key = process(environment, "seed", str(models), str(shapes), str(port)).strip()
        found: Figures = json.loads(process(environment, "build"))
        rounds = [start(environment, key) for _ in range(starts)]
        return found | {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", type=int, default=10_000)
    options.add_argument("--shapes", type=int, default=5_000, help="sets of parameters that differ")
    options.add_argument("--starts", type=int, default=3, help="starts of the web program; medians are shown")
    options.add_argument("--json", type=Path, help="write the figures here")
    given = options.parse_args()
    before = os.getloadavg()[0]
    found = measure(given.models, given.shapes, given.starts)
    print(f"{given.models:,} models of {given.shapes:,} shapes; {os.cpu_count()} cores, load {before:.1f} before it")
    for name, value in found.items():
        print(f"  {name:<44} {value:>12,.2f}")
    if given.json:
        given.json.write_text(json.dumps({"load": before, **found}, indent=1))


if __name__ == "__main__":
    main()
