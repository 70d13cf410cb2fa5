"""The emulated GPU fleet as its exporters tell of it.

/gpus                        the nodes, with the kind and the path of each one's exporter
/gpus/<node>/metrics         a node's exporter: DCGM's, AMD's or npu-exporter's
/m/<n>/metrics               the model server of model n
/gpus/residence              which model sits on which devices, is being loaded, or leaves
PUT /control/gpus/<node>/<index>  {"xid": 79, "gone": true, "ambient_c": 45} happens to one device
PUT /control/gpus/residence/<n>  {"devices": [uuid, …], "loaded": false} moves model n

A device's state moves on when its exporter is asked, in steps of at least half a second: nobody who asks, no cost.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from registry.emulators.answers import seed
from registry.emulators.gpus import amd, ascend, dcgm, engines
from registry.emulators.gpus.meters import CallMeters, DeviceMeter, EmulatedCall
from registry.emulators.gpus.physics import (
    DeviceBuild,
    DeviceLoad,
    Physical,
    after,
    at_rest,
    events,
    kernels,
    memory_used,
)
from registry.emulators.gpus.rack import EmulatedDevice, EmulatedNode, rack
from registry.emulators.gpus.residence import ModelResidence, Residence
from registry.emulators.gpus.sample import DeviceSample
from registry.emulators.gpus.seating import FILLED, Seating, seating
from registry.emulators.wire import NotJson, WireAnswer, WireCall, from_json, to_json

LEAST_STEP_S = 0.5
RESIDENCE = "residence"
"""The address of where models sit, beside those of nodes."""
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_EXPORTERS = {"dcgm": dcgm, "amd": amd, "ascend": ascend}
_CORRECTED_S, _UNCORRECTED_S = 1800.0, 40 * 3600.0
"""Seconds between ECC events of the worst device; most have a hundred times as long."""


class LiveDevice(msgspec.Struct):
    """A device that runs: its state, what its meter said at the last look, and what was done to it from outside."""

    device: EmulatedDevice
    build: DeviceBuild
    state: Physical
    seen: DeviceMeter = msgspec.field(default_factory=DeviceMeter)
    gone: bool = False
    xid: int = 0


class LiveNode(msgspec.Struct):
    """A node that runs, with the text that its exporter told at the last look."""

    node: EmulatedNode
    devices: list[LiveDevice]
    template: bytes = b""
    text: bytes = b""
    looked_at: float = 0.0


class EmulatedGpus:
    """`devices` GPUs under a practice fleet of `models`. `clock` gives seconds, monotonic."""

    def __init__(self, models: int, devices: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self.seats: Seating = seating(models, devices)
        self.residence = Residence(self.seats.hot)
        self.meters = CallMeters()
        self.nodes: Mapping[str, LiveNode] = {node.name: _started(node, self._began) for node in rack(devices)}
        self._devices = {one.uuid: one for node in rack(devices) for one in node.devices}
        self._models = models

    def working(self, number: int, tokens: tuple[int, int], first_s: float, lasts_s: float) -> Callable[[], None]:
        """The devices of model `number` begin a call of so many tokens, of its prompt and written; call it to end.

        It is to write its first token after `first_s` and its last after `lasts_s`.
        """
        now = self._clock()
        group = self.residence.begin(number, now)
        call = EmulatedCall(number, *tokens, began=now, first_s=first_s, lasts_s=lasts_s, devices=group)
        self.meters.begin(call)
        return partial(self._rest, call)

    def respond(self, path: str) -> WireAnswer:
        """The answer at /gpus/…"""
        name, _, rest = path.strip("/").partition("/")
        if not name:
            listed = [_listed(live.node) for live in self.nodes.values()]
            return WireAnswer(to_json({"name": "GPU fleet (emulated)", "nodes": listed}))
        if (name, rest) == (RESIDENCE, ""):
            told = {str(number): _resident(one) for number, one in self.residence.all(self._clock()).items()}
            return WireAnswer(to_json({"models": told}))
        node = self.nodes.get(name)
        if node is None or rest != "metrics":
            words = f"The GPU fleet (emulated) has exporters at /gpus/<node>/metrics; there is none at {path}.\n"
            return WireAnswer(words.encode(), 404, "text/plain")
        return WireAnswer(self._exposition(node), content_type=TEXT)

    def engine(self, number: int) -> WireAnswer | None:
        """What the model server of model `number` tells at /metrics; None if it tells nothing."""
        now = self._clock()
        room = sum(int(one.kind.memory_bytes * (1 - FILLED)) for one in self.residence.on(number, now))
        written = self.meters.written(number, now)
        text = engines.exposition(number, self.meters.engines[number], written, room)
        return None if text is None else WireAnswer(text, content_type=TEXT)

    def control(self, call: WireCall) -> WireAnswer:
        """Let something happen to one device, or move a model."""
        parts = call.path.strip("/").split("/")[2:]
        if parts[:1] == [RESIDENCE]:
            return self._moved(parts[1:], call)
        node = self.nodes.get(parts[0]) if len(parts) == 2 else None
        one = next((one for one in node.devices if str(one.device.index) == parts[1]), None) if node else None
        if node is None or one is None:
            return _told(404, "the control addresses of devices are /control/gpus/<node>/<index>")
        try:
            wish = msgspec.convert(from_json(call.body), DeviceWish)
        except (NotJson, msgspec.ValidationError) as error:
            return _told(400, f"the body is not what happens to a device: {error}")
        one.xid = one.xid if wish.xid is None else wish.xid
        one.gone = one.gone if wish.gone is None else wish.gone
        if wish.ambient_c is not None:
            one.build = msgspec.structs.replace(one.build, ambient_c=wish.ambient_c)
        node.template = node.text = b""
        return _told(200, "it happens")

    def _moved(self, parts: list[str], call: WireCall) -> WireAnswer:
        number = int(parts[0]) if len(parts) == 1 and parts[0].isdecimal() and len(parts[0]) < 10 else 0
        if not 1 <= number <= self._models:
            return _told(404, "the control addresses of models are /control/gpus/residence/<number>")
        try:
            wish = msgspec.convert(from_json(call.body), ResidenceWish)
            group = tuple(self._devices[uuid] for uuid in wish.devices)
        except KeyError as error:
            return _told(400, f"there is no device {error}")
        except (NotJson, msgspec.ValidationError) as error:
            return _told(400, f"the body does not say where the model is to sit: {error}")
        if wish.loaded or not group:
            self.residence.put(number, group)
        else:
            self.residence.move(number, group, self._clock())
        return _told(200, "it happens")

    def _rest(self, call: EmulatedCall) -> None:
        self.residence.end(call.model, call.devices)
        self.meters.end(call, self._clock())

    def _exposition(self, live: LiveNode) -> bytes:
        now = self._clock()
        if live.text and now - live.looked_at < LEAST_STEP_S:
            return live.text
        exporter = _EXPORTERS[live.node.kind.vendor]
        samples = [self._look(one, now - live.looked_at, now) for one in live.devices]
        told = [one for one, device in zip(samples, live.devices, strict=True) if not device.gone]
        live.template = live.template or exporter.prepared(live.node, [one.device for one in told])
        live.text, live.looked_at = exporter.exposition(live.template, told), now
        return live.text

    def _look(self, live: LiveDevice, seconds: float, now: float) -> DeviceSample:
        meter, seen = self.meters.device(live.device.number, now), live.seen
        busy_s = meter.busy_s - seen.busy_s
        load = DeviceLoad()
        if busy_s > 0 and seconds > 0:
            calls = (meter.call_s - seen.call_s) / busy_s
            share = min(1.0, busy_s / seconds)
            load = DeviceLoad(kernels(live.build, share, calls), calls, (meter.tokens - seen.tokens) / seconds)
        live.state = after(live.state, live.device.kind, live.build, load, seconds)
        live.seen = msgspec.structs.replace(meter)
        luck = seed("ecc", str(live.device.number))
        slow, phase = 1.0 if luck % 16 == 0 else 100.0, (luck >> 8) % 1000 / 1000
        elapsed = now - self._began
        weights, models = self.residence.held(live.device.number, now)
        return DeviceSample(
            live.device, live.state, load, memory_used(live.device.kind, weights, meter.cache_bytes), models,
            events(elapsed, _CORRECTED_S * slow, phase), events(elapsed, _UNCORRECTED_S * slow, phase), live.xid,
        )  # fmt: skip


class DeviceWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to a device: an XID, that it is gone from its exporter (or back), the air around it in °C."""

    xid: int | None = None
    gone: bool | None = None
    ambient_c: float | None = None


class ResidenceWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a model is to sit, by the uuids of devices: loaded there in its time, or there already."""

    devices: tuple[str, ...]
    loaded: bool = False


def _started(node: EmulatedNode, now: float) -> LiveNode:
    devices = [LiveDevice(one, one.build, at_rest(one.kind, one.build)) for one in node.devices]
    return LiveNode(node, devices, looked_at=now)


def _listed(node: EmulatedNode) -> dict[str, Any]:
    return {
        "name": node.name, "kind": node.kind.vendor, "labels": node.labels, "devices": len(node.devices),
        "path": f"/gpus/{node.name}/metrics",
    }  # fmt: skip


def _resident(one: ModelResidence) -> dict[str, Any]:
    return {
        "on": _uuids(one.on),
        "loading": _uuids(one.load.devices) if one.load is not None else [],
        "leaving": _uuids({device for group in one.leaves() for device in group}),
    }


def _uuids(devices: Iterable[EmulatedDevice]) -> list[str]:
    return sorted(one.uuid for one in devices)


def _told(status: int, words: str) -> WireAnswer:
    return WireAnswer(to_json({"message": words}), status)
