"""The ways to the upstream that benchmarks/gateway.py compares: direct, nginx, and our own gateways.

Ours is the real program (controlplane.gateway) with embedded PostgreSQL and Valkey, 500 models, a key with a rate
limit, parameter normalisation and call records on. nginx is Debian's, a plain reverse proxy with kept connections.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
import psutil
import redis

from controlplane.base import redis_names
from controlplane.services.ports import free_port, listen
from controlplane.services.postgres import Postgres
from controlplane.services.programs import without_supervisor
from controlplane.services.valkey import Valkey

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

DIRECT, NGINX, OURS, PAIR = "direct", "nginx", "patchbay", "patchbay-2"
MODEL = "bench-1"
PATIENCE_SECONDS = 60
"""How long a program may take until it answers."""
SET_UP_SECONDS, END_SECONDS = 300, 10
NGINX_CONFIG = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 100000000; client_body_buffer_size 128k;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


@dataclass(frozen=True)
class Way:
    """A way to the upstream: its port, the processes whose CPU it costs, and what its callers send.

    `headers` are whole lines. A slow way is measured for at least `least_seconds`, so that its window holds many calls.
    """

    name: str
    port: int
    processes: tuple[psutil.Process, ...] = ()
    headers: str = ""
    model: str = MODEL
    fields: Mapping[str, Any] = field(default_factory=dict)
    least_seconds: float = 0


@contextmanager
def running(
    command: list[str],
    environment: dict[str, str] | None = None,
    sockets: tuple[int, ...] = (),
    output: IO[str] | None = None,
) -> Iterator[psutil.Process]:
    """A child process, ended with its own children at the end; killed if it does not end.

    `output` takes what it prints, in place of this program's own.
    """
    with subprocess.Popen(command, env=environment, cwd=ROOT, pass_fds=sockets, stdout=output, stderr=output) as child:
        try:
            yield psutil.Process(child.pid)
        finally:
            end(child)


def end(child: subprocess.Popen[Any]) -> None:
    """End a process and what it has started."""
    try:
        started = psutil.Process(child.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        started = []
    child.terminate()
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
    for one in psutil.wait_procs(started, timeout=1)[1]:
        one.kill()


def until_answered(url: str, seconds: float = PATIENCE_SECONDS) -> None:
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


@dataclass(frozen=True)
class Bench:
    """Everything that is started once: a folder, the upstream, our stores, and a key. Ended with `stack`."""

    stack: ExitStack
    folder: Path
    upstream: int
    mock: psutil.Process
    environment: dict[str, str]
    key: str
    python: str

    @property
    def bearer(self) -> str:
        """The line with our key."""
        return f"authorization: Bearer {self.key}\r\n"

    def own(self, way: Way) -> Way:
        """The same way as our callers use it."""
        return Way(way.name, way.port, way.processes, self.bearer, MODEL, {"creative_level": 5})

    def forget_records(self) -> None:
        """Drop call records that wait for a worker: none runs, because two cores have no room for it."""
        with redis.Redis.from_url(self.environment["REDIS_URL"]) as client:
            client.xtrim(redis_names.CALLS, 0)


@contextmanager
def bench(python: str, models: int = 500) -> Iterator[Bench]:
    """Start the upstream, the stores with so many models in them, and the console."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-bench-")))
        folder.chmod(0o711)
        upstream = free_port()
        mock = stack.enter_context(running([sys.executable, str(HERE / "mock_upstream.py"), str(upstream)]))
        environment = stores(stack, folder) | {"PYTHONPATH": modules()}
        for verb in (["migrate"], ["collectstatic", "--no-input"]):
            set_up([sys.executable, "manage.py", *verb, "-v0", "--skip-checks"], environment)
        seed = [sys.executable, str(HERE / "seed_gateway.py"), str(upstream), "--models", str(models)]
        key = set_up(seed, environment).strip()
        console, _ = without_supervisor(0, folder / "run" / "console.sock")
        stack.enter_context(running([*console], environment))
        yield Bench(stack, folder, upstream, mock, environment, key, python)


def set_up(command: list[str], environment: dict[str, str]) -> str:
    """What a program prints that ends by itself."""
    return subprocess.run(
        command, check=True, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=SET_UP_SECONDS
    ).stdout


def direct(one: Bench) -> Way:
    """No gateway between: what the load generator and the upstream can do."""
    return one.own(Way(DIRECT, one.upstream))


def ours(one: Bench) -> Way:
    """One gateway."""
    return one.own(start_gateways(one, OURS, (0,)))


def pair(one: Bench) -> Way:
    """Two gateways that accept from one socket, as under the supervisor."""
    return one.own(start_gateways(one, PAIR, (1, 2)))


def start_gateways(one: Bench, name: str, numbers: tuple[int, ...]) -> Way:
    """Start gateways behind one listening socket."""
    port = free_port()
    _, alone = without_supervisor(port, one.folder / "run" / "console.sock")
    where = alone.index("--port")
    processes = []
    with listen(port) as listener:
        for number in numbers:
            inherited = ("--fd", str(listener.fileno()), "--number", str(number))
            command = [one.python, *alone[1:where], *inherited, *alone[where + 2 :]]
            environment = one.environment | {"PORT": str(port), "GATEWAYS_RUNNING": str(numbers[-1] + 1)}
            processes.append(one.stack.enter_context(running(command, environment, (listener.fileno(),))))
    until_answered(f"http://127.0.0.1:{port}/readyz")
    return Way(name, port, tuple(processes))


def nginx(one: Bench) -> Way:
    """One worker of nginx. Raises SystemExit if it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed: ask root for apt-get install nginx-light")
    port, config = free_port(), one.folder / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(folder=one.folder, upstream=one.upstream, port=port))
    process = one.stack.enter_context(running([program, "-c", str(config)]))
    until_answered(f"http://127.0.0.1:{port}/v1/models")
    return one.own(Way(NGINX, port, family(process)))


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
