"""Huawei's npu-exporter 6.0 for Ascend: labels in snake case, a time in milliseconds behind each number.

Source: the list of metrics in MindCluster's manual of npu-exporter. It tells no energy and no host name.
"""

import time
from collections.abc import Sequence

from registry.emulators.gpus.hardware import MIB
from registry.emulators.gpus.rack import EmulatedDevice, EmulatedNode
from registry.emulators.gpus.sample import DeviceSample, ExporterMetric, filled, template

_BANDWIDTH = 'pcie_bw_type="avgPcieBw"'
_NAMES = (
    ("utilization", "%d", ""),
    ("overall_utilization", "%d", ""),
    ("vector_utilization", "%d", ""),
    ("cube_utilization", "%d", ""),
    ("hbm_bandwidth_utilization", "%d", ""),
    ("hbm_used_memory", "%d", ""),
    ("hbm_total_memory", "%d", ""),
    ("temperature", "%d", ""),
    ("hbm_temperature", "%d", ""),
    ("power", "%.1f", ""),
    ("aicore_current_freq", "%d", ""),
    ("voltage", "%.2f", ""),
    ("health_status", "%d", ""),
    ("error_code", "%d", ""),
    ("hbm_ecc_single_bit_error_cnt", "%d", ""),
    ("hbm_ecc_double_bit_error_cnt", "%d", ""),
    ("bandwidth_rx", "%.3f", ""),
    ("bandwidth_tx", "%.3f", ""),
    ("pcie_rx_p_bw", "%.4f", _BANDWIDTH),
    ("pcie_tx_p_bw", "%.4f", _BANDWIDTH),
    ("process_info_num", "%d", ""),
)
_METRICS = tuple(
    ExporterMetric(f"npu_chip_info_{name}", f"the npu's npu_chip_info_{name}", number, labels=labels)
    for name, number, labels in _NAMES
)
_MOMENT = b" \x00\n"
"""Where the time goes: a byte that no label holds."""


def prepared(node: EmulatedNode, devices: Sequence[EmulatedDevice]) -> bytes:
    """The template of a node's exposition."""
    return template(_METRICS, [_labels(node, one) for one in devices], _MOMENT.decode().rstrip("\n"))


def exposition(text: bytes, samples: Sequence[DeviceSample]) -> bytes:
    """The exposition now."""
    return filled(text, map(_numbers, samples)).replace(_MOMENT, b" %d\n" % (time.time() * 1000))


def _labels(node: EmulatedNode, device: EmulatedDevice) -> str:
    return (
        f'container_name="",id="{device.index}",model_name="{node.kind.model}",namespace="",'
        f'pcie_bus_info="0000:C{device.index}:00.0",pod_name="",vdie_id="{device.uuid}"'
    )


def _numbers(one: DeviceSample) -> tuple[float, ...]:
    kind, state, load = one.device.kind, one.state, one.load
    busy, fabric, bus = round(100 * load.busy), one.fabric_bytes / 1e6, one.bus_bytes / 1e9
    return (
        *(busy, busy, round(100 * one.sm_active), round(100 * one.tensor_active), round(100 * one.dram_active)),
        *(one.memory_used // MIB, kind.memory_bytes // MIB, round(state.temperature_c), round(state.memory_c)),
        *(state.power_w, state.sm_mhz, 0.8 + 0.05 * load.busy, not one.xid, one.xid),
        *(one.ecc_corrected, one.ecc_uncorrected, fabric, fabric, bus, bus, one.models),
    )
