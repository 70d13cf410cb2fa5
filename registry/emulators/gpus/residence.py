"""Which models sit on which emulated devices, as it changes: a model is loaded elsewhere before it leaves a device.

Its calls go on where it was until the load is done; then new ones go to the new devices. The memory of the old ones is
free once the last call there has ended.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from registry.emulators.gpus.rack import EmulatedDevice
from registry.emulators.roster import weights_bytes

LOADED_BYTES_PER_S = 2e9
"""How fast weights come into a device: those of 40 GB take 20 s."""
Group = tuple[EmulatedDevice, ...]


class EmulatedLoad(msgspec.Struct, frozen=True):
    """A model that is being loaded."""

    devices: Group
    began: float
    lasts_s: float


class ModelResidence(msgspec.Struct):
    """A model's devices: where its new calls run, where it is being loaded, and how many calls run on each group."""

    on: Group = ()
    load: EmulatedLoad | None = None
    calls: dict[Group, int] = {}

    def leaves(self) -> list[Group]:
        """Groups where it takes no new call and an old one runs."""
        return [group for group, running in self.calls.items() if running and group and group != self.on]


class Residence:
    """The models of a fleet, each where `hot` says at first. Times are seconds of one monotonic clock."""

    def __init__(self, hot: Mapping[int, Group]) -> None:
        self._models: defaultdict[int, ModelResidence] = defaultdict(ModelResidence)
        self._there: defaultdict[int, set[int]] = defaultdict(set)
        for number, group in hot.items():
            self._models[number].on = group
            self._come(number, group)

    def on(self, number: int, now: float) -> Group:
        """The devices that a new call of a model runs on; none for a model that sits nowhere."""
        return self.of(number, now).on

    def begin(self, number: int, now: float) -> Group:
        """The devices of a call that begins."""
        one = self.of(number, now)
        one.calls[one.on] = one.calls.get(one.on, 0) + 1
        return one.on

    def end(self, number: int, group: Group) -> None:
        """A call that ran on these devices has ended."""
        one = self._models[number]
        one.calls[group] -= 1
        if not one.calls[group]:
            del one.calls[group]

    def move(self, number: int, group: Group, now: float) -> None:
        """Begin to load a model on other devices; where it is already, a load elsewhere is given up."""
        one = self.of(number, now)
        one.load = None if group == one.on else EmulatedLoad(group, now, weights_bytes(number) / LOADED_BYTES_PER_S)
        self._come(number, group)

    def put(self, number: int, group: Group) -> None:
        """Let a model sit on these devices from now on, as if it had always been so; on none if there are none."""
        one = self._models[number]
        one.on, one.load = group, None
        self._come(number, group)

    def of(self, number: int, now: float) -> ModelResidence:
        """Where a model is now."""
        one = self._models[number]
        if one.load is not None and now >= one.load.began + one.load.lasts_s:
            one.on, one.load = one.load.devices, None
        return one

    def all(self, now: float) -> dict[int, ModelResidence]:
        """Every model that sits anywhere, is being loaded, or leaves."""
        every = ((number, self.of(number, now)) for number in sorted(self._models))
        return {number: one for number, one in every if one.on or one.load or one.leaves()}

    def held(self, device: int, now: float) -> tuple[int, int]:
        """The bytes of weights on a device, by its number, and of how many models. A load holds what has come."""
        total, models = 0, 0
        for number in list(self._there[device]):
            one = self.of(number, now)
            shares = [1.0 / len(group) for group in {one.on, *one.leaves()} if _has(group, device)]
            if one.load is not None and _has(one.load.devices, device) and one.load.devices not in one.leaves():
                shares.append(min(1.0, (now - one.load.began) / one.load.lasts_s) / len(one.load.devices))
            if not shares:
                self._there[device].discard(number)
                continue
            total += int(weights_bytes(number) * sum(shares))
            models += 1
        return total, models

    def _come(self, number: int, group: Group) -> None:
        for one in group:
            self._there[one.number].add(number)


def _has(group: Sequence[EmulatedDevice], device: int) -> bool:
    return any(one.number == device for one in group)
