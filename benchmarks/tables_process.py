"""The two halves of benchmarks/tables.py that need Django: filling a database, and building Tables of it beside a loop.

python -m benchmarks.tables_process seed MODELS SHAPES UPSTREAM_PORT    prints a key
python -m benchmarks.tables_process build                               prints JSON
python -m benchmarks.tables_process churn MODELS UPSTREAM_PORT          changes them all again and again, until ended
"""

import asyncio
import contextlib
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
import psutil

from controlplane.base import revision
from controlplane.base.config import store_egress_allow
from controlplane.base.models import User
from registry.access import callers
from registry.models import Model, Release
from registry.specfile.file import read, spec_digest
from routing.dataplane.plane import Plane
from routing.rows import Rows
from routing.settings import plane_settings

PROTOCOLS = ("openai", "ollama", "anthropic", "huggingface")
TICK_SECONDS = 0.001
IDLE_SECONDS = 2.0
CHURN_SECONDS = 0.5


def document(number: int, shapes: int, port: int) -> dict[str, Any]:
    """A chat model with four parameters; models whose numbers agree modulo `shapes` share an adapter.

    The first model speaks OpenAI's wire, so that benchmarks/mock_upstream.py can answer it.
    """
    shape = number % shapes
    return {
        "name": f"bench-{number}",
        "type": "llm",
        "protocol": PROTOCOLS[shape % len(PROTOCOLS)],
        "endpoint": f"http://127.0.0.1:{port}",
        "upstream_model": "mock",
        "params": {
            "creative_level": {
                "type": "float",
                "range": [0, 10],
                "upstream": "temperature",
                "convert": {"range": [0, 2]},
            },
            "max_tokens": {"type": "int", "range": [1, 100_000], "default": shape + 1},
            "top_p": {"type": "float", "range": [0, 1], "default": 0.9},
            "style": {"type": "string", "options": ["plain", "rich"], "default": "plain"},
        },
        "aliases": [f"alias-{number}"],
        "tags": ["bench"],
    }


def seed(models: int, shapes: int, port: int) -> None:
    """Write the rows and print the key."""
    assert DJANGO_VERSION
    person = User.objects.create_user("bench", role="admin")
    store_egress_allow(None, [f"127.0.0.1:{port}"])
    write([document(number, shapes, port) for number in range(models)])
    _, secret = callers.create(person, "bench", ["call", "read"], callers.KeyLimits(calls_per_minute=1_000_000))
    print(secret)


def churn(models: int, port: int) -> None:
    """Write models, each with parameters of its own, then change all of them again and again."""
    documents = [document(number, models, port) for number in range(models)]
    write([one | {"name": f"churn-{one['name']}", "aliases": []} for one in documents])
    while True:
        change(None)
        time.sleep(CHURN_SECONDS)


def write(documents: list[dict[str, Any]]) -> None:
    """Write models straight into the tables, ready to be called."""
    rows = [
        Model(name=item["name"], type="llm", protocol=item["protocol"], endpoint=item["endpoint"], state="ready")
        for item in documents
    ]
    stored = Model.objects.bulk_create(rows, batch_size=1000)
    Release.objects.bulk_create(
        [
            Release(model=model, number=1, spec=item, digest=spec_digest(read(item)))
            for model, item in zip(stored, documents, strict=True)
        ],
        batch_size=1000,
    )
    for release in Release.objects.only("pk", "model_id").iterator():
        Model.objects.filter(pk=release.model_id).update(release_id=release.pk)
    revision.bump()


@asynccontextmanager
async def ticking(into: dict[str, float], name: str) -> AsyncIterator[None]:
    """Note CPU and wall seconds of what is done inside, and the longest that a 1 ms ticker of this loop waited.

    The second wait leaves out the time that a thread of this process was ready and the machine had no processor for it.
    """
    waits, held = [0.0], [0.0]

    async def tick() -> None:
        while True:
            due, queued = time.perf_counter() + TICK_SECONDS, ready_seconds()
            await asyncio.sleep(TICK_SECONDS)
            waits.append(time.perf_counter() - due)
            held.append(max(0.0, waits[-1] - (ready_seconds() - queued)))

    task = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    into[f"{name}, CPU s"] = time.process_time() - cpu
    into[f"{name}, wall s"] = time.perf_counter() - wall
    await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    into[f"{name}, loop waited at most ms"] = max(waits) * 1000
    into[f"{name}, of it by us ms"] = max(held) * 1000
    waits.sort()
    into[f"{name}, loop waited p99 ms"] = waits[int(len(waits) * 0.99)] * 1000


def ready_seconds() -> float:
    """How long the threads of this process have been ready to run without a processor, in all (Linux's schedstat)."""
    found = 0
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += int((thread / "schedstat").read_text().split()[1])
    return found / 1e9


def change(names: list[str] | None) -> None:
    """Give models another owner, all of them without `names`, and move the revision."""
    rows = Model.objects.all() if names is None else Model.objects.filter(name__in=names)
    rows.update(owner="somebody" if names is None else "someone")
    revision.bump()


def memory() -> float:
    """The private and shared memory of this process in MB: PSS."""
    return float(psutil.Process().memory_full_info().pss) / 1e6


async def build() -> None:
    """Build Tables as a web process does, and print what each cost."""
    found: dict[str, float] = {}
    plane = Plane(plane_settings(), Rows())
    gc.collect()
    gc.freeze()
    found["memory before, MB"] = memory()
    async with ticking(found, "idle"):
        await asyncio.sleep(IDLE_SECONDS)
    async with ticking(found, "first table"):
        await plane.watcher.refresh()
    found["memory after the first table, MB"] = memory()
    found["tracked objects after it"] = len(gc.get_objects())
    await apart(change, ["bench-1"])
    async with ticking(found, "rebuild of one"):
        await plane.watcher.refresh()
    await apart(change, None)
    async with ticking(found, "rebuild of all"):
        await plane.watcher.refresh()
    found["memory after a rebuild of all, MB"] = memory()
    began = time.perf_counter()
    gc.collect()
    found["a full collection, ms"] = (time.perf_counter() - began) * 1000
    table = plane.watcher.table
    assert table is not None
    adapters = list({id(served.adapter): served.adapter for served in table.models.values()}.values())[:200]
    cpu = time.process_time()
    for adapter in adapters:
        assert adapter is not None
        adapter.compile()
    found["an adapter's code, CPU ms"] = (time.process_time() - cpu) * 1000 / len(adapters)
    found["models"], found["ready"] = len(table.models), sum(1 for each in table.models.values() if each.adapter)
    await plane.stop()
    print(json.dumps(found))


async def apart(step: Callable[..., None], *arguments: Any) -> None:
    """Run a step that uses the database in another thread."""
    await asyncio.to_thread(step, *arguments)


def main(arguments: list[str]) -> None:
    """Seed, churn or build."""
    if arguments[0] == "seed":
        seed(*map(int, arguments[1:]))
    elif arguments[0] == "churn":
        churn(*map(int, arguments[1:]))
    else:
        asyncio.run(build())


if __name__ == "__main__":
    main(sys.argv[1:])
