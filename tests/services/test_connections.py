"""C1: whatever pages are asked for, a process keeps few connections to PostgreSQL, and says so in words at the cap."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from controlplane.crowd import AT_ONCE
from tests.routing.plants import Plant, until

pytestmark = pytest.mark.slow
CAP = 25
"""A web process: 20 for pages, one for the table, four for durable calls."""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"))
    try:
        made.start()
        made.collect_static()
        yield made
    finally:
        made.stop()


def connections(plant: Plant, which: str = "true") -> int:
    """Connections that programs hold to the plant's database, this look's own left out."""
    with psycopg.connect(plant.postgres.url("patchbay")) as look:
        asked = "select count(*) from pg_stat_activity where datname = 'patchbay' and pid <> pg_backend_pid() and "
        (count,) = look.execute(asked + which).fetchone() or (0,)
        return int(count)


async def statuses(plant: Plant, path: str, count: int, **options: Any) -> Counter[int]:
    """The statuses of `count` requests at once, each on a connection of its own."""
    limits = httpx.Limits(max_connections=count, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=plant.url, limits=limits, timeout=60, trust_env=False) as http:
        answers = await asyncio.gather(*(http.get(path, **options) for _ in range(count)))
    return Counter(answer.status_code for answer in answers)


def test_c1_page_loads_keep_connections_bounded(plant: Plant) -> None:
    with httpx.Client(base_url=plant.url, trust_env=False, timeout=20) as http:
        for _ in range(150):
            assert http.get("/sign-in", headers={"connection": "close"}).status_code == 200, plant.log()
    assert connections(plant) <= CAP
    for path in ("/sign-in", "/setup/nothing", "/api/models", "/"):
        seen = asyncio.run(statuses(plant, path, 64))
        assert not [status for status in seen if status >= 500], (path, seen)
        assert connections(plant) <= CAP, path


class Held:
    """Pages that wait for a table which this test has locked, until Django works on as many as it takes at once."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.lock = psycopg.connect(plant.postgres.url("patchbay"))
        self.lock.execute("lock table django_session in access exclusive mode")
        self.cookie = {"cookie": "sessionid=" + "a" * 32}
        self.pages: list[asyncio.Task[Counter[int]]] = []

    async def use_up(self) -> None:
        """Ask for more pages than Django takes at once; each of those holds a connection."""
        self.pages = [asyncio.create_task(statuses(self.plant, "/", 1, headers=self.cookie)) for _ in range(30)]
        waiting = "wait_event_type = 'Lock'"
        await asyncio.to_thread(until, lambda: connections(self.plant, waiting) == AT_ONCE, 20, self.plant.log)

    async def let_go(self) -> Counter[int]:
        """Unlock; the statuses of the pages that waited."""
        self.lock.rollback()
        self.lock.close()
        return sum(await asyncio.gather(*self.pages, return_exceptions=False), Counter[int]())


async def test_c1_a_full_console_is_said_in_words_and_the_data_plane_does_not_wait_for_it(plant: Plant) -> None:
    held = Held(plant)
    await held.use_up()
    async with httpx.AsyncClient(base_url=plant.url, timeout=20, trust_env=False) as http:
        page, rest = await asyncio.gather(
            http.get("/", headers={**held.cookie, "accept": "text/html"}),
            http.get("/api/models", headers={"authorization": f"Bearer {plant.key}"}),
        )
        assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert "loads itself again" in page.text
        assert int(page.headers["retry-after"]) > 0
        assert (rest.status_code, rest.json()["error"]["code"]) == (503, "console_busy")
        assert (await http.get("/v1/models", headers={"authorization": f"Bearer {plant.key}"})).status_code == 200
        assert (await http.get("/v1/models", headers={"authorization": "Bearer pb-unknown"})).status_code == 401
        durable = {"authorization": f"Bearer {plant.key}", "prefer": "respond-async"}
        body = {"model": "good", "messages": [{"role": "user", "content": "hi"}]}
        assert (await http.post("/v1/chat/completions", headers=durable, json=body)).status_code == 202
        ready = await http.get("/readyz")
        assert ready.status_code == 200, ready.text
    seen = await held.let_go()
    assert set(seen) == {302, 503}
    assert seen[302] == AT_ONCE
    await asyncio.to_thread(until, lambda: plant.ready()["status"] == "ready", 10, plant.log)


async def test_c1_readers_who_leave_take_no_connection_along(plant: Plant) -> None:
    for _ in range(3):
        held = Held(plant)
        await held.use_up()
        for page in held.pages:
            page.cancel()
        await asyncio.gather(*held.pages, return_exceptions=True)
        held.pages = []
        await held.let_go()
    seen = await statuses(plant, "/", 60, headers=held.cookie)
    assert set(seen) == {302}
    assert connections(plant) <= CAP


async def durable(plant: Plant) -> int:
    """The status of one durable call."""
    headers = {"authorization": f"Bearer {plant.key}", "prefer": "respond-async"}
    body = {"model": "good", "messages": [{"role": "user", "content": "hi"}]}
    async with httpx.AsyncClient(base_url=plant.url, timeout=30, trust_env=False) as http:
        return (await http.post("/v1/chat/completions", headers=headers, json=body)).status_code


async def test_m9_a_frozen_valkey_holds_up_no_durable_call_and_no_page(plant: Plant) -> None:
    assert plant.valkey.process is not None
    assert await durable(plant) == 202
    os.kill(plant.valkey.process.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            begun = time.monotonic()
            seen = await asyncio.gather(*(durable(plant) for _ in range(8)))
            assert set(seen) == {202}
            assert time.monotonic() - begun < 5
        begun = time.monotonic()
        assert set(await statuses(plant, "/sign-in", 8)) == {200}
        told = await asyncio.to_thread(plant.ready)
        assert told["status"] in ("ready", "degraded")
        assert time.monotonic() - begun < 5
    finally:
        os.kill(plant.valkey.process.pid, signal.SIGCONT)


async def test_m9_without_postgresql_pages_and_programs_are_told_so(plant: Plant) -> None:
    assert plant.postgres.process is not None
    os.killpg(plant.postgres.process.pid, signal.SIGKILL)
    plant.postgres.process.wait(10)
    cookie = {"cookie": "sessionid=" + "a" * 32}
    async with httpx.AsyncClient(base_url=plant.url, timeout=20, trust_env=False) as http:
        page = await http.get("/", headers=cookie)
        assert (page.status_code, "database" in page.text, "<h1>" in page.text) == (503, True, True)
        part = await http.get("/", headers={**cookie, "x-requested-with": "patchbay"})
        assert (part.status_code, "toast" in part.headers["hx-trigger"]) == (503, True)
        for headers in (cookie, {"authorization": f"Bearer {plant.key}"}):
            rest = await http.get("/api/models", headers=headers)
            assert (rest.status_code, rest.json()["error"]["code"]) == (503, "store_unavailable")
            assert int(rest.headers["retry-after"]) > 0
    await asyncio.to_thread(plant.postgres.start)
    assert set(await statuses(plant, "/", 8, headers=cookie)) == {302}
