"""What alerts cost: CPU of one look of the watch over 1,000 devices, PostgreSQL and Valkey included.

Ten rules, two of them over the last minutes, as many alerts firing as `--hot` says. Looks are not waited for; at one
every two seconds, half a look's CPU is that of a second.

    .venv/bin/python -m benchmarks.alerts [--devices 1000] [--looks 30] [--hot 0] [--json FILE]
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
from benchmarks.telemetry import PER_NODE, Figures, cpu, cpu_of_stores, measured_apart, node
from controlplane.base import events
from routing.alerts import watch
from routing.alerts.models import Alert, AlertRule
from routing.alerts.observing import TICK_SECONDS
from routing.history import store
from routing.models import Device, Node
from routing.samples.frames import pack

assert DJANGO_VERSION
RULES = (
    "temperature_celsius > {hot}",
    "memory_temperature_celsius > 500",
    "utilization_ratio > 2",
    "memory_used_bytes / memory_total_bytes > 1e9",
    "increase(ecc_uncorrected_errors_total[10m]) > 1e9",
    "rate(thermal_violation_seconds_total[1m]) > 1e9",
    "device_silent_seconds > 1e9",
    "max by (node) (power_watts) > 1e9",
    'power_watts{vendor="nvidia"} > 1e9 and temperature_celsius > 500',
    "avg_over_time(tensor_active_ratio[5m]) > 2",
)


def inside(devices: int, looks: int, hot: int) -> Figures:
    """The figures, in a process that knows the stores."""
    furnish(devices, hot)
    started = time.time_ns()
    spent, longest, outside = 0.0, 0.0, 0.0
    for look in range(looks):
        said = [
            pack(f"node-{number}", started, look, time.time(), node(number, 0)) for number in range(devices // PER_NODE)
        ]
        store.send(events.store(), said)
        store.keep()
        before = cpu_of_stores()
        took = cpu(watch.watch)
        outside += cpu_of_stores() - before
        spent += took if look else 0.0
        longest = max(longest, took)
    every = spent / (looks - 1)
    return {
        "one look, ms of CPU": 1000 * every,
        "the first look, with what it reads of the inventory and history, ms of CPU": 1000 * longest,
        "PostgreSQL and Valkey in a look, ms of CPU": 1000 * outside / looks,
        "all, % of one core": 100 * (every + outside / looks) / TICK_SECONDS,
        "alerts that fire": float(Alert.objects.filter(state="firing").count()),
    }


def furnish(devices: int, hot: int) -> None:
    """The inventory and ten rules, of which the first holds for `hot` devices."""
    uuids = [uuid for number in range(devices // PER_NODE) for uuid in node(number, 0).subjects]
    degrees = sorted(
        (node(at // PER_NODE, 0).subjects[uuid].values["temperature_celsius"] for at, uuid in enumerate(uuids))
    )
    threshold = degrees[-hot - 1] if 0 < hot < len(degrees) else 1000.0
    for number in range(devices // PER_NODE):
        row = Node.objects.create(name=f"node-{number}")
        Device.objects.bulk_create(
            Device(node=row, uuid=uuid, vendor="nvidia", model="H100", index=at)
            for at, uuid in enumerate(node(number, 0).subjects)
        )
    AlertRule.objects.bulk_create(
        AlertRule(name=f"R{at}", expr=text.replace("{hot}", f"{threshold:g}"), shipped=True)
        for at, text in enumerate(RULES)
    )


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--looks", type=int, default=30)
    options.add_argument("--hot", type=int, default=0)
    options.add_argument("--json", type=Path, help="write the figures here")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        sys.stdout.write(json.dumps(inside(given.devices, given.looks, given.hot)))
        return
    before = os.getloadavg()[0]
    found = measured_apart("benchmarks.alerts", "--inside", *sys.argv[1:])
    print(f"{given.devices:,} devices, {given.looks} looks; {os.cpu_count()} cores, load {before:.1f} before it")
    for name, value in found.items():
        print(f"  {name:<76} {value:>10,.2f}")
    if given.json:
        given.json.write_text(json.dumps({"load": before, **found}, indent=1))


if __name__ == "__main__":
    main()
