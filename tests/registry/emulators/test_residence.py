"""Models move between emulated devices: loaded elsewhere first, gone from the old ones after their last call there."""

import json

import pytest

from registry.emulators.gpus.fleet import EmulatedGpus
from registry.emulators.gpus.residence import LOADED_BYTES_PER_S
from registry.emulators.gpus.seating import FILLED, elsewhere
from registry.emulators.roster import weights_bytes
from registry.emulators.wire import WireCall
from tests.registry.emulators.test_gpus import DEVICES, MODELS, Clock, chat_on_devices, observed

MIB = 2**20


def put(gpus: EmulatedGpus, number: object, body: object) -> int:
    call = WireCall("PUT", f"/control/gpus/residence/{number}", {}, json.dumps(body).encode())
    return gpus.control(call).status


def told(gpus: EmulatedGpus, number: int) -> dict[str, list[str]]:
    models: dict[str, dict[str, list[str]]] = json.loads(gpus.respond("residence").body)["models"]
    return models.get(str(number), {})


def other(gpus: EmulatedGpus, number: int) -> str:
    """An empty device of the fleet that does not hold the model."""
    full = {one.uuid for group in gpus.seats.hot.values() for one in group}
    return next(uuid for uuid in gpus._devices if uuid not in full)


def used(gpus: EmulatedGpus, uuid: str) -> float:
    return observed(gpus)[uuid].values["memory_used_bytes"]


def test_a_model_is_loaded_elsewhere_and_leaves_after_its_last_call() -> None:
    clock = Clock()
    gpus = EmulatedGpus(MODELS, 2 * DEVICES, clock)
    number, group = chat_on_devices(gpus)
    old, new = group[0].uuid, other(gpus, number)
    share, whole = weights_bytes(number) // len(group), weights_bytes(number)
    before = {uuid: used(gpus, uuid) for uuid in (old, new)}
    end = gpus.working(number, (0, 0), 0.0, 1000.0)
    assert put(gpus, number, {"devices": [new]}) == 200
    lasts = whole / LOADED_BYTES_PER_S
    clock.now += lasts / 2
    assert told(gpus, number) == {"on": sorted(one.uuid for one in group), "loading": [new], "leaving": []}
    assert used(gpus, new) - before[new] == pytest.approx(whole / 2, abs=2 * MIB)
    assert used(gpus, old) == pytest.approx(before[old], abs=2 * MIB), "its call still runs there"
    clock.now += lasts / 2
    assert told(gpus, number) == {"on": [new], "loading": [], "leaving": sorted(one.uuid for one in group)}
    assert used(gpus, new) - before[new] == pytest.approx(whole, abs=2 * MIB)
    assert used(gpus, old) == pytest.approx(before[old], abs=2 * MIB)
    end()
    assert told(gpus, number) == {"on": [new], "loading": [], "leaving": []}
    clock.now += 1
    assert before[old] - used(gpus, old) == pytest.approx(share, abs=2 * MIB)
    done = gpus.working(number, (0, 0), 0.0, 1000.0)
    clock.now += 10
    told_now = observed(gpus)
    assert told_now[new].values["utilization_ratio"] > 0
    assert told_now[old].values["utilization_ratio"] == 0
    done()


def test_a_load_is_given_up_and_a_seat_is_taken_at_once_where_that_is_asked_for() -> None:
    clock = Clock()
    gpus = EmulatedGpus(MODELS, 2 * DEVICES, clock)
    number, group = chat_on_devices(gpus)
    mine, new = [one.uuid for one in group], other(gpus, number)
    empty = used(gpus, new)
    put(gpus, number, {"devices": [new]})
    clock.now += 1
    assert used(gpus, new) > empty
    put(gpus, number, {"devices": mine})
    clock.now += 1000
    assert told(gpus, number) == {"on": sorted(mine), "loading": [], "leaving": []}
    assert used(gpus, new) == empty
    put(gpus, number, {"devices": [new], "loaded": True})
    assert told(gpus, number)["on"] == [new]
    put(gpus, number, {"devices": []})
    assert told(gpus, number) == {}
    clock.now += 1
    assert used(gpus, new) == empty


def test_wishes_that_make_no_sense_change_nothing() -> None:
    gpus = EmulatedGpus(MODELS, DEVICES, Clock())
    number, _ = chat_on_devices(gpus)
    before = told(gpus, number)
    assert [put(gpus, one, {"devices": []}) for one in (0, MODELS + 1, "x", "1/2")] == [404] * 4
    wrong: tuple[object, ...] = ({"devices": ["GPU-x"]}, {"devices": 3}, [], {"gone": True})
    assert [put(gpus, number, body) for body in wrong] == [400] * 4
    assert told(gpus, number) == before


def test_a_model_moves_to_the_emptiest_devices_that_take_something_new() -> None:
    gpus = EmulatedGpus(MODELS, DEVICES, Clock())
    room = {one.uuid: int(one.kind.memory_bytes * FILLED) for one in gpus._devices.values()}
    uuids = list(room)
    cramped = dict.fromkeys(room, 10**9)
    number = next(n for n in range(1, MODELS) if weights_bytes(n) == 40 * 10**9)
    assert elsewhere(number, 1, DEVICES, cramped) == ()
    assert [one.uuid for one in elsewhere(number, 1, DEVICES, cramped | {uuids[5]: room[uuids[5]]})] == [uuids[5]]
    assert elsewhere(number, 2, DEVICES, cramped | {uuids[5]: room[uuids[5]]}) == ()
    pair = elsewhere(number, 2, DEVICES, room)
    assert len({uuids.index(one.uuid) // 8 for one in pair}) == 1
    assert elsewhere(number, 1, DEVICES, {}) == ()
