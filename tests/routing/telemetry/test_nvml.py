"""NVML through its real C border: every dimension, what is not supported, what is lost and comes back, MIG, XIDs."""

from collections.abc import Callable

import pynvml
import pytest

from routing.agent import devices as searching
from routing.agent.devices import NvmlAbsent, NvmlDevices
from routing.agent.watched import SLOW_TICKS
from routing.samples.dimensions import DIMENSIONS, FIRST_ENGINE_POSITION, SERIES
from routing.telemetry import nvml
from tests.routing.telemetry.nvml_emulator import GIB, GPM, EmulatedGpu, EmulatedNvml

Emulate = Callable[..., EmulatedNvml]


@pytest.fixture
def emulate() -> Emulate:
    def installed(*gpus: EmulatedGpu) -> EmulatedNvml:
        library = EmulatedNvml(list(gpus))
        library.install()
        return library

    return installed


@pytest.fixture(autouse=True)
def _no_library() -> object:
    yield
    pynvml.nvmlLib = None
    pynvml._nvmlGetFunctionPointer_cache.clear()


def opened() -> NvmlDevices:
    found = NvmlDevices()
    found.open()
    return found


def test_a_hopper_gives_every_dimension_in_our_units(emulate: Emulate) -> None:
    emulate(EmulatedGpu("GPU-a", gpm=GPM))
    devices = opened()
    devices.read()
    reading = devices.read()
    values = reading.subjects["GPU-a"].values
    assert reading.complaints == ()
    ours = {series.name for one in DIMENSIONS for series in one.series if nvml.names(series.name)}
    assert ours - values.keys() == set()
    assert {name: values[name] for name in EXPECTED} == pytest.approx(EXPECTED)


EXPECTED = {
    "utilization_ratio": 0.73, "memory_copy_utilization_ratio": 0.41, "sm_active_ratio": 0.66,
    "sm_occupancy_ratio": 0.40, "engine_active_ratio": 0.71, "tensor_active_ratio": 0.33, "dram_active_ratio": 0.55,
    "memory_used_bytes": 60 * GIB, "memory_free_bytes": 19 * GIB, "memory_total_bytes": 80 * GIB,
    "temperature_celsius": 61, "memory_temperature_celsius": 71, "thermal_margin_celsius": 26,
    "slowdown_temperature_celsius": 87, "power_watts": 412.345, "energy_joules_total": 9_876_543.21,
    "power_limit_watts": 700, "sm_clock_hertz": 1.755e9, "memory_clock_hertz": 2.619e9, "throttle_reasons": 4,
    "power_violation_seconds_total": 12.5, "pcie_receive_bytes_per_second": 5 * 2**20,
    "pcie_transmit_bytes_per_second": 3 * 2**20, "fabric_receive_bytes_total": 400 * 1024,
    "fabric_transmit_bytes_per_second": 8 * 2**20, "encoder_active_ratio": 0.05, "fan_speed_ratio": 0.45,
    "performance_state": 0, "ecc_corrected_errors_total": 6, "remapped_rows_uncorrected_total": 2, "last_error": 0,
    "processes": 1, "process_memory_bytes": 58 * GIB, "bar1_used_bytes": 2 * GIB, "mig_enabled": 0,
}  # fmt: skip


def test_what_is_not_supported_is_absent_and_asked_once(emulate: Emulate) -> None:
    missing = {"nvmlDeviceGetFanSpeed", "nvmlDeviceGetMarginTemperature", "nvmlDeviceGetUtilizationRates"}
    library = emulate(EmulatedGpu("GPU-a", missing=missing, fields={82: None}))
    devices = opened()
    for _ in range(2 * SLOW_TICKS):
        values = devices.read().subjects["GPU-a"].values
    absent = {"fan_speed_ratio", "thermal_margin_celsius", "utilization_ratio", "memory_temperature_celsius"}
    assert not absent & values.keys()
    assert {library.calls[name] for name in (*missing, "field 82")} == {1}
    assert library.calls["nvmlDeviceGetPowerUsage"] == 2 * SLOW_TICKS


def test_what_seldom_changes_is_asked_every_ten_seconds_and_given_every_time(emulate: Emulate) -> None:
    library = emulate(EmulatedGpu("GPU-a"))
    devices = opened()
    before = library.calls["nvmlDeviceGetEnforcedPowerLimit"]
    for _ in range(2 * SLOW_TICKS):
        assert devices.read().subjects["GPU-a"].values["power_limit_watts"] == 700
    assert library.calls["nvmlDeviceGetEnforcedPowerLimit"] - before == 2


def test_a_counter_of_bytes_becomes_a_rate_and_may_wrap(emulate: Emulate, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = EmulatedGpu("GPU-a", fields={197: 2**32 - 1000, 198: 500}, missing={"nvmlDeviceGetPcieThroughput"})
    emulate(gpu)
    devices, clock = opened(), [100.0]
    monkeypatch.setattr("routing.agent.devices.time.monotonic", lambda: clock[0])
    assert "pcie_transmit_bytes_per_second" not in devices.read().subjects["GPU-a"].values
    clock[0], gpu.fields = 102.0, {197: 3000, 198: 500}
    values = devices.read().subjects["GPU-a"].values
    assert values["pcie_transmit_bytes_per_second"] == 2000
    assert values["pcie_receive_bytes_per_second"] == 0


def test_what_cannot_be_true_is_left_out_and_told(emulate: Emulate) -> None:
    gpu = EmulatedGpu("GPU-a", gpm={**GPM, 5: float("nan"), 2: 250.0}, numbers={"nvmlDeviceGetFanSpeed": 4_000_000_000})
    emulate(gpu)
    devices = opened()
    devices.read()
    reading = devices.read()
    assert not {"tensor_active_ratio", "sm_active_ratio", "fan_speed_ratio"} & reading.subjects["GPU-a"].values.keys()
    told = {(one.fault, one.metric, one.subject) for one in reading.complaints}
    assert told == {
        ("not a number", "NVML_GPM_METRIC_ANY_TENSOR_UTIL", "GPU-a"),
        ("out of range", "NVML_GPM_METRIC_SM_UTIL", "GPU-a"),
        ("out of range", "nvmlDeviceGetFanSpeed", "GPU-a"),
    }


def test_a_lost_device_is_told_the_others_go_on_and_it_is_found_again(
    emulate: Emulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, other = EmulatedGpu("GPU-a", gpm=GPM), EmulatedGpu("GPU-b", bus=2, gpm=GPM)
    library = emulate(lost, other)
    devices, clock = opened(), [100.0]
    monkeypatch.setattr("routing.agent.devices.time.monotonic", lambda: clock[0])
    assert devices.read().subjects.keys() == {"GPU-a", "GPU-b"}
    lost.lost = True
    library.events.append(("GPU-a", 79))
    reading = devices.read()
    assert reading.subjects.keys() == {"GPU-b"}
    assert [(one.fault, one.subject, one.value) for one in reading.complaints] == [
        ("lost", "GPU-a", "GPU is lost (XID 79)")
    ]
    assert [one.uuid for one in devices.facts()] == ["GPU-b"]
    clock[0] += searching.SHORTEST_SEARCH
    assert devices.read().subjects.keys() == {"GPU-b"}
    lost.lost = False
    clock[0] += searching.LONGEST_SEARCH
    reading = devices.read()
    assert reading.subjects.keys() == {"GPU-a", "GPU-b"}
    assert reading.complaints == ()
    assert reading.subjects["GPU-a"].values["last_error"] == 79
    assert library.calls["gpm samples"] == 4
    devices.close()
    assert library.calls["gpm samples"] == 0


def test_a_driver_that_is_loaded_anew(emulate: Emulate, monkeypatch: pytest.MonkeyPatch) -> None:
    library = emulate(EmulatedGpu("GPU-a"))
    devices, clock = opened(), [100.0]
    monkeypatch.setattr("routing.agent.devices.time.monotonic", lambda: clock[0])
    devices.read()
    library.loaded = False
    for _ in range(3):
        reading = devices.read()
        clock[0] += searching.SHORTEST_SEARCH
    assert reading.subjects == {}
    assert [one.subject for one in reading.complaints] == ["GPU-a"]
    library.loaded = True
    clock[0] += searching.LONGEST_SEARCH
    assert devices.read().subjects.keys() == {"GPU-a"}


def test_a_device_that_is_plugged_in_later_is_found(emulate: Emulate) -> None:
    library = emulate(EmulatedGpu("GPU-a"))
    devices = opened()
    devices.read()
    library.gpus.append(EmulatedGpu("GPU-b", bus=2))
    for _ in range(SLOW_TICKS):
        reading = devices.read()
    assert reading.subjects.keys() == {"GPU-a", "GPU-b"}


def test_slices_have_memory_and_activity_of_their_own(emulate: Emulate) -> None:
    slices = [
        EmulatedGpu(f"MIG-{one}", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", memory=(GIB, 9 * GIB, 10 * GIB), gpm={2: one})
        for one in (10.0, 20.0)
    ]
    whole = EmulatedGpu("GPU-a", gpm=GPM, slices=slices, missing={"nvmlDeviceGetUtilizationRates"})
    library = emulate(whole)
    devices = opened()
    devices.read()
    subjects = devices.read().subjects
    assert subjects["GPU-a"].values["mig_enabled"] == 1
    assert [subjects[one.uuid].values["sm_active_ratio"] for one in slices] == [0.1, 0.2]
    assert subjects["MIG-10.0"].values["memory_total_bytes"] == 10 * GIB
    assert "power_watts" not in subjects["MIG-10.0"].values
    facts = {one.uuid: one for one in devices.facts()}
    assert facts["MIG-20.0"].parent == "GPU-a"
    assert facts["MIG-20.0"].memory_bytes == 10 * GIB
    slices.pop()
    for _ in range(SLOW_TICKS):
        devices.read()
    assert [one.uuid for one in devices.facts()] == ["GPU-a", "MIG-10.0"]
    assert library.calls["gpm samples"] == 4


def test_facts_of_devices_and_their_links(emulate: Emulate) -> None:
    emulate(
        EmulatedGpu("GPU-a", links={0: 2, 1: 2, 2: 99}), EmulatedGpu("GPU-b", bus=2, missing={"nvmlDeviceGetSerial"})
    )
    first, second = opened().facts()
    assert (first.vendor, first.model, first.serial) == ("nvidia", "NVIDIA H100 80GB HBM3", "1650000000001")
    assert (first.index, first.memory_bytes, first.power_limit_w) == (0, 80 * GIB, 700)
    assert first.links == [{"to": "GPU-b", "kind": "nvlink"}]
    assert (second.serial, second.index, second.links) == (None, 1, [])


def test_a_machine_without_a_device_says_so_in_a_sentence(emulate: Emulate) -> None:
    with pytest.raises(NvmlAbsent, match=r"NVIDIA's driver is not installed here \(there is no libnvidia-ml.so.1\)"):
        opened()
    emulate()
    with pytest.raises(NvmlAbsent, match="NVIDIA's driver sees no GPU"):
        opened()
    emulate(EmulatedGpu("GPU-a")).loaded = False
    with pytest.raises(NvmlAbsent, match="installed and not loaded"):
        opened()


def test_every_name_is_one_of_nvml_and_gives_a_series_of_devices() -> None:
    known = {name for series in SERIES for name in nvml.names(series)}
    assert all(hasattr(pynvml, name) or hasattr(pynvml, name.removesuffix("_v2")) for name in known)
    assert all(one.position < FIRST_ENGINE_POSITION for one in SERIES.values() if nvml.names(one.name))
