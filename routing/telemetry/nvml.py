"""NVIDIA's management library (NVML): which of its functions, fields and metrics give which series, in which unit.

Units and meanings: https://docs.nvidia.com/deploy/nvml-api/ and nvml.h. The library is there only on a machine with
NVIDIA's driver; routing.agent asks it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml

Handle = Any
KIB, MIB = 2.0**10, 2.0**20
ALL_LINKS = 0xFFFFFFFF
"""The scope of a field that sums up every NVLink."""
UNKNOWN_STATE = 32


@dataclass(frozen=True, slots=True)
class NvmlCall:
    """One NVML function: the series that it gives, and how to ask a handle; None stands for a value not given.

    It is not made if all of its series are known already. `slow` ones tell what seldom changes.
    """

    name: str
    series: tuple[str, ...]
    ask: Callable[[Handle], tuple[float | None, ...]]
    slow: bool = False


def _one(name: str, series: str, scale: float = 1.0, *given: int, slow: bool = False) -> NvmlCall:
    """A call that returns one number."""
    function = getattr(pynvml, name)
    return NvmlCall(name, (series,), lambda handle: (function(handle, *given) * scale,), slow)


def _utilization(handle: Handle) -> tuple[float, float]:
    found = pynvml.nvmlDeviceGetUtilizationRates(handle)
    return found.gpu / 100, found.memory / 100


def _memory(handle: Handle) -> tuple[float, float, float]:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    return found.used, found.free, found.total


def _older_memory(handle: Handle) -> tuple[float, float, float]:
    found = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return found.used, found.free, found.total


def _violation(policy: int) -> Callable[[Handle], tuple[float]]:
    return lambda handle: (pynvml.nvmlDeviceGetViolationStatus(handle, policy).violationTime / 1e9,)


def _state(handle: Handle) -> tuple[float | None]:
    found = pynvml.nvmlDeviceGetPerformanceState(handle)
    return (None if found == UNKNOWN_STATE else found,)


def _processes(handle: Handle) -> tuple[float, float | None]:
    found = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    known = [one.usedGpuMemory for one in found if one.usedGpuMemory is not None]
    return len(found), float(sum(known)) if len(known) == len(found) else None


MEMORY = ("memory_used_bytes", "memory_free_bytes", "memory_total_bytes")
OF_SLICES = (
    NvmlCall("nvmlDeviceGetMemoryInfo_v2", MEMORY, _memory),
    NvmlCall("nvmlDeviceGetMemoryInfo", MEMORY, _older_memory),
    NvmlCall("nvmlDeviceGetComputeRunningProcesses", ("processes", "process_memory_bytes"), _processes, slow=True),
)
"""What NVML gives of a MIG slice too, beside GPM."""
CALLS = (
    NvmlCall("nvmlDeviceGetUtilizationRates", ("utilization_ratio", "memory_copy_utilization_ratio"), _utilization),
    *OF_SLICES,
    _one("nvmlDeviceGetTemperatureV", "temperature_celsius", 1.0, pynvml.NVML_TEMPERATURE_GPU),
    _one("nvmlDeviceGetTemperature", "temperature_celsius", 1.0, pynvml.NVML_TEMPERATURE_GPU),
    _one("nvmlDeviceGetMarginTemperature", "thermal_margin_celsius"),
    _one(
        "nvmlDeviceGetTemperatureThreshold",
        "slowdown_temperature_celsius",
        1.0,
        pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN,
        slow=True,
    ),
    _one("nvmlDeviceGetPowerUsage", "power_watts", 1e-3),
    _one("nvmlDeviceGetTotalEnergyConsumption", "energy_joules_total", 1e-3),
    _one("nvmlDeviceGetEnforcedPowerLimit", "power_limit_watts", 1e-3, slow=True),
    _one("nvmlDeviceGetClockInfo", "sm_clock_hertz", 1e6, pynvml.NVML_CLOCK_SM),
    _one("nvmlDeviceGetClockInfo", "memory_clock_hertz", 1e6, pynvml.NVML_CLOCK_MEM),
    _one("nvmlDeviceGetCurrentClocksEventReasons", "throttle_reasons"),
    _one("nvmlDeviceGetCurrentClocksThrottleReasons", "throttle_reasons"),
    NvmlCall(
        "nvmlDeviceGetViolationStatus", ("power_violation_seconds_total",), _violation(pynvml.NVML_PERF_POLICY_POWER)
    ),
    NvmlCall(
        "nvmlDeviceGetViolationStatus",
        ("thermal_violation_seconds_total",),
        _violation(pynvml.NVML_PERF_POLICY_THERMAL),
    ),
    _one("nvmlDeviceGetCurrPcieLinkGeneration", "pcie_generation", slow=True),
    _one("nvmlDeviceGetCurrPcieLinkWidth", "pcie_width", slow=True),
    _one("nvmlDeviceGetPcieReplayCounter", "pcie_replays_total", slow=True),
    NvmlCall(
        "nvmlDeviceGetEncoderUtilization",
        ("encoder_active_ratio",),
        lambda handle: (pynvml.nvmlDeviceGetEncoderUtilization(handle)[0] / 100,),
    ),
    NvmlCall(
        "nvmlDeviceGetDecoderUtilization",
        ("decoder_active_ratio",),
        lambda handle: (pynvml.nvmlDeviceGetDecoderUtilization(handle)[0] / 100,),
    ),
    _one("nvmlDeviceGetFanSpeed", "fan_speed_ratio", 0.01, slow=True),
    NvmlCall("nvmlDeviceGetPerformanceState", ("performance_state",), _state),
    _one(
        "nvmlDeviceGetTotalEccErrors",
        "ecc_corrected_errors_total",
        1.0,
        pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
        pynvml.NVML_VOLATILE_ECC,
        slow=True,
    ),
    _one(
        "nvmlDeviceGetTotalEccErrors",
        "ecc_uncorrected_errors_total",
        1.0,
        pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
        pynvml.NVML_VOLATILE_ECC,
        slow=True,
    ),
    NvmlCall(
        "nvmlDeviceGetRemappedRows",
        ("remapped_rows_corrected_total", "remapped_rows_uncorrected_total"),
        lambda handle: pynvml.nvmlDeviceGetRemappedRows(handle)[:2],
        slow=True,
    ),
    NvmlCall(
        "nvmlDeviceGetBAR1MemoryInfo",
        ("bar1_used_bytes",),
        lambda handle: (pynvml.nvmlDeviceGetBAR1MemoryInfo(handle).bar1Used,),
        slow=True,
    ),
    NvmlCall(
        "nvmlDeviceGetMigMode", ("mig_enabled",), lambda handle: (pynvml.nvmlDeviceGetMigMode(handle)[0],), slow=True
    ),
)


@dataclass(frozen=True, slots=True)
class NvmlField:
    """A number that nvmlDeviceGetFieldValues gives: all fields of a device are asked for at once."""

    name: str
    series: str
    scale: float = 1.0
    scope: int = 0

    @property
    def number(self) -> int:
        """NVML's number of the field."""
        return int(getattr(pynvml, self.name))


FIELDS = (
    NvmlField("NVML_FI_DEV_MEMORY_TEMP", "memory_temperature_celsius"),
    NvmlField("NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "energy_joules_total", 1e-3),
    NvmlField("NVML_FI_DEV_PCIE_REPLAY_COUNTER", "pcie_replays_total"),
    NvmlField("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX", "fabric_receive_bytes_total", KIB, ALL_LINKS),
    NvmlField("NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX", "fabric_transmit_bytes_total", KIB, ALL_LINKS),
    NvmlField("NVML_FI_DEV_ECC_SBE_VOL_TOTAL", "ecc_corrected_errors_total"),
    NvmlField("NVML_FI_DEV_ECC_DBE_VOL_TOTAL", "ecc_uncorrected_errors_total"),
    NvmlField("NVML_FI_DEV_REMAPPED_COR", "remapped_rows_corrected_total"),
    NvmlField("NVML_FI_DEV_REMAPPED_UNC", "remapped_rows_uncorrected_total"),
)
PCIE_COUNTERS = (
    NvmlField("NVML_FI_DEV_PCIE_COUNT_RX_BYTES", "pcie_receive_bytes_per_second"),
    NvmlField("NVML_FI_DEV_PCIE_COUNT_TX_BYTES", "pcie_transmit_bytes_per_second"),
)
"""Counters of bytes, of which the agent makes rates where GPM gives none."""
PCIE_THROUGHPUT = (
    _one("nvmlDeviceGetPcieThroughput", "pcie_receive_bytes_per_second", KIB, pynvml.NVML_PCIE_UTIL_RX_BYTES),
    _one("nvmlDeviceGetPcieThroughput", "pcie_transmit_bytes_per_second", KIB, pynvml.NVML_PCIE_UTIL_TX_BYTES),
)
"""For devices with neither: each call looks at the bus for 20 ms."""
GPM: dict[str, tuple[str, float]] = {
    "NVML_GPM_METRIC_GRAPHICS_UTIL": ("engine_active_ratio", 0.01),
    "NVML_GPM_METRIC_SM_UTIL": ("sm_active_ratio", 0.01),
    "NVML_GPM_METRIC_SM_OCCUPANCY": ("sm_occupancy_ratio", 0.01),
    "NVML_GPM_METRIC_ANY_TENSOR_UTIL": ("tensor_active_ratio", 0.01),
    "NVML_GPM_METRIC_DRAM_BW_UTIL": ("dram_active_ratio", 0.01),
    "NVML_GPM_METRIC_PCIE_RX_PER_SEC": ("pcie_receive_bytes_per_second", MIB),
    "NVML_GPM_METRIC_PCIE_TX_PER_SEC": ("pcie_transmit_bytes_per_second", MIB),
    "NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC": ("fabric_receive_bytes_per_second", MIB),
    "NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC": ("fabric_transmit_bytes_per_second", MIB),
}
"""Metrics of Hopper and later, each over the time between two samples."""
XID = "nvmlEventTypeXidCriticalError"


def names(series: str) -> list[str]:
    """What NVML calls a series: its metrics, fields and functions, in the order in which they are asked."""
    found = [name for name, (given, _) in GPM.items() if given == series]
    found += [one.name for one in (*FIELDS, *PCIE_COUNTERS) if one.series == series]
    found += [one.name for one in (*CALLS, *PCIE_THROUGHPUT) if series in one.series]
    return [*dict.fromkeys([*found, XID] if series == "last_error" else found)]
