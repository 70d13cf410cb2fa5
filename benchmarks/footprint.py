"""Memory of everything that `make run` starts, and the model list with 5,000 models.

Starts the real thing on a fresh data folder with 500 practice models, calls it for a while, and reads each process's
proportional set size (PSS: shared pages are split between those who share them, so the sum is true) and RSS from
/proc/PID/smaps_rollup. Then plugs in 5,000 and times the model list over HTTP, one request after another.

    .venv/bin/python -m benchmarks.footprint [--models 5000] [--requests 300] [--json FILE]
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.services.running import Running

GATEWAY_GOAL_MB, ALL_GOAL_MB, PAGE_GOAL_MS, QUERIES_GOAL = 120, 900, 150, 10
PASSWORD = "a long enough password"
LISTS = (
    "/models", "/models?page=2", "/models?page=37", "/models?q=practice-1", "/models?q=nothing-like-this",
    "/models?type=chat", "/models?protocol=openai&state=ready", "/models?sort=-updated",
    "/models?q=chat&sort=name&page=2",
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One line of the report. `goal` is an upper bound in the same unit."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    def line(self) -> str:
        """The line, with its verdict if there is a goal."""
        text = f"  {self.name:<44} {self.value:>9.1f} {self.unit}"
        if self.goal is None:
            return text
        return f"{text}   goal ≤ {self.goal:g}   {'ok' if self.value <= self.goal else 'MISSED'}"


def memory(running: Running) -> Iterator[Figure]:
    """PSS of each program, its children included, and of all together."""
    assert running.process is not None
    programs = {"supervisor": [running.process.pid], **{name: _family(pid) for name, pid in running.pids().items()}}
    total = total_rss = 0.0
    for name, pids in programs.items():
        pss, rss = (sum(_rollup(pid, field) for pid in pids) for field in ("Pss", "Rss"))
        total, total_rss = total + pss, total_rss + rss
        goal = GATEWAY_GOAL_MB if name.startswith("gateway") else None
        yield Figure(f"{name} PSS ({len(pids)} processes)", pss, "MB", goal)
        yield Figure(f"{name} RSS", rss, "MB")
    yield Figure("everything PSS", total, "MB", ALL_GOAL_MB)
    yield Figure("everything RSS, shared pages counted twice", total_rss, "MB", ALL_GOAL_MB)


def _family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _rollup(pid: int, field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def call_for_a_while(running: Running, calls: int = 400) -> None:
    """Make gateways and console work: real calls to models of every kind, and pages."""
    written = running.first_run()
    with httpx.Client(
        base_url=written["base_url"], headers={"Authorization": f"Bearer {written['api_key']}"}
    ) as client:
        names = [model["id"] for model in client.get("/v1/models").json()["data"]]
        for name in random.Random(1).choices(names, k=calls):
            client.post("/v1/chat/completions", json={"model": name, "messages": [{"role": "user", "content": "hi"}]})


def sign_in(running: Running) -> httpx.Client:
    """The first account, made through the set-up link; a browser's session."""
    written = running.first_run()
    client = httpx.Client(base_url=written["base_url"], follow_redirects=True, timeout=30)
    page = client.get(written["setup_link"]).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, "the set-up page has no form"
    form = {"username": "bench", "password": PASSWORD, "language": "en", "csrfmiddlewaretoken": token[1]}
    answer = client.post(written["setup_link"], data=form)
    assert client.get("/models").url.path == "/models", f"signing in failed: {answer.status_code}"
    return client


def model_list(client: httpx.Client, requests: int) -> Iterator[Figure]:
    """Times of the model list as a person meets it: pages, searches, filters, sorts."""
    for path in LISTS:
        client.get(path)
    times: list[float] = []
    for path in random.Random(2).choices(LISTS, k=requests):
        began = time.perf_counter()
        answer = client.get(path)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
    yield Figure("model list p50", statistics.median(times), "ms")
    yield Figure("model list p95", statistics.quantiles(times, n=20)[-1], "ms", PAGE_GOAL_MS)


def queries(running: Running) -> Iterator[Figure]:
    """The most database queries that one model list takes, counted in a process of its own."""
    environment = os.environ | {"DATA_DIR": str(running.data), "PORT": str(running.port)}
    for name in ("DATABASE_URL", "REDIS_URL"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "benchmarks.count_queries", *LISTS]
    counted = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    for path, count in json.loads(counted).items():
        yield Figure(f"queries {path}", count, "", QUERIES_GOAL)


def run(models: int, requests: int) -> list[Figure]:
    """All figures, in the order of the report."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="patchbay-footprint-") as folder:
        Path(folder).chmod(0o711)
        running = Running(Path(folder) / "data", practice=500)
        try:
            running.begin()
            running.until("Stop with Ctrl-C")
            call_for_a_while(running)
            client = sign_in(running)
            figures += memory(running)
            running.end_process()
            running.practice = models
            running.begin()
            running.until("Stop with Ctrl-C", 300)
            figures += model_list(client, requests)
            figures += queries(running)
        finally:
            running.end()
    return figures


def main(arguments: list[str]) -> int:
    """Print the report; the exit code is 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description="Memory of everything, and the model list with many models.")
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    load = os.getloadavg()
    figures = run(given.models, given.requests)
    print(
        f"{os.cpu_count()} cores, load {load[0]:.1f} before the start. A busy machine makes times worse, not sizes.\n"
    )
    print("\n".join(figure.line() for figure in figures))
    if given.json:
        report: dict[str, Any] = {"load_before": load[0], "figures": [asdict(figure) for figure in figures]}
        given.json.write_text(json.dumps(report, indent=1))
    return int(any(figure.goal is not None and figure.value > figure.goal for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
