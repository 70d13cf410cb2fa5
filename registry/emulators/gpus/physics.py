"""The physics of an emulated device, as pure functions: from what it does to power, heat, clocks and energy.

Power follows the load between idle and the limit. The chip's temperature follows power by first-order cooling towards
`ambient + power × resistance`. A device at its power limit lowers its clock; a hot one lowers clock and power. Bits of
throttle reasons are NVML's (nvmlClocksEventReasons).
"""

from math import exp

import msgspec

from registry.emulators.gpus.hardware import DeviceKind

IDLE, POWER_CAP, THERMAL = 0x1, 0x4, 0x20
"""GpuIdle, SwPowerCap, SwThermalSlowdown."""
COOLING_S, MEMORY_COOLING_S = 40.0, 90.0
"""Time constants of the chip and of its memory."""
HOT_SHARE, COOLED_BY = 0.7, 4.0
"""Of the power limit, how much a hot device may draw; degrees below the slowdown at which it runs freely again."""
LONGEST_STEP_S, MOST_STEPS = 2.0, 100
DRIVER_BYTES = 500 * 2**20
"""Device memory that the driver keeps with nothing loaded."""


class DeviceBuild(msgspec.Struct, frozen=True):
    """One device's place: the air around it in °C, kelvin per watt to that air, and its idle power's factor.

    `host_gap` is the share of time in which it would wait for its host between the tokens of hardly any call.
    """

    ambient_c: float = 28.0
    resistance: float = 0.07
    idle_factor: float = 1.0
    host_gap: float = 0.4


class DeviceLoad(msgspec.Struct, frozen=True):
    """What a device did over some time: the share in which a kernel ran, calls at once, tokens per second."""

    busy: float = 0.0
    calls: float = 0.0
    tokens_per_s: float = 0.0

    @property
    def intensity(self) -> float:
        """How full the batches were, from 0 (nothing ran) to 1."""
        return 1.0 - exp(-self.calls / 4.0) if self.busy > 0 else 0.0


class Physical(msgspec.Struct, frozen=True):
    """A device's state. Power is the mean of the last step; energy and violations only grow."""

    temperature_c: float
    memory_c: float
    power_w: float
    energy_j: float
    sm_mhz: int
    throttled: int
    power_violation_s: float
    thermal_violation_s: float


def at_rest(kind: DeviceKind, build: DeviceBuild, energy_j: float = 0.0) -> Physical:
    """A device that has been idle for long."""
    power = kind.idle_w * build.idle_factor
    temperature = settled(build, power)
    return Physical(temperature, temperature + 3.0, power, energy_j, kind.idle_mhz, IDLE, 0.0, 0.0)


def settled(build: DeviceBuild, power_w: float) -> float:
    """The temperature in °C that a device reaches in the end at a constant power."""
    return build.ambient_c + power_w * build.resistance


def kernels(build: DeviceBuild, share: float, calls: float) -> float:
    """The share of time in which a kernel ran, of the share in which so many calls at once did, 1 or more.

    Between the tokens of few calls a device waits for its host.
    """
    return share * (1.0 - build.host_gap * exp(-calls / 3.0))


def demand(kind: DeviceKind, build: DeviceBuild, load: DeviceLoad) -> float:
    """The power in watts that the load asks for, which may be more than the limit."""
    idle = kind.idle_w * build.idle_factor
    return idle + (kind.limit_w - idle) * load.busy * (0.35 + 0.72 * load.intensity)


def after(now: Physical, kind: DeviceKind, build: DeviceBuild, load: DeviceLoad, seconds: float) -> Physical:
    """The state after `seconds` of a constant load. Nothing happens in no time."""
    step = max(LONGEST_STEP_S, seconds / MOST_STEPS)
    left, energy_before = seconds, now.energy_j
    while left > 0:
        part = min(step, left)
        now = _step(now, kind, build, load, part)
        left -= part
    if seconds <= 0:
        return now
    return msgspec.structs.replace(now, power_w=(now.energy_j - energy_before) / seconds)


def _step(now: Physical, kind: DeviceKind, build: DeviceBuild, load: DeviceLoad, seconds: float) -> Physical:
    wanted = demand(kind, build, load)
    was_hot = bool(now.throttled & THERMAL)
    hot = now.temperature_c >= kind.slowdown_c - (COOLED_BY if was_hot else 0.0)
    most = kind.limit_w * (HOT_SHARE if hot else 1.0)
    power = min(wanted, most)
    capped = wanted > most
    throttled = (THERMAL if hot else POWER_CAP if capped else 0) if load.busy > 0 else IDLE
    slower = (most / wanted) ** 0.5 if capped else 1.0
    target = settled(build, power)
    temperature = target + (now.temperature_c - target) * exp(-seconds / COOLING_S)
    warm = target + 3.0 + 6.0 * load.intensity * load.busy
    return Physical(
        temperature_c=temperature,
        memory_c=warm + (now.memory_c - warm) * exp(-seconds / MEMORY_COOLING_S),
        power_w=power,
        energy_j=now.energy_j + power * seconds,
        sm_mhz=int(kind.sm_mhz * slower) if load.busy > 0 else kind.idle_mhz,
        throttled=throttled,
        power_violation_s=now.power_violation_s + (seconds if throttled == POWER_CAP else 0.0),
        thermal_violation_s=now.thermal_violation_s + (seconds if throttled == THERMAL else 0.0),
    )


def memory_used(kind: DeviceKind, weights_bytes: int, cache_bytes: int) -> int:
    """Device memory in use: driver, weights of what sits there, and the KV cache of the calls that run."""
    return min(kind.memory_bytes, DRIVER_BYTES + weights_bytes + cache_bytes)


def events(elapsed_s: float, period_s: float, phase: float) -> int:
    """How many rare events have happened: one every `period_s`, the first after a share of it, `1 - phase`."""
    return int(elapsed_s / period_s + phase)
