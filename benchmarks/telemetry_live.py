"""The real programs at work: collector, worker, beat, stores; what they cost, and how old the latest values are.

Called by benchmarks.telemetry, in a process that knows the stores and is itself one reader of the latest values.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import quantiles

import psutil

from benchmarks.gateway_ways import ROOT
from benchmarks.telemetry_exporters import EPOCH, PER_NODE
from controlplane.base.config import store_egress_allow
from controlplane.base.models import User
from controlplane.services.ports import free_port
from routing.history import current
from routing.inventory import endpoints
from routing.models import Device

QUIET_SECONDS, PATIENCE_SECONDS, SETTLED_SECONDS = 20, 120, 10
LOOKS = 10
"""At how many moments of each second the ages are looked at."""
Spent = dict[str, float]


@contextmanager
def program(*command: str) -> Iterator[psutil.Process]:
    """A program that is ended afterwards."""
    running = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(20)


def spent(processes: dict[str, psutil.Process]) -> Spent:
    """CPU seconds of each program with its children, and of the stores, so far."""
    found = {name: _cpu(process) for name, process in processes.items()}
    stores = psutil.Process(os.getppid()).children()
    for store in stores:
        name = "PostgreSQL" if "postgres" in store.name() else "Valkey"
        if store.pid != os.getpid():
            found[name] = found.get(name, 0.0) + _cpu(store)
    return found


def _cpu(process: psutil.Process) -> float:
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def window(processes: dict[str, psutil.Process], seconds: float) -> Spent:
    """CPU of each in % of one core, while nothing else is done here."""
    before, began = spent(processes), time.monotonic()
    time.sleep(seconds)
    return _share(before, spent(processes), time.monotonic() - began)


def _share(before: Spent, after: Spent, seconds: float) -> Spent:
    return {name: 100 * (after[name] - before.get(name, 0.0)) / seconds for name in after}


def live(devices: int, seconds: int) -> dict[str, float]:
    """The figures of so many seconds."""
    nodes, port = devices // PER_NODE, free_port()
    engineer = User.objects.create_user("engineer", role="engineer")
    store_egress_allow(None, [f"127.0.0.1:{port}"])
    celery = ("-m", "celery", "-A", "controlplane.celery:app")
    with ExitStack() as stack:
        stack.enter_context(program("-m", "benchmarks.telemetry_exporters", str(port)))
        worker = stack.enter_context(program(*celery, "worker", "-P", "threads", "-c", "8", "--without-gossip"))
        beat = stack.enter_context(program(*celery, "beat", "-s", f"{os.environ['DATA_DIR']}/beat", "--pidfile="))
        processes = {"worker": worker, "beat": beat}
        time.sleep(SETTLED_SECONDS)
        idle = window(processes, QUIET_SECONDS)
        for node in range(nodes):
            url = f"http://127.0.0.1:{port}/{node}/metrics"
            endpoints.add(engineer, {"name": f"node-{node}", "kind": "dcgm", "url": url})
        processes["collector"] = stack.enter_context(program("manage.py", "collect"))
        _wait_for(nodes * PER_NODE)
        time.sleep(SETTLED_SECONDS)
        return _figures(processes, idle, seconds)


def _wait_for(devices: int) -> None:
    """Until every device has values, and is in the inventory if that is done in time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while Device.objects.count() < devices or len(current.current()) < devices:
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    if len(current.current()) < devices:
        raise SystemExit(f"{len(current.current())} devices have values after {PATIENCE_SECONDS} s, not {devices}")


def _figures(processes: dict[str, psutil.Process], idle: Spent, seconds: int) -> dict[str, float]:
    rng, ages, delays = random.Random(1), list[float](), list[float]()
    said: dict[str, float] = {}
    reading = 0.0
    before, began = spent(processes), time.monotonic()
    for _ in range(seconds * LOOKS):
        time.sleep(rng.uniform(0.5, 1.5) / LOOKS)
        started = time.thread_time()
        known = current.current()
        reading += time.thread_time() - started
        now = time.time() - EPOCH
        for subject, one in known.items():
            at = one.values["energy_joules_total"]
            ages.append(now - at)
            if said.get(subject) != at:
                delays.append(now - at)
                said[subject] = at
    took = time.monotonic() - began
    busy = _share(before, spent(processes), took) | {"one reader": 100 * reading / took}
    figures = {"devices in the inventory": float(Device.objects.count())}
    figures |= {f"{name}, % of one core": one for name, one in busy.items()}
    figures["all programs, % of one core"] = sum(busy.values())
    figures["the same without any telemetry, % of one core"] = sum(idle.values())
    for words, found in (("a new value is seen after, s", delays), ("age of the latest value at any moment, s", ages)):
        cuts = quantiles(found, n=100)
        figures |= {f"{words}, p50": cuts[49], f"{words}, p99": cuts[98]}
    figures["values seen of those that were told, %"] = 100 * len(delays) / (took * len(said))
    return figures
