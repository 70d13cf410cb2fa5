"""Other gateways, installed on demand below a folder of their own, so that nothing of theirs meets our environment.

Each checks a key where it can without a database, knows one model, and writes no log of calls: its best case. Envoy has
one worker thread, like one process of ours; ferrogw and SMG use as many threads as they like, as they come.
"""

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_ways import HERE, PATIENCE_SECONDS, Bench, Way, family, running, until_answered
from controlplane.services.ports import free_port

ENVOY, FERROGW, SMG, LITELLM, PORTKEY = "envoy", "ferrogw", "smg", "litellm", "portkey"
INSTALL_SECONDS = 600
SLOW_SECONDS = 8.0
KEY = "sk-benchmark"
FIELDS = {"temperature": 1}
PORTKEY_VERSION = "1.15.2"
ENVOY_CONFIG = """
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: upstream, timeout: 0s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: upstream
    type: STATIC
    circuit_breakers: {{thresholds: [{{max_connections: 4096, max_pending_requests: 4096, max_requests: 4096}}]}}
    load_assignment:
      cluster_name: upstream
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {upstream}}}}}}}
"""
LITELLM_CONFIG = """
model_list:
- model_name: mock
  litellm_params: {{model: openai/mock, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false}}
"""


class Absent(Exception):
    """Why a rival cannot take part."""


@dataclass(frozen=True)
class Homes:
    """Where rivals are installed."""

    folder: Path

    def python(self, requirements: str) -> Path:
        """The `bin` of an environment that holds what a file of requirements names. Raises Absent."""
        wanted, home = HERE / requirements, self.folder / Path(requirements).stem
        note = home / "installed.txt"
        if not note.exists() or note.read_text() != wanted.read_text():
            venv.create(home, clear=True, with_pip=True)
            install([str(home / "bin" / "pip"), "install", "-q", "-r", str(wanted)], self.folder)
            note.write_text(wanted.read_text())
        return home / "bin"

    def node(self) -> Path:
        """Portkey's start program. Raises Absent."""
        npm, home = shutil.which("npm"), self.folder / "portkey"
        if npm is None or shutil.which("node") is None:
            raise Absent("node and npm are not installed: ask root for apt-get install nodejs npm")
        start = home / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
        if not start.exists():
            home.mkdir(parents=True, exist_ok=True)
            # Its streams fail with a newer @hono/node-server than the one it was made for.
            wanted = {"dependencies": {"@portkey-ai/gateway": PORTKEY_VERSION}}
            wanted["overrides"] = {"@hono/node-server": "1.13.8"}
            (home / "package.json").write_text(json.dumps(wanted))
            install([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"], home)
        return start


def install(command: list[str], folder: Path) -> None:
    """Run an installer. Raises Absent."""
    print("installing:", " ".join(command), file=sys.stderr)
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Absent(f"it did not install within {INSTALL_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or ["it said nothing"]
        raise Absent(f"it does not install: {said[-1]}") from None


def started(one: Bench, command: list[str], more: dict[str, str], port: int) -> Way:
    """Start a rival, and wait until it answers. The environment holds none of our settings. Raises Absent."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    log = one.stack.enter_context((one.folder / f"{port}.log").open("w"))
    process = one.stack.enter_context(running(command, kept | more, output=log))
    try:
        until_answered(f"http://127.0.0.1:{port}/", PATIENCE_SECONDS)
    except SystemExit as error:
        raise Absent(str(error)) from None
    return Way("", port, family(process))


def bearer(key: str) -> str:
    """A line of a head."""
    return f"authorization: Bearer {key}\r\n"


def envoy(one: Bench, homes: Homes) -> Way:
    """Envoy's bare proxy with one worker."""
    port, config = free_port(), one.folder / "envoy.yaml"
    program = homes.python("requirements.txt") / "envoy"
    config.write_text(ENVOY_CONFIG.format(port=port, upstream=one.upstream))
    command = [str(program), "-c", str(config), "--concurrency", "1", "-l", "error", "--disable-hot-restart"]
    way = started(one, command, {}, port)
    return Way(ENVOY, port, way.processes, bearer(KEY), "mock", FIELDS)


def ferrogw(one: Bench, homes: Homes) -> Way:
    """The Go gateway of Ferro Labs; its master key is asked for."""
    port, config = free_port(), one.folder / "ferrogw.yaml"
    program = homes.python("requirements.txt") / "ferrogw"
    config.write_text("strategy: {mode: fallback}\ntargets: [{virtual_key: openai}]\n")
    settings = {
        "PORT": str(port), "MASTER_KEY": KEY, "GATEWAY_CONFIG": str(config), "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{one.upstream}/v1", "LOG_LEVEL": "warn",
        "FERRO_MODEL_CATALOG_TIMEOUT": "0", "RATE_LIMIT_RPS": "1000000", "RATE_LIMIT_BURST": "1000000",
    }  # fmt: skip
    way = started(one, [str(program), "serve"], settings, port)
    return Way(FERROGW, port, way.processes, bearer(KEY), "gpt-4o-mini", FIELDS)


def smg(one: Bench, homes: Homes) -> Way:
    """The Rust router SMG (Shepherd Model Gateway); its key is asked for."""
    port, metrics = free_port(), free_port()
    program = homes.python("requirements.txt") / "smg"
    command = [str(program), "launch", "--backend", "openai", "--worker-urls", f"http://127.0.0.1:{one.upstream}"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--prometheus-port", str(metrics)]
    way = started(one, [*command, "--api-key", KEY, "--log-level", "error"], {}, port)
    return Way(SMG, port, way.processes, bearer(KEY), "mock", FIELDS)


def litellm(one: Bench, homes: Homes) -> Way:
    """LiteLLM's proxy with one worker and its master key, without a database."""
    port, config = free_port(), one.folder / "litellm.yaml"
    program = homes.python("requirements-litellm.txt") / "litellm"
    config.write_text(LITELLM_CONFIG.format(upstream=one.upstream, key=KEY))
    command = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    way = started(one, command, {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}, port)
    return Way(LITELLM, port, way.processes, bearer(KEY), "mock", FIELDS, SLOW_SECONDS)


def portkey(one: Bench, homes: Homes) -> Way:
    """Portkey's gateway on node; it asks for no key of its own."""
    port, upstream = free_port(), f"http://127.0.0.1:{one.upstream}/v1"
    command = ["node", str(homes.node()), f"--port={port}", "--headless"]
    way = started(one, command, {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}, port)
    lines = f"{bearer(KEY)}x-portkey-provider: openai\r\nx-portkey-custom-host: {upstream}\r\n"
    return Way(PORTKEY, port, way.processes, lines, "mock", FIELDS, SLOW_SECONDS / 2)


RIVALS: dict[str, Callable[[Bench, Homes], Way]] = {
    ENVOY: envoy, FERROGW: ferrogw, SMG: smg, PORTKEY: portkey, LITELLM: litellm,
}  # fmt: skip
