"""Which nodes and devices there are: the same ones in every fleet of a size, eight devices a node."""

from functools import lru_cache

import msgspec

from registry.emulators.answers import seed
from registry.emulators.gpus.hardware import MIX, DeviceKind
from registry.emulators.gpus.physics import DeviceBuild

PER_NODE = 8
ZONES, TEAMS = ("east", "west"), ("team-a", "team-b", "team-c", "team-d")


class EmulatedDevice(msgspec.Struct, frozen=True):
    """One device; `number` counts all of the fleet from 0, `index` those of its node.

    `uuid` is the identity that its exporter gives it: NVIDIA's UUID, AMD's serial number and partition, Huawei's VDie
    id.
    """

    number: int
    index: int
    uuid: str
    kind: DeviceKind
    build: DeviceBuild


class EmulatedNode(msgspec.Struct, frozen=True):
    """A machine of devices of one kind."""

    name: str
    kind: DeviceKind
    labels: dict[str, str]
    devices: tuple[EmulatedDevice, ...]


@lru_cache(maxsize=8)
def rack(devices: int) -> tuple[EmulatedNode, ...]:
    """The nodes of a fleet of so many devices."""
    return tuple(_node(number, min(PER_NODE, devices - number * PER_NODE)) for number in range(-(-devices // PER_NODE)))


def _node(number: int, devices: int) -> EmulatedNode:
    kind = MIX[number % len(MIX)]
    labels = {"emulated": "true", "team": TEAMS[number % len(TEAMS)], "zone": ZONES[number % len(ZONES)]}
    made = tuple(_device(number, index, kind) for index in range(devices))
    return EmulatedNode(f"emulated-{kind.name}-{number + 1:03d}", kind, labels, made)


def _device(node: int, index: int, kind: DeviceKind) -> EmulatedDevice:
    number = node * PER_NODE + index
    digits = f"{seed('gpu', str(number)):016x}{seed('die', str(number)):016x}"
    uuid = {
        "dcgm": f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}",
        "amd": f"{692_219_000_000 + number}/0",
        "ascend": "-".join(digits[at : at + 8].upper() for at in range(0, 32, 8)) + f"-{number:08X}",
    }[kind.vendor]
    warmer = (seed("ambient", str(number)) % 1000) / 1000
    badly_cooled = number % 29 == 5
    heat = (kind.slowdown_c - 34.0) / kind.limit_w
    build = DeviceBuild(
        ambient_c=25.0 + 0.5 * index + 2.0 * warmer,
        resistance=heat * (1.25 if badly_cooled else 0.78 + 0.08 * warmer),
        idle_factor=0.95 + 0.1 * warmer,
        host_gap=0.2 + 0.4 * (seed("host", str(number)) % 1000) / 1000,
    )
    return EmulatedDevice(number, index, uuid, kind, build)
