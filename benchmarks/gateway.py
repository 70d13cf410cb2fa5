"""What a call costs through Patchbay, through nginx and direct, interleaved in one run.

Our gateway is the real program (controlplane.gateway) with embedded PostgreSQL and Valkey, 500 models, a
key with a rate limit, parameter normalisation and call records on. nginx is Debian's, a plain reverse proxy with kept
connections. CPU is user + system of the gateway's or nginx's processes, the steadiest figure on a noisy machine. Prints
medians and ranges.

    .venv/bin/python -m benchmarks.gateway [--rounds 3] [--seconds 3] [--python PYTHON] [--json FILE]
"""

import argparse
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from controlplane.services.ports import free_port
from controlplane.services.postgres import Postgres
from controlplane.services.programs import without_supervisor
from controlplane.services.valkey import Valkey

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

MODEL = "bench-250"
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 100000000;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


@dataclass(frozen=True)
class Case:
    """One load: a name, connections in parallel, and the request's fields beside the model."""

    name: str
    connections: int
    fields: dict[str, Any]


MESSAGES = [{"role": "system", "content": "You are brief. " * 20}, {"role": "user", "content": "How are you? " * 20}]
PACED = [{"role": "user", "content": "paced"}]
CASES = (
    Case("json-64", 64, {"messages": MESSAGES}),
    Case("json-1", 1, {"messages": MESSAGES}),
    Case("burst-8", 8, {"messages": MESSAGES, "stream": True}),
    Case("paced-8", 8, {"messages": PACED, "stream": True}),
)


@dataclass(frozen=True)
class Way:
    """A way to the upstream: its port and the processes whose CPU it costs."""

    name: str
    port: int
    processes: tuple[psutil.Process, ...]


@contextmanager
def running(command: list[str], environment: dict[str, str] | None = None) -> Iterator[psutil.Process]:
    """A child process, ended at the end."""
    with subprocess.Popen(command, env=environment, cwd=ROOT) as child:
        try:
            yield psutil.Process(child.pid)
        finally:
            child.terminate()


def until_answered(url: str, seconds: float = 60) -> None:
    """Wait until an address answers. Raises SystemExit."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise SystemExit(f"{url} did not answer within {seconds:g} s")


def family(process: psutil.Process) -> tuple[psutil.Process, ...]:
    """A process and its children."""
    return (process, *process.children(recursive=True))


def cpu(processes: tuple[psutil.Process, ...]) -> float:
    """User and system seconds so far."""
    times = [process.cpu_times() for process in processes]
    return float(sum(each.user + each.system for each in times))


@contextmanager
def ways(python: str) -> Iterator[tuple[list[Way], str]]:
    """Start everything; the ways to the upstream, and the key."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-bench-")))
        folder.chmod(0o711)
        mock_port, gateway_port, nginx_port = free_port(), free_port(), free_port()
        stack.enter_context(running([sys.executable, str(HERE / "mock_upstream.py"), str(mock_port)]))
        environment = stores(stack, folder) | {
            "PORT": str(gateway_port),
            "PYTHONPATH": modules(),
        }
        for verb in (["migrate"], ["collectstatic", "--no-input"]):
            command = [sys.executable, "manage.py", *verb, "-v0", "--skip-checks"]
            subprocess.run(command, check=True, env=environment, cwd=ROOT)
        seed = [sys.executable, str(HERE / "seed_gateway.py"), str(mock_port)]
        key = subprocess.run(seed, check=True, env=environment, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        console, alone = without_supervisor(gateway_port, folder / "run" / "console.sock")
        stack.enter_context(running([*console], environment))
        gateway = stack.enter_context(running([python, *alone[1:]], environment))
        until_answered(f"http://127.0.0.1:{gateway_port}/readyz")
        found = [Way("direct", mock_port, ()), Way("patchbay", gateway_port, family(gateway))]
        if shutil.which("nginx"):
            config = folder / "nginx.conf"
            config.write_text(NGINX.format(folder=folder, upstream=mock_port, port=nginx_port))
            nginx = stack.enter_context(running(["nginx", "-c", str(config)]))
            time.sleep(0.5)
            found.insert(1, Way("nginx", nginx_port, family(nginx)))
        yield found, key


def modules() -> str:
    """Where another interpreter of the same version finds what this one has; PYTHONPATH may add more."""
    return ":".join((str(ROOT), sysconfig.get_path("purelib"), os.environ.get("PYTHONPATH", "")))


def stores(stack: ExitStack, folder: Path) -> dict[str, str]:
    """Start embedded stores; the environment that names them."""
    postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
    stack.callback(postgres.stop)
    stack.callback(valkey.stop)
    postgres.start()
    valkey.start()
    (folder / "data").mkdir()
    named = {"DATA_DIR": str(folder / "data"), "DATABASE_URL": postgres.url("patchbay"), "REDIS_URL": valkey.url}
    return os.environ | named


def measure(way: Way, case: Case, key: str, seconds: float) -> dict[str, float]:
    """One round of one case over one way."""
    body = json.dumps({"model": MODEL, "creative_level": 5, **case.fields}, separators=(",", ":")).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
    head += f"content-type: application/json\r\naccept: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with tempfile.NamedTemporaryFile() as request:
        request.write(head.encode() + body)
        request.flush()
        command = [
            sys.executable,
            str(HERE / "load.py"),
            str(way.port),
            str(case.connections),
            str(seconds),
            request.name,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as load:
            assert load.stdout is not None
            load.stdout.readline()
            before = cpu(way.processes)
            result: dict[str, float] = json.loads(load.stdout.readline())
            spent = cpu(way.processes) - before
    if result["errors"] or not result["calls"]:
        raise SystemExit(f"{way.name} {case.name}: {result['errors']:.0f} calls failed, {result['calls']:.0f} did not")
    result["per_second"] = result["calls"] / result["seconds"]
    result["events_per_second"] = result["events"] / result["seconds"]
    result["cpu_us"] = spent * 1e6 / max(1, result["calls"])
    result["cpu_us_per_event"] = spent * 1e6 / max(1, result["events"])
    return result


SHOWN = ("per_second", "cpu_us", "p50_ms", "p99_ms", "first_p50_ms", "events_per_second", "cpu_us_per_event")


Results = dict[str, dict[str, list[dict[str, float]]]]
"""The rounds of every way, by case and way."""


def summary(rounds: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median, least and most of every figure."""
    return {
        name: {
            "median": statistics.median(each[name] for each in rounds),
            "least": min(each[name] for each in rounds),
            "most": max(each[name] for each in rounds),
        }
        for name in SHOWN
    }


def play(found: list[Way], key: str, seconds: float, results: Results) -> None:
    """One round: every case over every way, added to `results`."""
    for case, way in itertools.product(CASES, found):
        by_way = results.setdefault(case.name, {})
        by_way.setdefault(way.name, []).append(measure(way, case, key, seconds))


def show(results: Results) -> None:
    """Print one table a case, with the ratio to nginx."""
    for case, by_way in results.items():
        streaming = "burst" in case or "paced" in case
        columns = SHOWN if streaming else SHOWN[:4]
        print(f"\n{case:10}" + "".join(f"{name:>32}" for name in columns))
        for way, rounds in by_way.items():
            figures = summary(rounds)
            cells = (f"{f['median']:,.1f} ({f['least']:,.1f}-{f['most']:,.1f})" for f in (figures[n] for n in columns))
            print(f"{way:10}" + "".join(f"{cell:>32}" for cell in cells))
        if "nginx" in by_way:
            unit = "cpu_us_per_event" if streaming else "cpu_us"
            pairs = zip(by_way["patchbay"], by_way["nginx"], strict=True)
            ratio = statistics.median(ours[unit] / max(theirs[unit], 1e-9) for ours, theirs in pairs)
            print(f"patchbay / nginx, {unit}: {ratio:.1f} (median of the rounds' ratios)")


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=3.0)
    options.add_argument("--python", default=sys.executable, help="the interpreter that runs our gateway")
    options.add_argument("--cases", nargs="+", default=[case.name for case in CASES], help="measure only these")
    options.add_argument("--json", type=Path, help="write every round's figures here")
    given = options.parse_args()
    results: Results = {}
    with ways(given.python) as (found, key):
        for number in range(given.rounds):
            play(found, key, given.seconds, results)
            print(f"round {number + 1} of {given.rounds} done", file=sys.stderr)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(
        f"{os.cpu_count()} cores, load {load} (a noisy machine), load generator on Python {platform.python_version()}"
    )
    print(f"gateway run by {given.python}; medians of {given.rounds} interleaved rounds of {given.seconds:g} s (range)")
    show(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
