"""AMD's device-metrics-exporter 1.x: names with and without the prefix `amd_`, which newer settings add."""

from routing.samples.readings import Rule, TelemetrySource

MIB = 2.0**20
SYSTEM_CLOCK = (("clock_type", "GPU_CLOCK_TYPE_SYSTEM"),)
MEMORY_CLOCK = (("clock_type", "GPU_CLOCK_TYPE_MEMORY"),)
RULES = {
    "gpu_gfx_activity": (Rule("utilization_ratio", 0.01),),
    "gpu_umc_activity": (Rule("memory_copy_utilization_ratio", 0.01),),
    "gpu_prof_sm_active": (Rule("sm_active_ratio", 0.01),),
    "gpu_prof_occupancy_percent": (Rule("sm_occupancy_ratio", 0.01),),
    "gpu_prof_gui_util_percent": (Rule("engine_active_ratio", 0.01),),
    "gpu_prof_tensor_active_percent": (Rule("tensor_active_ratio", 0.01),),
    "gpu_used_vram": (Rule("memory_used_bytes", MIB),),
    "gpu_free_vram": (Rule("memory_free_bytes", MIB),),
    "gpu_total_vram": (Rule("memory_total_bytes", MIB),),
    "gpu_junction_temperature": (Rule("temperature_celsius"),),
    "gpu_edge_temperature": (Rule("temperature_celsius"),),
    "gpu_memory_temperature": (Rule("memory_temperature_celsius"),),
    "gpu_hbm_temperature": (Rule("memory_temperature_celsius", several="max"),),
    "gpu_package_power": (Rule("power_watts"),),
    "gpu_average_package_power": (Rule("power_watts"),),
    "gpu_power_usage": (Rule("power_watts"),),
    "gpu_energy_consumed": (Rule("energy_joules_total", 1e-6),),
    "gpu_clock": (
        Rule("sm_clock_hertz", 1e6, SYSTEM_CLOCK, "max"),
        Rule("memory_clock_hertz", 1e6, MEMORY_CLOCK, "max"),
    ),
    "pcie_replay_count": (Rule("pcie_replays_total"),),
    "gpu_xgmi_link_rx": (Rule("fabric_receive_bytes_total", 1e3, several="sum"),),
    "gpu_xgmi_link_tx": (Rule("fabric_transmit_bytes_total", 1e3, several="sum"),),
    "gpu_gfx_voltage": (Rule("voltage_volts", 1e-3),),
    "gpu_ecc_correct_total": (Rule("ecc_corrected_errors_total"),),
    "gpu_ecc_uncorrect_total": (Rule("ecc_uncorrected_errors_total"),),
    "gpu_health": (Rule("healthy"),),
}
SOURCE = TelemetrySource(
    name="amd",
    rules={f"{prefix}{metric}": rules for metric, rules in RULES.items() for prefix in ("", "amd_")},
    identity=(("gpu_uuid",), ("serial_number", "gpu_partition_id"), ("gpu_id",)),
    labels={"index": "gpu_id", "model": "card_series", "node": "hostname", "instance": "gpu_compute_partition_type"},
)
