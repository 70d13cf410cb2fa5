"""The emulated GPUs do the practice fleet's real calls, and their exporters say so on the real wire."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from registry.emulators.fleet import EmulatedFleet, start
from registry.emulators.gpus.engines import engine_of
from registry.emulators.gpus.fleet import EmulatedGpus
from registry.emulators.gpus.physics import kernels
from registry.emulators.gpus.rack import EmulatedDevice, rack
from registry.emulators.gpus.seating import seating
from registry.emulators.latency import Latency
from registry.emulators.roster import emulated, token_bytes, weights_bytes
from routing.samples.readings import Observed, reading
from routing.telemetry import DEVICE_SOURCES, ENGINE_SOURCES
from tests.registry.emulators.conftest import Practice

MODELS, DEVICES = 64, 64
LONG = "[practice words=60]"


class Clock:
    """Seconds that a test moves on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def busy() -> AsyncIterator[Practice]:
    """64 models on 64 devices, whose answers take a while."""
    server, fleet = await start("127.0.0.1", 0, MODELS, Latency(300, 5), gpus=DEVICES)
    async with server:
        yield Practice(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", fleet)


def observed(gpus: EmulatedGpus) -> dict[str, Observed]:
    """Every device as its collector reads it; no complaint is bearable."""
    found: dict[str, Observed] = {}
    for name, live in gpus.nodes.items():
        told = reading(gpus.respond(f"{name}/metrics").body, DEVICE_SOURCES[live.node.kind.vendor])
        assert not told.complaints
        found |= told.subjects
    return found


def chat_on_devices(gpus: EmulatedGpus) -> tuple[int, tuple[EmulatedDevice, ...]]:
    chats = (number for number in gpus.seats.hot if (engine_of(number), emulated(number).type) == ("vllm", "llm"))
    number = next(chats)
    return number, gpus.seats.hot[number]


async def until(seen: Practice, number: int, running: int) -> None:
    assert seen.fleet.gpus is not None
    async with asyncio.timeout(20):
        while len(seen.fleet.gpus.meters.engines[number].calls) != running:
            await asyncio.sleep(0.005)


def test_every_device_of_the_rack_is_told_by_the_identity_that_it_has() -> None:
    gpus = EmulatedGpus(MODELS, DEVICES, Clock())
    told = observed(gpus)
    assert set(told) == {one.uuid for node in rack(DEVICES) for one in node.devices}
    for one in told.values():
        assert one.values["utilization_ratio"] == 0.0
        assert one.values["power_watts"] < 160
        assert one.values["memory_used_bytes"] > 0


def test_the_devices_of_a_model_work_while_its_call_runs_and_the_others_rest() -> None:
    clock = Clock()
    gpus = EmulatedGpus(MODELS, DEVICES, clock)
    rest = observed(gpus)
    number, group = chat_on_devices(gpus)
    ended = [gpus.working(number, (100, 300), 0.1, 40.0) for _ in range(6)]
    clock.now += 30
    working = observed(gpus)
    mine = {one.uuid for one in group}
    for uuid, before in rest.items():
        now = working[uuid].values
        if uuid in mine:
            assert 0.9 < now["utilization_ratio"] <= 1.0
            assert now["power_watts"] > 2 * before.values["power_watts"]
            assert now["temperature_celsius"] > before.values["temperature_celsius"] + 10
            cache = 6 * 400 * token_bytes(number) // len(group)
            grown = now["memory_used_bytes"] - before.values["memory_used_bytes"]
            assert grown == pytest.approx(cache, abs=2 * 2**20)
        else:
            assert now["utilization_ratio"] == 0.0
            assert now["power_watts"] == pytest.approx(before.values["power_watts"], abs=1)
    for end in ended:
        end()
    clock.now += 600
    for uuid, after in observed(gpus).items():
        assert after.values["utilization_ratio"] == 0.0
        assert after.values["power_watts"] == pytest.approx(rest[uuid].values["power_watts"], abs=1)
        assert after.values["temperature_celsius"] == pytest.approx(rest[uuid].values["temperature_celsius"], abs=1)
        assert after.values["memory_used_bytes"] == rest[uuid].values["memory_used_bytes"]


def test_tokens_are_told_while_they_are_written_and_those_of_a_caller_that_left_are_not() -> None:
    clock = Clock()
    gpus = EmulatedGpus(MODELS, DEVICES, clock)
    number, _ = chat_on_devices(gpus)
    seen = []
    for leaves in (10, 6):
        end = gpus.working(number, (100, 300), 1.0, 11.0)
        for second in range(12):
            clock.now += 1.0
            told = gpus.engine(number)
            assert told is not None
            values = reading(told.body, ENGINE_SOURCES["vllm"]).subjects[emulated(number).name].values
            seen.append(values["generation_tokens_total"])
            if second == leaves:
                end()
    assert seen == sorted(seen)
    assert (seen[0], seen[5], seen[11], seen[-1]) == (0, 150, 300, 300 + 180)


def test_one_call_for_a_quarter_of_the_time_is_a_part_of_a_quarter_of_utilisation() -> None:
    clock = Clock()
    gpus = EmulatedGpus(MODELS, DEVICES, clock)
    number, group = chat_on_devices(gpus)
    end = gpus.working(number, (10, 10), 0.0, 2.5)
    clock.now += 2.5
    end()
    clock.now += 7.5
    assert observed(gpus)[group[0].uuid].values["utilization_ratio"] == pytest.approx(
        kernels(group[0].build, 0.25, 1.0), abs=0.005
    )


def test_two_looks_within_half_a_second_are_one() -> None:
    clock = Clock()
    gpus = EmulatedGpus(MODELS, DEVICES, clock)
    clock.now += 1
    name = next(iter(gpus.nodes))
    first = gpus.respond(f"{name}/metrics").body
    clock.now += 0.2
    assert gpus.respond(f"{name}/metrics").body is first


@pytest.mark.parametrize(("models", "devices"), [(500, 64), (500, 1000), (5, 3), (64, 8)])
def test_weights_fit_and_a_model_sits_on_linked_devices_of_one_node(models: int, devices: int) -> None:
    found = seating(models, devices)
    held: dict[str, int] = {}
    nodes = {one.uuid: node.name for node in rack(devices) for one in node.devices}
    for number, group in found.hot.items():
        assert len({nodes[one.uuid] for one in group}) == 1
        assert len(group) == 1 or group[0].kind.links
        for one in group:
            held[one.uuid] = held.get(one.uuid, 0) + weights_bytes(number) // len(group)
    assert all(held.get(one.uuid, 0) <= one.kind.memory_bytes for node in rack(devices) for one in node.devices)
    assert found.hot
    assert not found.asleep & found.hot.keys()


async def test_a_real_call_runs_on_its_devices_until_its_last_byte(busy: Practice) -> None:
    assert busy.fleet.gpus is not None
    number, _ = chat_on_devices(busy.fleet.gpus)
    body = {"model": emulated(number).name, "messages": [{"role": "user", "content": LONG}]}
    async with httpx.AsyncClient(base_url=f"{busy.url}/m/{number}") as client:
        for stream in (False, True):
            call = asyncio.create_task(client.post("/v1/chat/completions", json={**body, "stream": stream}))
            await until(busy, number, 1)
            assert (await call).status_code == 200
            await until(busy, number, 0)
        told = reading((await client.get("/metrics")).content, ENGINE_SOURCES["vllm"])
    values = told.subjects[emulated(number).name].values
    assert values["requests_total"] == 2
    assert values["generation_tokens_total"] == 2 * 61
    assert values["request_seconds_total"] > 0.6


async def test_a_caller_that_leaves_frees_the_devices(busy: Practice) -> None:
    assert busy.fleet.gpus is not None
    number, _ = chat_on_devices(busy.fleet.gpus)
    body = {"model": emulated(number).name, "messages": [{"role": "user", "content": "[practice words=20000]"}]}
    async with httpx.AsyncClient(base_url=f"{busy.url}/m/{number}") as client:
        call = asyncio.create_task(client.post("/v1/chat/completions", json=body))
        await until(busy, number, 1)
        call.cancel()
    await until(busy, number, 0)


async def test_every_engine_is_read_by_its_collector(busy: Practice) -> None:
    numbers = {engine_of(number): number for number in range(1, MODELS + 1) if engine_of(number)}
    assert set(numbers) == set(ENGINE_SOURCES)
    async with httpx.AsyncClient(base_url=busy.url) as client:
        for engine, number in numbers.items():
            told = reading((await client.get(f"/m/{number}/metrics")).content, ENGINE_SOURCES[engine])
            assert not told.complaints
            assert all(one.values for one in told.subjects.values())
            assert told.subjects


async def test_an_xid_and_a_vanished_device_happen_when_asked_for(busy: Practice) -> None:
    node = rack(DEVICES)[0]
    path = f"/control/gpus/{node.name}/3"
    async with httpx.AsyncClient(base_url=busy.url) as client:

        async def look() -> dict[str, Observed]:
            return reading((await client.get(f"/gpus/{node.name}/metrics")).content, DEVICE_SOURCES["dcgm"]).subjects

        assert (await client.put(path, json={"xid": 79})).status_code == 200
        assert (await look())[node.devices[3].uuid].values["last_error"] == 79
        await client.put(path, json={"gone": True})
        assert node.devices[3].uuid not in await look()
        await client.put(path, json={"gone": False})
        assert node.devices[3].uuid in await look()
        for wrong in (b"[]", b"{", b'{"xid": "x"}', b'{"fire": 1}'):
            assert (await client.put(path, content=wrong)).status_code == 400
        assert (await client.put("/control/gpus/nowhere/1", json={})).status_code == 404
        assert (await client.get("/gpus/nowhere/metrics")).status_code == 404
        listed = (await client.get("/gpus")).json()
    assert "emulated" in listed["name"]
    assert [one["name"] for one in listed["nodes"]] == [one.name for one in rack(DEVICES)]


async def test_a_fleet_without_gpus_has_no_exporters() -> None:
    server, fleet = await start("127.0.0.1", 0, 4, Latency(0, 0))
    async with server, httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
        assert fleet.gpus is None
        assert isinstance(fleet, EmulatedFleet)
        assert (await client.get("/gpus")).status_code == 404
