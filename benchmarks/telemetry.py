"""What live telemetry costs and how fresh it is: 1,000 devices at 1 Hz, charts of a month, the text for Prometheus.

Devices stand in nodes of 8, and each tells every series that dcgm-exporter gives with all its fields. Stores are
embedded ones, and their CPU counts. The real programs (collector, worker, beat) scrape emulated exporters over real
sockets; the parts are measured tick after tick, in one process, without waiting: CPU per tick is CPU a second.

    .venv/bin/python -m benchmarks.telemetry [--devices 1000] [--live 60] [--history-days 30] [--json [FILE]]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.gateway_ways import ROOT, stores
from benchmarks.telemetry_history import history
from benchmarks.telemetry_live import live
from controlplane.base import events
from controlplane.services.ports import free_port
from routing.dataplane.scrape import zipped
from routing.history import current, latest, rolling, store
from routing.metrics import DeviceLabels, families
from routing.samples.dimensions import SERIES
from routing.samples.families import written
from routing.samples.frames import Frame, pack
from routing.samples.readings import Observed, SourceReading, reading
from routing.telemetry import DEVICE_SOURCES

PER_NODE = 8
EXPOSITION = "tests/routing/telemetry/expositions/dcgm-4.2.txt"
Figures = dict[str, float]
assert DJANGO_VERSION


def node(number: int, tick: int) -> SourceReading:
    """What one node says at a tick: values that differ from each other and from those before."""
    given = sorted({rule.series for rules in DEVICE_SOURCES["dcgm"].rules.values() for rule in rules})
    devices = range(PER_NODE)
    return SourceReading({
        f"GPU-{number:04}-0000-4000-8000-00000000000{one}": Observed(
            values={name: _value(name, number * 31 + one * 7 + tick * 13) for name in given}
        )
        for one in devices
    })  # fmt: skip


def _value(name: str, mixed: int) -> float:
    flag = SERIES[name].unit in ("ratio", "flag", "volts")
    return (mixed % 97) / 97 if flag else float(mixed % 211)


def cpu_of_stores() -> float:
    """CPU seconds of PostgreSQL and Valkey, which the parent started."""
    found = 0.0
    for process in psutil.Process(os.getppid()).children(recursive=True):
        if process.pid != os.getpid():
            spent = process.cpu_times()
            found += spent.user + spent.system
    return found


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds that this process spends on `work`."""
    before = time.process_time()
    work()
    return time.process_time() - before


def packed(frames: list[Frame], said: list[SourceReading], tick: int, at: float) -> None:
    """Append a frame for each node's reading."""
    frames.extend(pack(f"node-{number}", 1, tick, at, one) for number, one in enumerate(said))


def inside(devices: int, ticks: int) -> Figures:
    """The figures, in a process that knows the stores."""
    client, nodes, start = events.store(), devices // PER_NODE, time.time() - ticks
    spent = dict.fromkeys(("pack", "send", "store", "latest"), 0.0)
    outside, began = cpu_of_stores(), time.monotonic()
    for tick in range(ticks):
        said = [node(number, tick) for number in range(nodes)]
        frames: list[Frame] = []
        spent["pack"] += cpu(partial(packed, frames, said, tick, start + tick))
        spent["send"] += cpu(partial(store.send, client, frames))
        spent["store"] += cpu(store.keep)
        spent["latest"] += cpu(lambda: latest.by_subject(*latest.read(client)))
    wall, outside = time.monotonic() - began, cpu_of_stores() - outside
    rolled_before = cpu_of_stores()
    rolled = cpu(lambda: rolling.roll(start + 1200))
    rolled += cpu_of_stores() - rolled_before
    figures = {f"{name}, ms of CPU a second": 1000 * one / ticks for name, one in spent.items()}
    figures["PostgreSQL and Valkey, ms of CPU a second"] = 1000 * outside / ticks
    figures["summing up, ms of CPU a second"] = 1000 * rolled / ticks
    return figures | {"all, % of one core": sum(figures.values()) / 10, "series a device": _series(), "wall s": wall}


def _series() -> float:
    return float(len(next(iter(node(0, 0).subjects.values())).values))


def parsing() -> Figures:
    """CPU of reading one exposition of a node of two devices, ours and prometheus_client's."""
    body = (ROOT / EXPOSITION).read_bytes()
    ours = cpu(lambda: [reading(body, DEVICE_SOURCES["dcgm"]) for _ in range(200)])
    theirs = cpu(lambda: [list(text_string_to_metric_families(body.decode())) for _ in range(200)])
    return {"reading an exposition, ms": ours * 5, "the same by prometheus_client, parsing alone, ms": theirs * 5}


def scraping(devices: int) -> Figures:
    """Writing the fleet's part of /metrics, and its size."""
    found = [
        latest.LatestFrame(100.0, pack(f"node-{one}", 1, 1, 100.0, node(one, 1))) for one in range(devices // PER_NODE)
    ]
    known = current.CurrentValues(latest.by_subject(found, 100.5), time.monotonic(), "")
    labels = {uuid: DeviceLabels(uuid, one.source, "nvidia", "NVIDIA H100 80GB HBM3", "0", "false", "ready")
              for uuid, one in known.by_subject.items()}  # fmt: skip
    text: list[bytes] = []
    took = cpu(lambda: text.append(written(families(known, labels))))
    packed_in = cpu(lambda: text.append(zipped(text[0])))
    return {
        "/metrics: series": float(text[0].count(b"\n") - 2 * text[0].count(b"# HELP")),
        "/metrics: MB, plain": len(text[0]) / 1e6, "/metrics: MB, gzip": len(text[1]) / 1e6,
        "/metrics: writing it, ms": 1000 * took, "/metrics: gzip, ms": 1000 * packed_in,
    }  # fmt: skip


PARTS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "parts": lambda given: inside(given.devices, given.ticks),
    "live": lambda given: live(given.devices, given.live),
    "history": lambda given: history(given.devices, given.history_days),
}


def measured_apart(module: str, *options: str) -> Figures:
    """What `python -m module` prints with these options in a process of its own, over fresh stores of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-bench-")))
        folder.chmod(0o711)
        environment = stores(stack, folder) | {"PYTHONPATH": str(ROOT), "PORT": str(free_port())}
        migrate = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
        subprocess.run(migrate, check=True, env=environment, cwd=ROOT)
        command = [sys.executable, "-m", module, *options]
        answer = subprocess.run(command, check=True, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        found: Figures = json.loads(answer.stdout)
        return found


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--ticks", type=int, default=60, help="ticks of the parts, one after the other; 0: none")
    options.add_argument("--live", type=int, default=60, help="seconds that the real programs are watched; 0: none")
    options.add_argument("--history-days", type=int, default=0, help="days of history that charts are read of")
    options.add_argument(
        "--json", nargs="?", const="-", help="write the figures as JSON, to this file or to the output"
    )
    options.add_argument("--inside", choices=PARTS, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        sys.stdout.write(json.dumps(PARTS[given.inside](given)))
        return
    found: dict[str, Any] = {"devices": given.devices, "cores": os.cpu_count(), "load before": os.getloadavg()[0]}
    for part, wanted in (("live", given.live), ("history", given.history_days), ("parts", given.ticks)):
        if wanted:
            found |= measured_apart("benchmarks.telemetry", *sys.argv[1:], "--inside", part)
    found |= parsing() | scraping(given.devices) | {"load after": os.getloadavg()[0]}
    text = json.dumps(found, indent=1)
    if given.json == "-":
        print(text)
        return
    if given.json:
        Path(given.json).write_text(text)
    for name, value in found.items():
        print(f"  {name:<64} {value:>12,.2f}")


if __name__ == "__main__":
    main()
