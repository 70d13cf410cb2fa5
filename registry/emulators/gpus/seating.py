"""Which model of the practice fleet sits on which emulated devices: the same answer for the same two sizes.

Models that are called most take their seats first. What finds no room is asleep in host memory or cold; a tenth each
is so wherever there is room, because real fleets have such models too.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec

from registry.emulators.answers import seed
from registry.emulators.gpus.rack import EmulatedDevice, rack
from registry.emulators.roster import weights_bytes

FILLED = 0.8
"""Of a device's memory, how much weights may take; the rest is for the KV cache of calls."""
TRIED = 24
"""Groups of devices that are looked at for one model."""


class Seating(msgspec.Struct, frozen=True):
    """`hot`: devices by number of a model, which share its weights evenly. `asleep`: numbers of models."""

    hot: dict[int, tuple[EmulatedDevice, ...]]
    asleep: frozenset[int]


def popularity(models: int) -> list[int]:
    """Numbers of models, the most called first."""
    return sorted(range(1, models + 1), key=lambda number: seed("popularity", str(number)))


@lru_cache(maxsize=8)
def seating(models: int, devices: int) -> Seating:
    """Who sits where in a fleet of so many models and devices."""
    free = [int(one.kind.memory_bytes * FILLED) for node in rack(devices) for one in node.devices]
    groups = {width: list(_groups(devices, width)) for width in (1, 2, 4, 8)}
    at = dict.fromkeys(groups, 0)
    hot, asleep = {}, set()
    for number in popularity(models):
        kind = seed("seat", str(number)) % 20
        width = _width(weights_bytes(number), devices >= 2 * models)
        share = weights_bytes(number) // width
        tried = _next(groups[width], at[width]) if kind > 3 else []
        fitting = [group for group in tried if min(free[one.number] for one in group) >= share]
        if not fitting:
            asleep |= {number} if kind % 2 else set()
            continue
        at[width] += 1
        best = max(fitting, key=lambda group: min(free[one.number] / one.kind.memory_bytes for one in group))
        hot[number] = best
        for one in best:
            free[one.number] -= share
    return Seating(hot, frozenset(asleep))


def elsewhere(number: int, width: int, devices: int, free: Mapping[str, int]) -> tuple[EmulatedDevice, ...]:
    """So many devices that model `number` may move to, the emptiest; none if it fits nowhere.

    `free`: bytes that weights may still take, by the uuids of those devices that take something new.
    """
    share = weights_bytes(number) // width
    fitting = [
        group for group in _groups(devices, width) if all(free.get(one.uuid, -1) >= share for one in group)
    ]  # fmt: skip
    return max(fitting, key=lambda group: min(free[one.uuid] / one.kind.memory_bytes for one in group), default=())


def _width(weights: int, roomy: bool) -> int:
    """Over how many devices a model is split."""
    for width, least in ((8, 80), (4, 40), (2, 20)) if roomy else ((2, 48),):
        if weights >= least * 10**9:
            return width
    return 1


def _groups(devices: int, width: int) -> Iterator[tuple[EmulatedDevice, ...]]:
    """Neighbours of one node that a model is split over; only linked devices share one."""
    for node in rack(devices):
        if width > 1 and not node.kind.links:
            continue
        for first in range(0, len(node.devices) - width + 1, width):
            yield node.devices[first : first + width]


def _next(groups: list[tuple[EmulatedDevice, ...]], at: int) -> list[tuple[EmulatedDevice, ...]]:
    """Some groups after the last one that was taken, one of every few, so that neighbours fill up evenly."""
    stride = max(1, len(groups) // TRIED)
    return [groups[(at + step * stride) % len(groups)] for step in range(min(TRIED, len(groups)))]
