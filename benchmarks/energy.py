"""What energy costs: CPU of settling 1,000 devices at 1 Hz with 500 models on them, under calls, per second settled.

Devices stand in nodes of 8 and tell what dcgm-exporter gives with all its fields; each model sits on two devices. Of
the calls one in a hundred lasts five minutes, so that old windows are shared out anew. Stores are embedded ones, and
their CPU counts. Time is not waited for: what is settled covers `--seconds` after ten minutes of warming up.

    .venv/bin/python -m benchmarks.energy [--devices 1000] [--calls 100] [--seconds 300] [--json FILE]
"""

import argparse
import json
import os
import random
import sys
import time
import uuid
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
from django.db import connection
from django.db.models import Sum

from benchmarks.telemetry import PER_NODE, Figures, cpu, cpu_of_stores, measured_apart, node
from registry.models import Model
from routing.calls import records
from routing.dataplane.recorder import Record
from routing.energy import settling
from routing.energy_tables import DeviceEnergyDay, ModelEnergyDay
from routing.history import store
from routing.models import Device, Node, Placement, StoredReplica
from routing.samples.frames import Frame, pack

MODELS = 500
RUN = 30
"""Seconds between two runs of the worker."""
assert DJANGO_VERSION


def furnish(devices: int) -> None:
    """Nodes, devices, and models that sit on two devices each."""
    names = [uuid for number in range(devices // PER_NODE) for uuid in node(number, 0).subjects]
    nodes = Node.objects.bulk_create(Node(name=f"node-{number}") for number in range(devices // PER_NODE))
    made = Device.objects.bulk_create(
        Device(node=nodes[place // PER_NODE], uuid=name, vendor="nvidia", model="H100")
        for place, name in enumerate(names)
    )
    models = Model.objects.bulk_create(
        Model(name=f"m{number}", type="chat", protocol="openai", endpoint="http://x") for number in range(MODELS)
    )
    replicas = StoredReplica.objects.bulk_create(
        StoredReplica(model=model, endpoint="http://x:80", state="warm") for model in models
    )
    Placement.objects.bulk_create(
        Placement(replica=replica, device=made[(2 * number + beside) % len(made)], memory_bytes=1)
        for number, replica in enumerate(replicas)
        for beside in (0, 1)
    )


def frames(devices: int, tick: int, at: float) -> list[Frame]:
    """What all nodes say at a tick: power that varies, and a counter that follows it."""
    found = []
    for number in range(devices // PER_NODE):
        said = node(number, tick)
        for one in said.subjects.values():
            one.values["power_watts"] = 100.0 + (tick * 7 + number) % 400
            one.values["energy_joules_total"] = 300.0 * tick
        found.append(pack(f"node-{number}", 1, tick, at, said))
    return found


def calls(count: int, ended: float, chance: random.Random) -> list[Record]:
    """Calls that ended within this second, one in a hundred after five minutes."""
    found = []
    for _ in range(count):
        lasted = 300.0 if chance.random() < 0.01 else chance.uniform(0.05, 8)
        began = datetime.fromtimestamp(ended - chance.random() - lasted, UTC)
        key, model = chance.randrange(20), f"m{min(MODELS - 1, int(chance.expovariate(0.02)))}"
        found.append(
            Record(str(uuid.uuid4()), began, model, "chat", key, "http://x:80", 200, "", "", False, 1, lasted * 1000,
                   None, 100, 200, "reported", (), 1)
        )  # fmt: skip
    return found


def inside(devices: int, rate: int, seconds: int) -> Figures:
    """The figures, in a process that knows the stores."""
    furnish(devices)
    chance, warm = random.Random(7), 600
    start = int(time.time()) // 10 * 10 - warm - seconds
    settling.settle(start + settling.GRACE)
    spent = {"settling": 0.0, "PostgreSQL for settling": 0.0}
    for tick in range(warm + seconds):
        at = start + tick
        store.store([(at, one) for one in frames(devices, tick, at)])
        records.store(calls(rate, at, chance))
        if tick % RUN == RUN - 1:
            before = cpu_of_stores()
            own = cpu(partial(settling.settle, at))
            if tick >= warm:
                spent["settling"] += own
                spent["PostgreSQL for settling"] += cpu_of_stores() - before
    return figures(spent, seconds)


def figures(spent: dict[str, float], seconds: int) -> Figures:
    """What was spent, and how large the tables are."""
    with connection.cursor() as cursor:
        cursor.execute("select relid::regclass::text, pg_total_relation_size(relid) from pg_stat_user_tables")
        sizes: dict[str, int] = dict(cursor.fetchall())
        cursor.execute("select count(*) from energy_window")
        windows = cursor.fetchone()[0]
    found = {f"{name}, ms of CPU a second": 1000 * one / seconds for name, one in spent.items() if one}
    found["all, % of one core"] = sum(found.values()) / 10
    for table in ("energy_window", "energy_rate"):
        whole = sum(size for name, size in sizes.items() if name.startswith(table))
        found[f"{table}, MB a day"] = whole / windows * 8640 / 1e6
    for table in ("routing_modelenergyday", "routing_deviceenergyday"):
        found[f"{table}, MB a day"] = sizes[table] / 1e6
    of_devices = DeviceEnergyDay.objects.aggregate(whole=Sum("joules"), busy=Sum("busy_joules"))
    of_calls = ModelEnergyDay.objects.aggregate(whole=Sum("joules"))["whole"]
    found["calls and idle by what was measured"] = 1 + (of_calls - of_devices["busy"]) / of_devices["whole"]
    return found


def main() -> None:
    """Measure, print, perhaps write JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=1000)
    options.add_argument("--calls", type=int, default=100, help="a second")
    options.add_argument("--seconds", type=int, default=300)
    options.add_argument("--json", type=Path, help="write the figures here")
    options.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.inside:
        sys.stdout.write(json.dumps(inside(given.devices, given.calls, given.seconds)))
        return
    before = os.getloadavg()[0]
    found = measured_apart("benchmarks.energy", "--inside", *sys.argv[1:])
    print(f"{given.devices:,} devices, {given.calls} calls a second; load {before:.1f} before it")
    for name, value in found.items():
        print(f"  {name:<52} {value:>12,.4f}")
    if given.json:
        given.json.write_text(json.dumps({"load": before, **found}, indent=1))


if __name__ == "__main__":
    main()
