"""What live telemetry costs: CPU a second of 1,000 devices at 1 Hz, from a reading to Redis, PostgreSQL and back.

Devices stand in nodes of 8; a node's frame has every series that dcgm-exporter gives with all its fields. Stores are
embedded ones, and their CPU counts. Ticks are not waited for: CPU per tick is CPU per second at 1 Hz.

    .venv/bin/python -m benchmarks.telemetry [--devices 1000] [--ticks 60] [--json FILE]
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
from controlplane.base import events
from controlplane.services.ports import free_port
from routing.history import latest, rolling, store
from routing.samples.dimensions import SERIES
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


def measure(devices: int, ticks: int) -> Figures:
    """Start stores, and measure in a process of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-telemetry-")))
        folder.chmod(0o711)
        environment = stores(stack, folder) | {"PYTHONPATH": str(ROOT), "PORT": str(free_port())}
        migrate = [sys.executable, "manage.py", "migrate", "-v0", "--skip-checks"]
        subprocess.run(migrate, check=True, env=environment, cwd=ROOT)
        command = [sys.executable, "-m", "benchmarks.telemetry", "--inside"]
        command += ["--devices", str(devices), "--ticks", str(ticks)]
        answer = subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True, text=True)
        found: Figures = json.loads(answer.stdout)
        return found | parsing()


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--ticks", type=int, default=60)
    options.add_argument("--json", type=Path, help="write the figures here")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        sys.stdout.write(json.dumps(inside(given.devices, given.ticks)))
        return
    before = os.getloadavg()[0]
    found = measure(given.devices, given.ticks)
    print(f"{given.devices:,} devices, {given.ticks} ticks; {os.cpu_count()} cores, load {before:.1f} before it")
    for name, value in found.items():
        print(f"  {name:<52} {value:>10,.2f}")
    if given.json:
        given.json.write_text(json.dumps({"load": before, **found}, indent=1))


if __name__ == "__main__":
    main()
