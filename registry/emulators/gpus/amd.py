"""AMD's device-metrics-exporter 1.4, with the prefix `amd_` that newer settings add.

Source: ROCm/device-metrics-exporter docs/configuration/metricslist.md.
"""

from collections.abc import Sequence

from registry.emulators.gpus.hardware import MIB
from registry.emulators.gpus.rack import EmulatedDevice, EmulatedNode
from registry.emulators.gpus.sample import DeviceSample, ExporterMetric, filled, template

_NAMES = (
    ("gpu_gfx_activity", "%d", ""),
    ("gpu_umc_activity", "%d", ""),
    ("gpu_prof_sm_active", "%.2f", ""),
    ("gpu_prof_occupancy_percent", "%.2f", ""),
    ("gpu_prof_gui_util_percent", "%.2f", ""),
    ("gpu_prof_tensor_active_percent", "%.2f", ""),
    ("gpu_package_power", "%d", ""),
    ("gpu_energy_consumed", "%.17g", ""),
    ("gpu_used_vram", "%d", ""),
    ("gpu_free_vram", "%d", ""),
    ("gpu_total_vram", "%d", ""),
    ("gpu_junction_temperature", "%d", ""),
    ("gpu_memory_temperature", "%d", ""),
    ("gpu_clock", "%d", 'clock_index="0",clock_type="GPU_CLOCK_TYPE_SYSTEM"'),
    ("gpu_clock", "%d", 'clock_index="8",clock_type="GPU_CLOCK_TYPE_MEMORY"'),
    ("pcie_replay_count", "%d", ""),
    ("gpu_gfx_voltage", "%d", ""),
    ("gpu_ecc_correct_total", "%d", ""),
    ("gpu_ecc_uncorrect_total", "%d", ""),
    ("gpu_health", "%d", ""),
)
_METRICS = tuple(ExporterMetric(f"amd_{name}", name, number, labels=labels) for name, number, labels in _NAMES)


def prepared(node: EmulatedNode, devices: Sequence[EmulatedDevice]) -> bytes:
    """The template of a node's exposition."""
    return template(_METRICS, [_labels(node, one) for one in devices])


def exposition(text: bytes, samples: Sequence[DeviceSample]) -> bytes:
    """The exposition now."""
    return filled(text, map(_numbers, samples))


def _labels(node: EmulatedNode, device: EmulatedDevice) -> str:
    serial, _, partition = device.uuid.partition("/")
    return (
        f'card_model="102-G30211-0C",card_series="{node.kind.model}",card_vendor="AMD",driver_version="6.10.5",'
        f'gpu_compute_partition_type="spx",gpu_id="{device.index}",gpu_memory_partition_type="nps1",'
        f'gpu_partition_id="{partition}",hostname="{node.name}",serial_number="{serial}"'
    )


def _numbers(one: DeviceSample) -> tuple[float, ...]:
    kind, state, load = one.device.kind, one.state, one.load
    used, total = one.memory_used // MIB, kind.memory_bytes // MIB
    sm = 100 * one.sm_active
    return (
        *(round(100 * load.busy), round(100 * one.dram_active), sm, 0.4 * sm, 100 * load.busy, 100 * one.tensor_active),
        *(round(state.power_w), state.energy_j * 1e6, used, total - used, total),
        *(round(state.temperature_c), round(state.memory_c), state.sm_mhz, kind.memory_mhz, 0),
        *(650 + 250 * load.busy, one.ecc_corrected, one.ecc_uncorrected, not one.xid),
    )
