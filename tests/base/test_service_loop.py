"""A background task that fails is begun again, and says what is wrong with it until it is well."""

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise

import pytest

from controlplane.base import service_loop
from controlplane.base.service_loop import Service


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_loop, "FIRST_PAUSE", 0.01)


async def test_work_that_fails_is_begun_again_and_its_error_is_told(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        raise ConnectionError("no store")

    service = Service("the reader", work)
    assert service.trouble == ""
    service.start()
    await until(lambda: begun >= 3)
    assert service.trouble == "the reader fails and is begun again: ConnectionError: no store"
    assert "the reader failed\nTraceback" in caplog.text
    await service.stop()
    assert service.trouble == "the reader has ended"


async def test_work_that_just_ends_is_trouble_too(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1

    service = Service("the listener", work)
    with caplog.at_level(logging.ERROR):
        service.start()
        await until(lambda: begun >= 2)
    assert service.trouble == "the listener fails and is begun again: it ended by itself"
    assert "the listener ended by itself" in caplog.text
    await service.stop()


async def test_an_old_error_is_forgotten_once_the_work_has_gone_on_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_loop, "STEADY_SECONDS", 0.05)
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ConnectionError("no store")
        await asyncio.Event().wait()

    service = Service("the reader", work)
    service.start()
    await until(lambda: begun == 2)
    await until(lambda: service.trouble == "")
    await service.stop()


async def test_pauses_grow_while_the_work_keeps_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_loop, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(service_loop, "LONGEST_PAUSE", 0.08)
    at: list[float] = []

    async def work() -> None:
        at.append(asyncio.get_running_loop().time())
        raise OSError

    service = Service("the sender", work)
    service.start()
    await until(lambda: len(at) >= 5)
    await service.stop()
    waits = [later - earlier for earlier, later in pairwise(at)]
    for waited, least in zip(waits, (0.02, 0.04, 0.08, 0.08), strict=False):
        assert waited >= least * 0.95


async def test_stopping_ends_work_in_the_middle_and_twice_does_no_harm() -> None:
    began, cleaned = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    service = Service("the writer", work)
    await service.stop()
    service.start()
    await began.wait()
    await service.stop()
    await service.stop()
    assert cleaned.is_set()
