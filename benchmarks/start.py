"""How long a gateway takes until it answers, and what it holds and uses when nobody calls it.

The real gateway program, rows out of an embedded PostgreSQL, half as many sets of parameters as models. `first` is a
start on an empty data folder, `again` one that finds the kept copy of the table; both read PostgreSQL before they
answer. Memory is PSS after 200 calls.

    .venv/bin/python -m benchmarks.start [--models 500,10000] [--starts 3] [--idle 10] [--json FILE]
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

from benchmarks.gateway_ways import HERE, ROOT, running, stores
from benchmarks.tables import process
from controlplane.services.ports import free_port
from controlplane.services.programs import without_supervisor

PATIENCE_SECONDS = 60.0
CALLS = 200
GOAL_MB, GOAL_IDLE = 120.0, 5.0
GOALS = {500: 2.0, 10_000: 4.0}
Figures = dict[str, float]


def until(answered: Callable[[], bool]) -> None:
    """Ask again until an address answers as wished. Raises SystemExit."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if answered():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.01)
    raise SystemExit(f"no answer as wished within {PATIENCE_SECONDS:g} s")


def cpu(pid: int) -> float:
    """Seconds of CPU that all threads of a process took so far, exact to the microsecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def start(environment: dict[str, str], key: str, models: int, idle: float) -> Figures:
    """Start a gateway once: until it serves so many models, until a first call is answered, then memory and rest."""
    port = free_port()
    _, command = without_supervisor(port, Path(environment["DATA_DIR"]) / "nowhere.sock")
    url, headers = f"http://127.0.0.1:{port}", {"authorization": f"Bearer {key}"}
    body = {"model": "bench-0", "messages": [{"role": "user", "content": "hi"}]}
    with httpx.Client(trust_env=False, timeout=30, base_url=url, headers=headers) as client:
        began = time.perf_counter()
        with running([*command], environment | {"PORT": str(port)}) as gateway:
            until(lambda: client.get("/readyz").json().get("models") == models)
            ready, used = time.perf_counter() - began, cpu(gateway.pid)
            until(lambda: client.post("/v1/chat/completions", json=body).status_code == 200)
            called = time.perf_counter() - began
            for number in range(CALLS):
                client.post("/v1/chat/completions", json={**body, "model": f"bench-{number % models}"})
            before = cpu(gateway.pid)
            time.sleep(idle)
            found = {
                "ready s": ready,
                "ready CPU s": used,
                "first call s": called,
                "PSS MB": float(gateway.memory_full_info().pss) / 1e6,
                "RSS MB": float(gateway.memory_info().rss) / 1e6,
                "idle CPU ms/s": (cpu(gateway.pid) - before) / idle * 1000,
            }
            gateway.terminate()
            gateway.wait()
            return found


def measure(models: int, starts: int, idle: float) -> dict[str, Figures]:
    """Medians of first starts and of later ones with so many models."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-start-")))
        folder.chmod(0o711)
        port = free_port()
        stack.enter_context(running([sys.executable, str(HERE / "mock_upstream.py"), str(port)]))
        environment = stores(stack, folder) | {"PYTHONPATH": str(ROOT), "PORT": str(free_port())}
        migrate = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
        subprocess.run(migrate, check=True, env=environment, cwd=ROOT)
        key = process(environment, "seed", str(models), str(max(1, models // 2)), str(port)).strip()
        rounds: dict[str, list[Figures]] = {"first": [], "again": []}
        for _ in range(starts):
            for copy in Path(environment["DATA_DIR"]).glob("snapshot.json*"):
                copy.unlink()
            for found in rounds.values():
                found.append(start(environment, key, models, idle))
        return {
            name: {figure: statistics.median(each[figure] for each in found) for figure in found[0]}
            for name, found in rounds.items()
        }


def missed(models: int, found: dict[str, Figures]) -> list[str]:
    """The goals that were not reached, in words."""
    goals = {"ready s": GOALS.get(models), "PSS MB": GOAL_MB if models <= 500 else None, "idle CPU ms/s": GOAL_IDLE}
    return [
        f"{models} models, {name}: {figure} {figures[figure]:.2f}, goal {goal:g}"
        for name, figures in found.items()
        for figure, goal in goals.items()
        if goal is not None and figures[figure] > goal
    ]


def main(arguments: list[str]) -> int:
    """Measure, print, perhaps write JSON; the exit code is 1 if a goal was missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", default="500,10000", help="how many models, with commas")
    options.add_argument("--starts", type=int, default=3, help="starts of each kind; medians are shown")
    options.add_argument("--idle", type=float, default=10.0, help="seconds without calls that CPU is counted in")
    options.add_argument("--json", type=Path, help="write the figures here")
    given = options.parse_args(arguments)
    load, sizes = os.getloadavg()[0], [int(text) for text in given.models.split(",")]
    found = {models: measure(models, given.starts, given.idle) for models in sizes}
    print(f"{os.cpu_count()} cores, load {load:.1f} before it")
    for models, each in found.items():
        for name, figures in each.items():
            words = ", ".join(f"{figure} {value:.2f}" for figure, value in figures.items())
            print(f"  {models:>6,} models, {name}: {words}")
    failed = [line for models, each in found.items() for line in missed(models, each)]
    print("\n".join(["MISSED:", *failed] if failed else ["every goal was reached"]))
    if given.json:
        given.json.write_text(json.dumps({"load": load, "models": found, "missed": failed}, indent=1))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
