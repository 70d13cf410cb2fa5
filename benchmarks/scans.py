"""The daily scan of many unchanged sources on an emulated hub: seconds and requests.

    .venv/bin/python -m benchmarks.scans --sources 500 --json

It runs against its own PostgreSQL and Valkey. Every source is scanned once before the clock starts; then each is due,
its daily scan included, and what is measured is one round of polls in this process, with the threads of one worker.
"""

import argparse
import json
import time
from datetime import timedelta

import django

from tests.stores import name_stores, start_stores

name_stores()
start_stores()
django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from controlplane.base import config  # noqa: E402
from controlplane.base.jobs import engine  # noqa: E402
from registry.models import Model  # noqa: E402
from tests.versions.sources.conftest import RunningHub, hub_on_a_socket  # noqa: E402
from versions import polling, scanning  # noqa: E402
from versions.models import Scan, Source  # noqa: E402

FILES = {"config.json": b'{"a": 1}', "tokenizer.json": b"{}", "model.safetensors": b"w" * 1000}


def prepare(running: RunningHub, count: int) -> None:
    """Sources that were scanned yesterday."""
    for number in range(count):
        running.hub.push(f"org/model-{number}", {**FILES, "README.md": str(number).encode()})
    names = [f"model-{number}" for number in range(count)]
    rows = Model.objects.bulk_create(
        [Model(name=name, type="llm", protocol="openai", endpoint="http://127.0.0.1:1") for name in names]
    )
    now = timezone.now()
    Source.objects.bulk_create(
        Source(name=row.name, kind="huggingface", location=f"{running.url}/org/{row.name}", model=row, due_at=now)
        for row in rows
    )
    polling.work()
    engine.work({scanning.KIND: scanning.run})
    day_ago = timezone.now() - timedelta(days=1, minutes=1)
    Source.objects.update(full_at=day_ago, due_at=now)


def measure(running: RunningHub, count: int) -> dict[str, float | int]:
    """One round of polls with the daily scan due, in the threads of one worker."""
    running.hub.counters.clear()
    scans, began, cpu = Scan.objects.count(), time.monotonic(), time.process_time()
    polling.wake()
    while Source.objects.filter(due_at__lte=timezone.now() + timedelta(seconds=polling.CLAIM_SECONDS)).exists():
        time.sleep(0.05)
    seconds = time.monotonic() - began
    fresh = Source.objects.filter(full_at__gte=timezone.now() - timedelta(hours=1)).count()
    return {
        "sources": count,
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "requests": running.hub.counters["requests"],
        "not_modified": running.hub.counters["status:304"],
        "vouched_for": fresh,
        "scans_made": Scan.objects.count() - scans,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    config.store_egress_allow(None, ["127.0.0.0/8"])
    with hub_on_a_socket() as running:
        prepare(running, given.sources)
        found = measure(running, given.sources)
    if given.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>14}: {value}")


if __name__ == "__main__":
    main()
