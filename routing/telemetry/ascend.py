"""Huawei's npu-exporter for Ascend, 5.x to 7.x: labels in snake case, and those of older versions."""

from routing.samples.readings import Rule, TelemetrySource

MB = 2.0**20
MEAN = (("pcie_bw_type", "avgPcieBw"),)
SOURCE = TelemetrySource(
    name="ascend",
    rules={
        "npu_chip_info_utilization": (Rule("utilization_ratio", 0.01),),
        "npu_chip_info_overall_utilization": (Rule("engine_active_ratio", 0.01),),
        "npu_chip_info_hbm_bandwidth_utilization": (Rule("memory_copy_utilization_ratio", 0.01),),
        "npu_chip_info_vector_utilization": (Rule("sm_active_ratio", 0.01),),
        "npu_chip_info_cube_utilization": (Rule("tensor_active_ratio", 0.01),),
        "npu_chip_info_hbm_used_memory": (Rule("memory_used_bytes", MB),),
        "npu_chip_info_hbm_total_memory": (Rule("memory_total_bytes", MB),),
        "npu_chip_info_used_memory": (Rule("memory_used_bytes", MB),),
        "npu_chip_info_total_memory": (Rule("memory_total_bytes", MB),),
        "npu_chip_info_temperature": (Rule("temperature_celsius"),),
        "npu_chip_info_hbm_temperature": (Rule("memory_temperature_celsius"),),
        "npu_chip_info_power": (Rule("power_watts"),),
        "npu_chip_info_aicore_current_freq": (Rule("sm_clock_hertz", 1e6),),
        "npu_chip_info_pcie_rx_p_bw": (Rule("pcie_receive_bytes_per_second", 1e9, MEAN),),
        "npu_chip_info_pcie_tx_p_bw": (Rule("pcie_transmit_bytes_per_second", 1e9, MEAN),),
        "npu_chip_info_bandwidth_rx": (Rule("fabric_receive_bytes_per_second", 1e6),),
        "npu_chip_info_bandwidth_tx": (Rule("fabric_transmit_bytes_per_second", 1e6),),
        "npu_chip_info_voltage": (Rule("voltage_volts"),),
        "npu_chip_info_hbm_ecc_single_bit_error_cnt": (Rule("ecc_corrected_errors_total"),),
        "npu_chip_info_hbm_ecc_double_bit_error_cnt": (Rule("ecc_uncorrected_errors_total"),),
        "npu_chip_info_hbm_ecc_single_bit_isolated_pages_cnt": (Rule("remapped_rows_corrected_total"),),
        "npu_chip_info_hbm_ecc_double_bit_isolated_pages_cnt": (Rule("remapped_rows_uncorrected_total"),),
        "npu_chip_info_error_code": (Rule("last_error"),),
        "npu_chip_info_health_status": (Rule("healthy"),),
        "npu_chip_info_process_info_num": (Rule("processes"),),
        "npu_chip_info_process_info": (Rule("process_memory_bytes", MB, several="sum"),),
    },
    identity=(("vdie_id",), ("vdieID",), ("id",), ("npuID",)),
    labels={"index": "id", "model": "model_name"},
    blanks=frozenset({-1.0}),
)
