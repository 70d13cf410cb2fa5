"""Whether call records say what callers received: a soak against the whole product, counted on both sides.

Callers on raw sockets read, dawdle, half-close and leave at every point of calls of every pace; some calls are durable.
Each notes what it had. Then every record in PostgreSQL must say the same: answered, refused, failed or left, and the
tokens that came. Also compared: the totals of the REST API and of /metrics. Exit status 1 if anything differs.

    python -m benchmarks.truth [--minutes 2] [--seed 1] [--per-second 50]
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

from benchmarks import truth_upstream
from benchmarks.gateway_ways import ROOT, running, stores, until_answered
from benchmarks.truth_callers import MODEL, Plan, Seen, call, draw
from controlplane.services.ports import free_port
from controlplane.services.programs import without_supervisor
from routing.outcomes import outcome

WORKER = ("worker", "-P", "threads", "-c", "8", "--without-gossip", "--without-mingle", "-l", "WARNING")
SETTLED_SECONDS = 60.0
LONGEST_SECONDS = 60.0
COLUMNS = "id, status, failure, stream, prompt_tokens, completion_tokens, usage_basis, job_id"
Row = dict[str, Any]


@dataclass(frozen=True)
class Product:
    """A running product, empty but for one model whose upstream is `upstream`."""

    port: int
    upstream: int
    key: str
    database: str

    def rows(self) -> list[Row]:
        """Every call record."""
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            rows = connection.execute(f"select {COLUMNS} from routing_callrecord").fetchall()
        return [{**row, "id": row["id"].hex, "job_id": row["job_id"] and str(row["job_id"])} for row in rows]

    def get(self, path: str) -> httpx.Response:
        """A page of the REST API or of health."""
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False, timeout=30)


@contextmanager
def product() -> Iterator[Product]:
    """Start stores, web, worker and beat with data of their own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patchbay-truth-")))
        folder.chmod(0o711)
        port, upstream = free_port(), free_port()
        named = stores(stack, folder) | {"PORT": str(port), "PYTHONPATH": str(ROOT)}
        ready = folder / "ready"
        python = sys.executable
        subprocess.run([python, "manage.py", "migrate", "-v0", "--skip-checks"], check=True, env=named, cwd=ROOT)
        seed = [python, "benchmarks/seed_gateway.py", str(upstream), "--plain", MODEL]
        key = subprocess.run(seed, check=True, env=named, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        celery = [python, "-m", "celery", "-q", "-A", "controlplane.celery:app"]
        stack.enter_context(running([*celery, *WORKER], named | {"READY_FILE": str(ready)}))
        beat = [*celery, "beat", "-s", str(folder / "beat"), "--pidfile=", "-l", "WARNING"]
        stack.enter_context(running(beat, named))
        for command in without_supervisor(port, folder / "run" / "console.sock"):
            stack.enter_context(running([*command], named))
        until_answered(f"http://127.0.0.1:{port}/readyz")
        until(ready.exists, "the worker listens")
        yield Product(port, upstream, key, named["DATABASE_URL"])


def until(condition: Any, what: str, seconds: float = SETTLED_SECONDS) -> None:
    """Wait for a condition. Raises SystemExit."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)


async def bounded(target: Product, plan: Plan, seconds: float = LONGEST_SECONDS) -> Seen:
    """One call, which must end in time. Raises SystemExit."""
    try:
        async with asyncio.timeout(seconds):
            return await call(target.port, target.key, plan)
    except TimeoutError:
        raise SystemExit(f"a caller waited {seconds:g} s: {plan}") from None


async def soak(target: Product, seconds: float, seed: int, per_second: float) -> list[Seen]:
    """Call for so long, at a steady rate that does not wait for answers; what every caller saw."""
    rng = random.Random(seed)
    server = await truth_upstream.serve(target.upstream)
    end = time.monotonic() + seconds
    calls: list[asyncio.Task[Seen]] = []
    while time.monotonic() < end:
        calls.append(asyncio.create_task(bounded(target, draw(rng))))
        await asyncio.sleep(rng.expovariate(per_second))
    seen = await asyncio.gather(*calls)
    server.close()
    return seen


def expected_status(seen: Seen) -> int:
    """What the record of a call must say."""
    if seen.status != 200 or seen.whole:
        return seen.status or 499
    return 502 if seen.plan.kind == "cut" and seen.plan.way in ("read", "dawdle") else 499


def differences(seen: Seen, row: Row) -> list[str]:
    """Where a record differs from what its caller had."""
    wrong = []
    wanted = expected_status(seen)
    if row["status"] != wanted:
        wrong.append(f"status {row['status']}, the caller had {wanted}")
    if wanted == 200:
        wrong += _tokens(seen.plan, row)
    if seen.plan.stream and seen.status == 200 and seen.whole and seen.words != seen.plan.events:
        wrong.append(f"{seen.words} words came of {seen.plan.events}")
    if seen.plan.kind == "cut" and row["completion_tokens"] != seen.words:
        wrong.append(f"{row['completion_tokens']} tokens recorded, {seen.words} came")
    if wanted == 499 and seen.words > (row["completion_tokens"] or 0):
        wrong.append(f"{row['completion_tokens']} tokens recorded, {seen.words} came before the caller left")
    return wrong


def _tokens(plan: Plan, row: Row) -> list[str]:
    """Where the token counts of a whole answer are wrong."""
    told = (row["prompt_tokens"], row["completion_tokens"], row["usage_basis"])
    wanted: tuple[Any, ...] = (truth_upstream.PROMPT_TOKENS, plan.events, "reported")
    if plan.kind == "mute":
        wanted = (None, plan.events, "estimated") if plan.stream else (None, None, "")
    return [] if told == wanted else [f"usage {told}, expected {wanted}"]


def compare(seen: Sequence[Seen], rows: Sequence[Row]) -> list[str]:
    """Everything in which the records differ from what the callers had."""
    by_id = {row["job_id"] or row["id"]: row for row in rows}
    wrong = [] if len(by_id) == len(rows) else [f"{len(rows) - len(by_id)} records stand twice"]
    for one in seen:
        row = by_id.pop(one.request_id, None) if one.request_id else None
        if row is not None:
            wrong += [f"{one.plan}: {what}" for what in differences(one, row)]
        elif one.request_id:
            wrong.append(f"{one.plan}: no record of {one.request_id}")
    nameless = Counter(expected_status(one) for one in seen if not one.request_id)
    left = Counter(row["status"] for row in by_id.values() if row["status"] != 202)
    if nameless != left:
        wrong.append(f"callers without an answer's head: {dict(nameless)}; records without a caller: {dict(left)}")
    return wrong


def totals(target: Product, seen: Sequence[Seen]) -> list[str]:
    """Where the REST API's totals, which pages show too, or /metrics differ from what the callers had."""
    wrong = []
    wanted = Counter(outcome(expected_status(one)) for one in seen)
    submitted = sum(one.plan.way == "durable" for one in seen)
    wanted["answered"] += submitted
    for word, count in wanted.items():
        told = target.get(f"/api/calls/?page_size=1&outcome={word}").json()["total"]
        if told != count:
            wrong.append(f"/api/calls says {told} {word}, the callers {count}")
    lines = target.get("/metrics").text.splitlines()
    counted = sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("patchbay_calls_total{"))
    if counted != len(seen):
        wrong.append(f"/metrics of the web process counts {counted:.0f} calls, the callers {len(seen)}")
    return wrong


def main() -> int:
    """Soak, wait for the records, compare, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=2.0)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--per-second", type=float, default=50.0)
    given = options.parse_args()
    with product() as target:
        seen = asyncio.run(soak(target, given.minutes * 60, given.seed, given.per_second))
        durable = sum(one.plan.way == "durable" for one in seen)
        wanted = len(seen) + durable
        until(lambda: len(target.rows()) >= wanted, f"{wanted} records")
        rows = target.rows()
        wrong = [*compare(seen, rows), *totals(target, seen)]
    outcomes = Counter((one.plan.way, expected_status(one)) for one in seen)
    print(f"seed {given.seed}: {len(seen)} calls ({durable} durable), {len(rows)} records, {len(wrong)} differences")
    for (way, status), count in sorted(outcomes.items()):
        print(f"  {way:14} {status} {count:6}")
    print("\n".join(wrong[:50]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
