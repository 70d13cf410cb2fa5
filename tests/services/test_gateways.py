"""Two gateways behind one listening socket: one is killed under load, and both share callers.

What is asked of a kill: only calls in flight break, no caller is refused, and of the records at most those are missing
that waited for their message, a fifth of a second's.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import httpx
import psutil
import psycopg
import pytest

from controlplane.services.children import wait_for
from tests.services.running import Running

pytestmark = pytest.mark.slow
CALLERS = 64
ROUNDS = 6
"""Of callers who come at once: a busy machine may hold one gateway up through one of them."""
LATE_SECONDS = 1.0
"""Records leave a gateway after 0.2 s; a busy machine takes longer."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A run with two gateways and a practice fleet."""
    one = Running(tmp_path_factory.mktemp("gateways") / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAYS", "2")
        patch.setenv("PRACTICE_LATENCY_MS", "60")
        patch.setenv("PRACTICE_TOKEN_MS", "10")
        one.begin()
    try:
        one.until("Stop with Ctrl-C")
        yield one
    finally:
        one.end()


@dataclass(frozen=True)
class Called:
    """One call: its own id, when it began and ended, whether it reached a gateway and its answer was whole."""

    name: str
    began: float
    ended: float
    reached: bool
    whole: bool


async def call(port: int, request: bytes, name: str = "") -> Called:
    """One call on a connection of its own."""
    began, answer, reached = time.monotonic(), b"", False
    with suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reached = True
        writer.write(request.replace(b"\r\n", f"\r\nx-request-id: {name}\r\n".encode(), 1) if name else request)
        while part := await reader.read(65536):
            answer += part
        writer.close()
    whole = answer.startswith(b"HTTP/1.1 200 ") and (b"[DONE]" in answer or b'"usage"' in answer)
    return Called(name, began, time.monotonic(), reached, whole)


def requests(running: Running) -> tuple[bytes, bytes]:
    """A call of a practice model that chats: whole, and streamed."""
    key = running.first_run()["api_key"]
    for model in json.loads(running.get("/v1/models", key)[1])["data"]:
        asked = [request_of(key, model["id"], stream) for stream in (False, True)]
        if all(asyncio.run(call(running.port, request)).whole for request in asked):
            return asked[0], asked[1]
    raise AssertionError("no practice model chats and streams")


def request_of(key: str, model: str, stream: bool) -> bytes:
    content = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    body = json.dumps(content).encode()
    head = ["POST /v1/chat/completions HTTP/1.1", "host: x", "connection: close", f"authorization: Bearer {key}"]
    return "\r\n".join([*head, f"content-length: {len(body)}", "", ""]).encode() + body


async def load(port: int, asked: tuple[bytes, bytes], seconds: float) -> list[Called]:
    """50 calls a second, three of ten streamed."""
    calls = []
    for number in range(round(seconds * 50)):
        calls.append(asyncio.ensure_future(call(port, asked[number % 10 < 3], f"load-{number}")))
        await asyncio.sleep(0.02)
    return await asyncio.gather(*calls)


def recorded(running: Running) -> dict[str, list[int]]:
    """The statuses of the records of each call, by its own id."""
    found: dict[str, list[int]] = {}
    stores = json.loads((running.data / "stores.json").read_text())
    with psycopg.connect(stores["DATABASE_URL"]) as connection:
        for name, status in connection.execute("select request_id, status from routing_callrecord"):
            found.setdefault(name, []).append(status)
    return found


def held_by(pid: int, port: int) -> int:
    """Connections of callers that a process holds."""
    found = psutil.Process(pid).net_connections("tcp")
    return sum(1 for one in found if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port)


async def test_both_gateways_take_callers(running: Running) -> None:
    pids = [running.pids()[f"gateway-{number}"] for number in range(2)]
    callers: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for due in range(CALLERS, (ROUNDS + 1) * CALLERS, CALLERS):
        callers += await asyncio.gather(*[asyncio.open_connection("127.0.0.1", running.port) for _ in range(CALLERS)])
        async with asyncio.timeout(20):
            while sum(shares := [held_by(pid, running.port) for pid in pids]) < due:
                await asyncio.sleep(0.05)
    for _, writer in callers:
        writer.close()
    assert sum(shares) == ROUNDS * CALLERS
    assert max(shares) <= 0.9 * ROUNDS * CALLERS, shares


def test_a_killed_gateway_costs_its_calls_in_flight_and_no_new_one(running: Running) -> None:
    asked = requests(running)
    killed_at = 0.0

    async def under_load() -> list[Called]:
        nonlocal killed_at
        calls = asyncio.ensure_future(load(running.port, asked, 6))
        await asyncio.sleep(2)
        killed_at = time.monotonic()
        os.kill(running.pids()["gateway-0"], signal.SIGKILL)
        return await calls

    before = running.pids()["gateway-0"]
    calls = asyncio.run(under_load())
    assert all(one.reached for one in calls), "the listening socket outlives the gateway"
    lost = [one for one in calls if not one.whole]
    assert all(one.began < killed_at < one.ended + 0.1 for one in lost), [one.began - killed_at for one in lost]
    assert len(lost) < len(calls) / 20
    assert running.came_back("gateway-0", before)

    due = {one.name for one in calls if one.whole and not killed_at - LATE_SECONDS < one.ended < killed_at + 0.1}
    assert len(due) > len(calls) / 2
    assert wait_for(lambda: due <= recorded(running).keys(), 30), due - recorded(running).keys()
    rows = recorded(running)
    assert all(len(statuses) == 1 for name, statuses in rows.items() if name), "no record is stored twice"
    assert not {one.name for one in lost if 200 in rows.get(one.name, [])}, "no call that broke is recorded as answered"


def test_a_page_asked_for_while_the_console_starts_again_is_answered_in_words_or_waits(running: Running) -> None:
    pid = running.killed("console")
    seen: list[int] = []
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", trust_env=False, timeout=30) as browser:
        while not seen or seen[-1] != 200:
            answer = browser.get("/sign-in", headers={"accept": "text/html"})
            seen.append(answer.status_code)
            assert answer.status_code == 200 or "The console is starting" in answer.text
            assert len(seen) < 200
    assert running.came_back("console", pid)
