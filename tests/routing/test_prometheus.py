"""A real Prometheus scrapes a running site and answers queries about its fleet."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from controlplane.services.ports import free_port
from routing.history.current import STALE_SECONDS
from tests.routing.feed_telemetry import ENGINE, STRANGER, WATTS
from tests.routing.plants import ROOT, Plant, until

pytestmark = pytest.mark.slow
CONFIG = """
global: {{scrape_interval: 3s, scrape_timeout: 3s}}
scrape_configs:
- job_name: patchbay
  static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A program that is killed at the end."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=said, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


class Prometheus:
    """Debian's program, asked over its API."""

    def __init__(self, folder: Path, target: int) -> None:
        self.port, self.folder = free_port(), folder
        (folder / "prometheus.yml").write_text(CONFIG.format(port=target))
        self.command = [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
        ]  # fmt: skip

    def asked(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each element of an instant query; none as long as it starts."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query"
        try:
            answer = httpx.get(url, params={"query": query}, trust_env=False)
        except httpx.TransportError:
            return []
        if answer.status_code == 503:
            return []
        told: Any = answer.json()
        assert told["status"] == "success", told
        return [(one["metric"], float(one["value"][1])) for one in told["data"]["result"]]

    def number(self, query: str) -> float | None:
        """The value of a query with one element."""
        found = self.asked(query)
        return found[0][1] if found else None

    def log(self) -> str:
        """What it and the feed said."""
        return "".join((self.folder / name).read_text()[-2000:] for name in ("prometheus.log", "feed.log"))


def ask_of_the_fleet(prometheus: Prometheus) -> None:
    until(lambda: prometheus.number('count(patchbay_device_power_watts{node!=""})') == 6, 20, prometheus.log)
    assert prometheus.number("count(patchbay_device_info)") == 6
    by_node = {
        labels["node"]: watts for labels, watts in prometheus.asked("sum by (node) (patchbay_device_power_watts)")
    }
    assert by_node == {node: 3 * watts for node, watts in WATTS.items()}
    assert prometheus.asked('patchbay_device_power_watts{emulated="true", index="1"}')[0][0]["device"] == "GPU-b-1"
    [(labels, celsius)] = prometheus.asked("patchbay_device_temperature_celsius")
    assert (labels["device"], labels.get("node", ""), celsius) == (STRANGER, "", 41.5)
    [(labels, running_now)] = prometheus.asked("patchbay_engine_requests_running")
    assert (labels["endpoint"], labels["model"], running_now) == (*ENGINE.removeprefix("engine:").split("/", 1), 3.0)
    rates = 'sum by (node) (rate(patchbay_device_energy_joules_total{node="a"}[15s])) / 3'
    until(lambda: abs((prometheus.number(rates) or 0.0) / WATTS["a"] - 1) < 0.2, 40, prometheus.log)


def test_prometheus_answers_queries_about_the_fleet_and_stale_devices_disappear(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    try:
        plant.start()
        prometheus = Prometheus(tmp_path, plant.port)
        feed = [sys.executable, "tests/routing/feed_telemetry.py"]
        with running(prometheus.command, dict(os.environ), tmp_path / "prometheus.log"):
            with running(feed, plant.environment, tmp_path / "feed.log"):
                ask_of_the_fleet(prometheus)
                text = httpx.get(f"{plant.url}/metrics", trust_env=False).content
            ended = time.monotonic()
            until(lambda: not prometheus.asked("patchbay_device_power_watts"), STALE_SECONDS + 10, prometheus.log)
            assert time.monotonic() - ended > STALE_SECONDS - 3
            assert prometheus.number("count(patchbay_device_info)") == 6
            assert (prometheus.number("min(patchbay_device_age_seconds)") or 0.0) > STALE_SECONDS - 1
            assert prometheus.number("min_over_time(up[1m])") == 1
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        assert (checked.returncode, checked.stderr) == (0, b""), checked.stderr
    finally:
        plant.stop()
