"""What the practice fleet's calls do to devices and engines: exact integrals, kept up at each begin and end of a call.

A call runs on every device of its model, from its arrival until its last byte, or until its caller leaves.
"""

from collections import defaultdict

import msgspec

from registry.emulators.gpus.residence import Group
from registry.emulators.roster import token_bytes

SLOTS = 16
"""Calls of one model that run at once; an engine counts more as waiting, though their answers come as soon."""


class DeviceMeter(msgspec.Struct):
    """One device since the start: seconds in which a call ran, seconds of all calls, tokens, and what runs now."""

    since: float = 0.0
    running: int = 0
    cache_bytes: int = 0
    busy_s: float = 0.0
    call_s: float = 0.0
    tokens: int = 0


class EmulatedCall(msgspec.Struct, frozen=True):
    """A call that runs: model, tokens of its prompt and of its answer, when it began, and how long it will take.

    `first_s` is the time to its first token, `lasts_s` to its last. It ends on the `devices` that it began on.
    """

    model: int
    prompt: int
    written: int
    began: float
    first_s: float
    lasts_s: float
    devices: Group = ()

    def told(self, now: float) -> int:
        """How many tokens of its answer are written."""
        passed = now - self.began - self.first_s
        writing = self.lasts_s - self.first_s
        return min(self.written, int(self.written * passed / writing)) if passed > 0 and writing > 0 else 0


class EngineMeter(msgspec.Struct):
    """One model since the start: requests that ended, their tokens and seconds, and the calls that run now."""

    since: float = 0.0
    calls: list[EmulatedCall] = []
    cache_bytes: int = 0
    requests: int = 0
    prompt_tokens: int = 0
    written_tokens: int = 0
    first_s: float = 0.0
    request_s: float = 0.0
    queue_s: float = 0.0


class CallMeters:
    """The meters of a fleet. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.devices: defaultdict[int, DeviceMeter] = defaultdict(DeviceMeter)
        self.engines: defaultdict[int, EngineMeter] = defaultdict(EngineMeter)

    def begin(self, call: EmulatedCall) -> None:
        """A call arrives."""
        engine = self._change(call, call.began, 1)
        engine.calls.append(call)
        engine.prompt_tokens += call.prompt
        engine.first_s += call.first_s

    def end(self, call: EmulatedCall, now: float) -> None:
        """It has ended, or its caller has left."""
        engine = self._change(call, now, -1)
        engine.calls.remove(call)
        engine.requests += 1
        written = call.written if now >= call.began + call.lasts_s else call.told(now)
        engine.written_tokens += written
        engine.request_s += now - call.began
        for device in call.devices:
            self.devices[device.number].tokens += call.prompt + written

    def device(self, number: int, now: float) -> DeviceMeter:
        """A device's meter, brought up to now."""
        return _up_to(self.devices[number], now)

    def written(self, model: int, now: float) -> int:
        """Tokens that a model has written, those of the calls that run included."""
        engine = self.engines[model]
        return engine.written_tokens + sum(call.told(now) for call in engine.calls)

    def _change(self, call: EmulatedCall, now: float, by: int) -> EngineMeter:
        cache = by * (call.prompt + call.written) * token_bytes(call.model)
        engine = self.engines[call.model]
        engine.queue_s += max(0, len(engine.calls) - SLOTS) * max(0.0, now - engine.since)
        engine.since = now
        engine.cache_bytes += cache
        for device in call.devices:
            meter = _up_to(self.devices[device.number], now)
            meter.running += by
            meter.cache_bytes += cache // len(call.devices)
        return engine


def _up_to(meter: DeviceMeter, now: float) -> DeviceMeter:
    if meter.running:
        passed = max(0.0, now - meter.since)
        meter.busy_s += passed
        meter.call_s += passed * meter.running
    meter.since = now
    return meter
