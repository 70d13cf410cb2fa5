"""C4: a Valkey that takes nothing more fails no call: records wait on disk, limits go by part."""

import asyncio
from collections.abc import Iterator

import pytest
import redis

from controlplane.services.valkey import MEMORY
from tests.routing.dataplane.test_process_faults import call, upstream
from tests.routing.plants import Plant, until

pytestmark = pytest.mark.slow


@pytest.fixture
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    made = Plant(tmp_path_factory.mktemp("plant"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


async def test_c4_a_full_valkey_fails_no_call_and_loses_no_record(plant: Plant) -> None:
    store = redis.Redis.from_url(plant.valkey.url)
    limited = plant.key_for(2)
    assert MEMORY == "512mb"
    assert store.config_get("maxmemory") == {"maxmemory": str(512 * 1024 * 1024)}
    assert store.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    async with upstream(plant):
        store.config_set("maxmemory", "1")
        assert [(await call(plant))[0] for _ in range(5)] == [200] * 5
        assert [(await call(plant, key=limited))[0] for _ in range(5)] == [200] * 5
        await asyncio.to_thread(until, lambda: plant.fates()["spooled"] == 10, 40, plant.log)
        told = await asyncio.to_thread(plant.ready)
        assert told["status"] == "degraded"
        assert any("spooled on disk" in reason for reason in told["reasons"])
        assert any("Redis does not count calls" in reason for reason in told["reasons"])
        store.config_set("maxmemory", MEMORY)
        await asyncio.to_thread(until, lambda: plant.drained() == 10, 40, plant.log)
        await asyncio.to_thread(until, lambda: plant.ready()["status"] == "ready", 40, plant.log)
        assert plant.fates()["dropped"] == 0
