"""H8: a background task of the data plane that fails is told of and begins again; nothing it does is given up."""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator

import httpx
import pytest

from controlplane.base import service_loop
from controlplane.base.service_loop import Service
from tests.routing.dataplane.test_process_faults import call, upstream
from tests.routing.plants import Plant, until


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), KeyError("x"), RecursionError(), MemoryError()])
async def test_h8_a_task_that_fails_is_told_of_and_begins_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_loop, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(service_loop, "STEADY_SECONDS", 0.05)
    begun: list[int] = []
    well = asyncio.Event()

    async def work() -> None:
        begun.append(1)
        if len(begun) < 4:
            raise error
        well.set()
        await asyncio.Event().wait()

    service = Service("the sender", work)
    service.start()
    async with asyncio.timeout(20):
        await well.wait()
        assert type(error).__name__ in service.trouble
        while service.trouble:
            await asyncio.sleep(0.01)
    assert len(begun) == 4
    await service.stop()
    assert "has ended" in service.trouble


async def test_h8_a_task_that_ends_by_itself_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_loop, "FIRST_PAUSE", 0.01)
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)

    service = Service("the sender", work)
    service.start()
    async with asyncio.timeout(20):
        while len(begun) < 3:
            await asyncio.sleep(0.01)
    assert "ended by itself" in service.trouble
    await service.stop()


@pytest.fixture
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


def lowest_free(pid: int) -> int:
    """The lowest descriptor that a process has not open: with this as its limit it can open none."""
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(taken) + 1) if number not in taken)


@pytest.mark.slow
async def test_h8_without_descriptors_the_recorder_fails_and_afterwards_no_record_is_lost(plant: Plant) -> None:
    assert plant.web is not None
    assert plant.valkey.process is not None
    pid = plant.web.gateway
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    async with upstream(plant), httpx.AsyncClient(base_url=plant.url, timeout=10, trust_env=False) as http:
        os.killpg(plant.valkey.process.pid, signal.SIGKILL)
        plant.valkey.process.wait(10)
        for _ in range(5):
            assert (await call(plant))[0] == 200
        await asyncio.to_thread(until, lambda: plant.fates()["spooled"] >= 5, 40, plant.log)
        assert (await http.get("/readyz")).json()["status"] == "degraded"
        async with asyncio.timeout(20):
            # A connection that was open a moment ago leaves a free descriptor, so the limit follows.
            while "call records fails" not in (await http.get("/readyz")).text:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free(pid), limits[1]))
                await asyncio.sleep(0.1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        await asyncio.to_thread(plant.valkey.start)
        await asyncio.to_thread(until, lambda: plant.drained() == 5, 40, plant.log)
        await asyncio.to_thread(until, lambda: plant.ready()["status"] == "ready", 40, plant.log)
