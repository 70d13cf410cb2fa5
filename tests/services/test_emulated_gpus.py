"""`make run` with emulated GPUs: real calls warm the devices of their model, through every part of the product."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controlplane.services.children import wait_for
from registry.emulators.gpus.engines import engine_of
from registry.emulators.gpus.rack import rack
from registry.emulators.gpus.seating import seating
from registry.emulators.roster import emulated
from tests.services.running import Running

MODELS, DEVICES = 16, 64
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
Values = dict[str, dict[str, float]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One run for both tests, in which every device is discovered, seated and told of."""
    one = Running(tmp_path_factory.mktemp("run") / "data", practice=MODELS, gpus=DEVICES)
    try:
        until_alive(one)
        yield one
    finally:
        one.end()


def told(running: Running) -> dict[str, dict[str, Any]]:
    """Every device of the REST API, by uuid."""
    given = running.get(f"/api/devices/?page_size={DEVICES}", running.first_run()["api_key"])[1]
    return {one["uuid"]: one for one in json.loads(given)["results"]}


def values(running: Running) -> Values:
    """What is known now of each device that somebody reports."""
    return {uuid: {name: one["value"] for name, one in row["latest"].items()} for uuid, row in told(running).items()}


def call(running: Running, model: str) -> None:
    """A long answer, through the gateway."""
    messages = [{"role": "user", "content": "[practice words=1800]"}]
    body = json.dumps({"model": model, "messages": messages, "max_tokens": 2000}).encode()
    headers = {"Authorization": f"Bearer {running.first_run()['api_key']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{running.port}/v1/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def until_alive(running: Running) -> None:
    """Wait until every device is discovered, seated and told of; all of it is called emulated."""
    running.begin()
    printed = running.until("Stop with Ctrl-C", 150)
    assert f"GPU fleet (emulated): {DEVICES} devices on 8 nodes" in printed
    assert wait_for(lambda: sum(map(bool, values(running).values())) == DEVICES, 20)
    rows = told(running)
    assert {row["node"] for row in rows.values()} == {node.name for node in rack(DEVICES)}
    assert {row["vendor"] for row in rows.values()} == {"nvidia", "amd", "ascend"}
    key = running.first_run()["api_key"]
    assert all(node["emulated"] for node in json.loads(running.get("/api/nodes/", key)[1])["results"])


def test_a_storm_of_calls_warms_the_devices_of_its_model_and_no_others(running: Running) -> None:
    hot = seating(MODELS, DEVICES).hot
    number = next(one for one in hot if engine_of(one) and emulated(one).type == "llm")
    mine = {one.uuid for one in hot[number]}
    rest = values(running)
    crowd = ThreadPoolExecutor(12)
    storm = [crowd.submit(call, running, emulated(number).name) for _ in range(12)]

    def warm() -> bool:
        now = values(running)
        return all(
            now[uuid]["utilization_ratio"] > 0.9 and now[uuid]["power_watts"] > 1.8 * rest[uuid]["power_watts"]
            for uuid in mine
        )

    assert wait_for(warm, 20), values(running)
    now = values(running)
    for uuid in rest.keys() - mine:
        assert now[uuid]["utilization_ratio"] == 0
        assert now[uuid]["power_watts"] == pytest.approx(rest[uuid]["power_watts"], abs=1.5)
    for caller in storm:
        caller.result()
    hottest = max(values(running)[uuid]["temperature_celsius"] for uuid in mine)
    assert hottest > max(rest[uuid]["temperature_celsius"] for uuid in mine) + 2

    def resting() -> bool:
        now = values(running)
        return all(
            now[uuid]["utilization_ratio"] == 0 and now[uuid]["power_watts"] < 1.1 * rest[uuid]["power_watts"]
            for uuid in mine
        )

    assert wait_for(resting, 20), values(running)
    assert wait_for(lambda: max(values(running)[uuid]["temperature_celsius"] for uuid in mine) < hottest, 40), values(
        running
    )
    energy = {
        uuid: values(running)[uuid].get("energy_joules_total", 1e9) - rest[uuid].get("energy_joules_total", 0)
        for uuid in mine
    }
    assert all(spent > 500 for spent in energy.values())


def test_a_device_that_vanishes_in_the_middle_of_a_call_breaks_nothing_and_its_models_move(running: Running) -> None:
    hot = seating(MODELS, DEVICES).hot
    number = next(one for one in hot if emulated(one).type == "llm")
    device = hot[number][0]
    node = next(one for one in rack(DEVICES) if device in one.devices)
    control = f"http://{running.first_run()['practice_address']}/control/gpus/{node.name}/{device.index}"

    def happen(gone: bool) -> None:
        request = urllib.request.Request(control, json.dumps({"gone": gone}).encode(), method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    with ThreadPoolExecutor(1) as caller:
        answered = caller.submit(call, running, emulated(number).name)
        assert wait_for(lambda: values(running)[device.uuid]["utilization_ratio"] > 0, 20)
        happen(gone=True)
        assert wait_for(lambda: told(running)[device.uuid]["state"] == "gone", 20)
        answered.result()
    assert [uuid for uuid, row in told(running).items() if row["state"] == "gone"] == [device.uuid]
    name = emulated(number).name
    assert wait_for(lambda: name not in {one["model"] for one in told(running)[device.uuid]["placements"]}, 90)
    happen(gone=False)
    assert wait_for(lambda: told(running)[device.uuid]["state"] == "ready", 20)
    new = [uuid for uuid, row in told(running).items() if name in {one["model"] for one in row["placements"]}]
    with ThreadPoolExecutor(1) as caller:
        answered = caller.submit(call, running, name)
        assert wait_for(lambda: all(values(running)[uuid]["utilization_ratio"] > 0 for uuid in new), 20)
        assert values(running)[device.uuid]["utilization_ratio"] == 0
        answered.result()
