"""How long a broken release stays in service: from its break and from its broken guard line to the old one serving all.

Starts the real thing with two gateways. Each run rolls out a release at a share of the calls, lets it answer well for
some seconds, then breaks its upstream (errors, refusals, silence, cut connections, in turn) under load. What the new
upstream sees last tells when nothing went there any more. With --kill worker, console (the web process) and, in every
other run, one of the gateways are killed at the moment of the break.

    .venv/bin/python -m benchmarks.way_back [--runs 20] [--share 25] [--rate 50] [--kill] [--json]
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg

from controlplane.services.children import alive, wait_for
from tests.services.running import Running

FAULTS = ("error", "refusal", "silence", "cut")
GOAL_S, WELL_S, QUIET_S, LIMIT_S = 5.0, 4.0, 2.5, 60.0


@dataclass
class Upstream:
    """Model servers by path: /old/N answers, /new/N too until it is broken. `last` is when /new/N was asked last."""

    broken: dict[str, str] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                _, colour, number, *_ = head.split(b" ", 2)[1].decode().split("/")
                if colour == "new":
                    self.last[number] = time.time()
                fault = self.broken.get(number, "") if colour == "new" else ""
                if fault == "cut":
                    break
                if fault == "silence":
                    await asyncio.sleep(30)
                    break
                writer.write(_answer(colour, fault))
                await writer.drain()
        writer.close()


def _answer(colour: str, fault: str) -> bytes:
    message = {"role": "assistant", "content": colour}
    body: dict[str, Any] = {
        "id": "u", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip
    status = {"error": 500, "refusal": 400}.get(fault, 200)
    data = json.dumps({"error": {"message": fault}} if fault else body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


@dataclass
class Run:
    """One break, in seconds. `lost` are calls whose gateway was killed under them, `failed` every other failed call."""

    fault: str
    found_s: float = 0.0
    back_s: float = 0.0
    whole_s: float = 0.0
    calls: int = 0
    failed: int = 0
    lost: int = 0


@contextmanager
def patchbay(folder: Path) -> Iterator[Running]:
    """A whole Patchbay with two gateways."""
    running = Running(folder / "data", practice=1)
    os.environ["GATEWAYS"] = "2"
    try:
        running.begin()
        running.until("Stop with Ctrl-C", 180)
        yield running
    finally:
        running.end()


def seeded(running: Running, port: int, count: int, share: int) -> dict[str, Any]:
    """Models with updates that start by themselves."""
    stores = json.loads((running.data / "stores.json").read_text())
    environment = {**os.environ, **stores, "DATA_DIR": str(running.data)}
    environment["DJANGO_SETTINGS_MODULE"] = "controlplane.settings"
    command = [sys.executable, "-m", "benchmarks.way_back_seed", str(port), str(count), str(share)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


class Bench:
    """The runs, one after another, against one Patchbay."""

    def __init__(self, running: Running, upstream: Upstream, rate: float, kill: bool) -> None:
        self.running, self.upstream, self.rate, self.kill = running, upstream, rate, kill
        self.killed: dict[str, int] = {}

    async def all(self, port: int, count: int, share: int) -> list[Run]:
        """Seed, wait until everything rolls, then break one after another."""
        seeds = await asyncio.to_thread(seeded, self.running, port, count, share)
        headers = {"authorization": f"Bearer {seeds['key']}"}
        limits = httpx.Limits(max_connections=400)
        base = f"http://127.0.0.1:{self.running.port}"
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=40, trust_env=False, limits=limits
        ) as http:
            await self._until_rolling(http, count)
            return [
                await self.one(http, number, seed["model"], seed["update"]) for number, seed in enumerate(seeds["runs"])
            ]

    async def one(self, http: httpx.AsyncClient, number: int, model: str, update: str) -> Run:
        """Load, break, load on until the new upstream is left in peace."""
        run = Run(FAULTS[number % len(FAULTS)])
        calls: list[asyncio.Task[None]] = []
        begun, broke = time.time(), 0.0
        state: dict[str, Any] = {}
        asking = asyncio.create_task(self._follow(update, state))
        while not broke or not state.get("broken_at") or time.time() - self.upstream.last[str(number)] < QUIET_S:
            calls.append(asyncio.create_task(_call(http, model, run)))
            await asyncio.sleep(1 / self.rate)
            if not broke and time.time() - begun > WELL_S:
                broke = time.time()
                self.upstream.broken[str(number)] = run.fault
                if self.kill:
                    await asyncio.to_thread(self._kill, number)
            if broke and time.time() - broke > LIMIT_S:
                raise SystemExit(f"{model} with {run.fault} was not rolled back in {LIMIT_S:g} s: {state}")
        asking.cancel()
        await asyncio.gather(*calls)
        found, last = state["broken_at"].timestamp(), self.upstream.last[str(number)]
        run.calls = len(calls)
        run.found_s, run.back_s, run.whole_s = found - broke, max(last - found, 0.0), last - broke
        await asyncio.to_thread(self._await_killed)
        return run

    async def _follow(self, update: str, state: dict[str, Any]) -> None:
        """Keep `state` at what PostgreSQL has of a rollout; the console may be killed meanwhile."""
        url = json.loads((self.running.data / "stores.json").read_text())["DATABASE_URL"]
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            while True:
                asked = "select broken_at, readings->'calls' from versions_rollout where update_id = %s"
                row = await (await connection.execute(asked, [update])).fetchone()
                assert row is not None
                state.update(broken_at=row[0], calls=row[1])
                await asyncio.sleep(0.2)

    def _kill(self, number: int) -> None:
        pids = self.killed = self.running.pids()
        for name in ("worker", "console", *(("gateway-0",) if number % 2 else ())):
            with suppress(ProcessLookupError):
                os.kill(pids[name], signal.SIGKILL)

    def _runs(self, name: str) -> bool:
        pid = self.running.pids().get(name)
        return pid is not None and alive(pid) is not None

    def _await_killed(self) -> None:
        """Wait until what was killed runs again; the supervisor waits longer each time that a program dies."""
        for name, pid in self.killed.items():
            if not wait_for(partial(self._runs, name), LIMIT_S):
                raise SystemExit(f"{name} ({pid}) did not come back")

    async def _until_rolling(self, http: httpx.AsyncClient, count: int) -> None:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            with suppress(httpx.HTTPError, ValueError, KeyError):
                if (await http.get("/api/rollouts?state=rolling")).json()["total"] == count:
                    return
            await asyncio.sleep(0.5)
        raise SystemExit("the rollouts did not start")


async def _call(http: httpx.AsyncClient, model: str, run: Run) -> None:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    try:
        answer = await http.post("/v1/chat/completions", json=body)
        run.failed += answer.status_code != 200
    except httpx.TransportError:
        run.lost += 1


async def measured(running: Running, runs: int, share: int, rate: float, *, kill: bool) -> list[Run]:
    """All runs against one Patchbay."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0, backlog=1024)
    try:
        return await Bench(running, upstream, rate, kill).all(server.sockets[0].getsockname()[1], runs, share)
    finally:
        server.close()


def report(runs: list[Run]) -> dict[str, Any]:
    """The figures of all runs."""
    back, whole = [run.back_s for run in runs], [run.whole_s for run in runs]
    return {
        "runs": len(runs),
        "back_s": {"median": round(statistics.median(back), 2), "most": round(max(back), 2), "goal": GOAL_S},
        "break_to_back_s": {"median": round(statistics.median(whole), 2), "most": round(max(whole), 2)},
        "calls": sum(run.calls for run in runs),
        "failed": sum(run.failed for run in runs),
        "lost": sum(run.lost for run in runs),
        "each": [asdict(run) for run in runs],
    }


def main() -> None:
    """The command line."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--runs", type=int, default=20)
    given.add_argument("--share", type=int, default=25)
    given.add_argument("--rate", type=float, default=50.0)
    given.add_argument("--kill", action="store_true")
    given.add_argument("--json", action="store_true")
    options = given.parse_args()
    with tempfile.TemporaryDirectory() as folder, patchbay(Path(folder)) as running:
        runs = asyncio.run(measured(running, options.runs, options.share, options.rate, kill=options.kill))
    found = report(runs)
    if options.json:
        print(json.dumps(found))
        return
    for name in ("back_s", "break_to_back_s"):
        print(f"{name:<16} median {found[name]['median']:>6.2f} s   most {found[name]['most']:>6.2f} s")
    print(f"calls {found['calls']}, failed {found['failed']}, lost with a killed gateway {found['lost']}")


if __name__ == "__main__":
    main()
