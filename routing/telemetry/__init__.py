"""Collectors, a file each: what a source of telemetry calls things. NVML is beside them, for agents on GPU nodes."""

from routing.telemetry import amd, ascend, dcgm, llamacpp, sglang, tgi, triton, vllm

DEVICE_SOURCES = {one.SOURCE.name: one.SOURCE for one in (dcgm, amd, ascend)}
"""Exporters of devices that are scraped, by name."""
ENGINE_SOURCES = {one.SOURCE.name: one.SOURCE for one in (vllm, sglang, tgi, triton, llamacpp)}
"""Model servers that tell about their models, by name."""
