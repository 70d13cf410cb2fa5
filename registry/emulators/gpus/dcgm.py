"""dcgm-exporter 4.x: its default fields and those that sites add, with its labels, helps and number formats.

Sources: NVIDIA/dcgm-exporter etc/dcp-metrics-included.csv and internal/pkg/rendermetrics. Fields of NVLink and fans are
left out where the hardware has none.
"""

from collections.abc import Sequence

from registry.emulators.gpus.hardware import MIB
from registry.emulators.gpus.rack import EmulatedDevice, EmulatedNode
from registry.emulators.gpus.sample import DeviceSample, ExporterMetric, filled, template

_DEV = (
    ExporterMetric("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz)."),
    ExporterMetric("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz)."),
    ExporterMetric("DCGM_FI_DEV_MEMORY_TEMP", "Memory temperature (in C)."),
    ExporterMetric("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C)."),
    ExporterMetric("DCGM_FI_DEV_SLOWDOWN_TEMP", "Slowdown temperature (in C)."),
    ExporterMetric("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", "%f"),
    ExporterMetric("DCGM_FI_DEV_POWER_MGMT_LIMIT", "Power limit (in W).", "%f"),
    ExporterMetric(
        "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).", kind="counter"
    ),
    ExporterMetric("DCGM_FI_DEV_PCIE_LINK_GEN", "PCIe generation."),
    ExporterMetric("DCGM_FI_DEV_PCIE_LINK_WIDTH", "PCIe width."),
    ExporterMetric("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "Total number of PCIe retries.", kind="counter"),
    ExporterMetric("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %)."),
    ExporterMetric("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %)."),
    ExporterMetric("DCGM_FI_DEV_ENC_UTIL", "Encoder utilization (in %)."),
    ExporterMetric("DCGM_FI_DEV_DEC_UTIL", "Decoder utilization (in %)."),
    ExporterMetric("DCGM_FI_DEV_PSTATE", "Performance state (0-15)."),
    ExporterMetric("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered."),
    ExporterMetric("DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "Bits of the reasons why clocks are lower."),
    ExporterMetric(
        "DCGM_FI_DEV_POWER_VIOLATION", "Throttling duration due to power constraints (in ns).", kind="counter"
    ),
    ExporterMetric(
        "DCGM_FI_DEV_THERMAL_VIOLATION", "Throttling duration due to thermal constraints (in ns).", kind="counter"
    ),
    ExporterMetric("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB)."),
    ExporterMetric("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB)."),
    ExporterMetric("DCGM_FI_DEV_FB_TOTAL", "Framebuffer memory in all (in MiB)."),
    ExporterMetric("DCGM_FI_DEV_BAR1_USED", "Used BAR1 of the GPU (in MiB)."),
    ExporterMetric("DCGM_FI_DEV_MIG_MODE", "Whether MIG is on."),
    ExporterMetric("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL", "Total single-bit volatile ECC errors.", kind="counter"),
    ExporterMetric("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "Total double-bit volatile ECC errors.", kind="counter"),
    ExporterMetric(
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "Number of remapped rows for uncorrectable errors", kind="counter"
    ),
    ExporterMetric(
        "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", "Number of remapped rows for correctable errors", kind="counter"
    ),
)
_PROF = (
    ExporterMetric("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "Ratio of time the graphics engine is active.", "%f"),
    ExporterMetric("DCGM_FI_PROF_SM_ACTIVE", "Ratio of cycles an SM has at least one warp assigned.", "%f"),
    ExporterMetric("DCGM_FI_PROF_SM_OCCUPANCY", "Ratio of warps resident on an SM.", "%f"),
    ExporterMetric("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "Ratio of cycles the tensor (HMMA) pipe is active.", "%f"),
    ExporterMetric("DCGM_FI_PROF_DRAM_ACTIVE", "Ratio of cycles the device memory interface is active.", "%f"),
    ExporterMetric("DCGM_FI_PROF_PCIE_TX_BYTES", "The rate of data transmitted over the PCIe bus, in bytes/s."),
    ExporterMetric("DCGM_FI_PROF_PCIE_RX_BYTES", "The rate of data received over the PCIe bus, in bytes per second."),
)
_LINKED = (
    ExporterMetric("DCGM_FI_PROF_NVLINK_TX_BYTES", "The rate of data transmitted over NVLink, in bytes per second."),
    ExporterMetric("DCGM_FI_PROF_NVLINK_RX_BYTES", "The rate of data received over NVLink, in bytes per second."),
)


def prepared(node: EmulatedNode, devices: Sequence[EmulatedDevice]) -> bytes:
    """The template of a node's exposition."""
    metrics = _DEV + _PROF + (_LINKED if node.kind.links else ())
    return template(metrics, [_labels(node, one) for one in devices])


def exposition(text: bytes, samples: Sequence[DeviceSample]) -> bytes:
    """The exposition now."""
    return filled(text, map(_numbers, samples))


def _labels(node: EmulatedNode, device: EmulatedDevice) -> str:
    return (
        f'gpu="{device.index}",UUID="{device.uuid}",pci_bus_id="00000000:{device.index + 1:X}1:00.0",'
        f'device="nvidia{device.index}",modelName="{node.kind.model}",Hostname="{node.name}",'
        'DCGM_FI_DRIVER_VERSION="570.124.06"'
    )


def _numbers(one: DeviceSample) -> tuple[float, ...]:
    kind, state, load = one.device.kind, one.state, one.load
    used, total = one.memory_used // MIB, kind.memory_bytes // MIB
    sm, dram, bus = one.sm_active, one.dram_active, one.bus_bytes
    numbers = (
        *(state.sm_mhz, kind.memory_mhz, round(state.memory_c), round(state.temperature_c), kind.slowdown_c),
        *(state.power_w, kind.limit_w, state.energy_j * 1000, *kind.pcie, 0),
        *(round(100 * load.busy), round(100 * dram), 0, 0, 0, one.xid, state.throttled),
        *(state.power_violation_s * 1e9, state.thermal_violation_s * 1e9, total - used, used, total, 2, 0),
        *(one.ecc_corrected, one.ecc_uncorrected, one.ecc_uncorrected, one.ecc_corrected // 8),
        *(load.busy, sm, sm * 0.4, one.tensor_active, dram, bus, 1.4 * bus),
    )
    return (*numbers, one.fabric_bytes, one.fabric_bytes) if kind.links else numbers
